from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from catsync_core.errors import DamagedError, UnsupportedFormatError
from catsync_core.events import Warned
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest, load_manifest_bytes, save_manifest
from catsync_core.store.pointer import Installed, read_pointer, write_pointer

Install = Callable[[int, dict[str, bytes | None]], Installed]


def test_nothing_stored_is_not_an_error(store: CatalogStore) -> None:
    told: list[object] = []
    assert read_pointer(CatalogStore(store.home / "nowhere", "shoes"), told.append) is None
    assert read_pointer(store, told.append) is None
    assert told == []


def test_a_catalog_that_is_removed_while_it_is_looked_at_is_not_there(
    store: CatalogStore, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(1, {"a": b"1"})
    exists = CatalogStore.exists

    def exist_no_longer(store: CatalogStore) -> bool:
        found = exists(store)
        if found:
            store.root.rename(store.home / "removed")
        return found

    monkeypatch.setattr(CatalogStore, "exists", exist_no_longer)
    assert read_pointer(store) is None
    assert not store.root.exists()


def test_what_was_written_is_read(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    installed = install(2, {"a": b"2"})
    assert read_pointer(store) == installed
    assert installed.previous is not None
    assert (installed.version, installed.previous.version) == (2, 1)


def spoil_bit(data: bytes) -> bytes:
    return data.replace(b'"installed_at":17', b'"installed_at":18')


@pytest.mark.parametrize(
    "spoil", [lambda _: b"", lambda data: data[:-10], lambda _: b"\0" * 300, lambda _: b'{"format":1}', spoil_bit, None]
)
def test_a_damaged_pointer_falls_back_and_says_so(
    store: CatalogStore, install: Install, spoil: Callable[[bytes], bytes] | None
) -> None:
    install(1, {"a": b"1"})
    installed = install(2, {"a": b"2"})
    path = store.root / ".catsync/current"
    data = path.read_bytes()
    path.unlink()
    if spoil is not None:
        assert spoil(data) != data
        path.write_bytes(spoil(data))
    told: list[object] = []
    assert read_pointer(store, told.append) == installed  # with what came before it
    assert isinstance(told[0], Warned)
    assert told[0].subject == "shoes"
    assert "version 2 is used" in told[0].message


def test_a_missing_version_falls_back_to_a_complete_one(store: CatalogStore, install: Install) -> None:
    for version in (1, 2):
        install(version, {"a": b"%d" % version, "b": b"same"})
    store.version_path(2).rename(store.home / "moved")
    found = read_pointer(store)
    assert found is not None
    assert (found.version, found.previous) == (1, None)
    (store.version_path(1) / "a").unlink()
    (store.version_path(1) / "a").write_bytes(b"another size")
    told: list[object] = []
    assert read_pointer(store, told.append) is None
    assert "no complete version was found" in str(told)
    assert store.version_path(1).exists()


def test_a_pointer_of_a_newer_catsync_is_refused(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    path = store.root / ".catsync/current"
    path.write_text(json.dumps({"format": 2, "other": True}))
    with pytest.raises(UnsupportedFormatError, match="format 2"):
        read_pointer(store)


def test_a_pointer_of_unknown_fields_is_read(store: CatalogStore, install: Install) -> None:
    installed = install(1, {"a": b"1"})
    path = store.root / ".catsync/current"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "later": 1}))
    assert read_pointer(store) == installed


@pytest.mark.parametrize("damage", [b"", b"other", None])
def test_a_manifest_is_verified_whenever_it_is_read(
    store: CatalogStore, install: Install, damage: bytes | None
) -> None:
    installed = install(1, {"a": b"1"})
    data = load_manifest_bytes(store, installed)
    path = store.root / ".catsync/manifests/1"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(DamagedError, match="manifest of version 1"):
        load_manifest(store, installed)
    save_manifest(store, installed, data)
    assert load_manifest(store, installed).version == 1


def test_a_record_of_another_version_is_no_candidate(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    manifests = store.root / ".catsync/manifests"
    (manifests / "7").write_bytes((manifests / "1").read_bytes())
    (manifests / "7.json").write_bytes((manifests / "1.json").read_bytes())
    (manifests / "8.json").write_bytes(b"{}")
    store.version_path(7).mkdir()
    (store.root / ".catsync/current").unlink()
    found = read_pointer(store)
    assert found is not None
    assert found.version == 1


def test_writing_leaves_nothing_beside(store: CatalogStore, install: Install) -> None:
    installed = install(1, {"a": b"1"})
    (store.root / ".catsync/current.new").write_bytes(b"left by a kill")
    write_pointer(store, installed)
    assert not (store.root / ".catsync/current.new").exists()
    assert read_pointer(store) == installed
