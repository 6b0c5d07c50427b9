from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catsync_core.errors import DamagedError, FormatError, IntegrityError, LocalError
from catsync_core.events import Warned
from catsync_core.format.objects import ObjectRef
from catsync_core.store.commit import commit, recover
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import Installed, read_pointer, write_pointer
from catsync_core.store.spool import Spool, bytes_kept
from catsync_core.store.tree import StagingTree
from catsync_core.store.verify import verify_version

Install = Callable[[int, dict[str, bytes | None]], Installed]
Build = Callable[[int, dict[str, bytes | None]], Any]


def read_tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def versions(store: CatalogStore) -> list[str]:
    return sorted(path.name for path in store.root.iterdir() if path.name != ".catsync")


def test_commit_makes_plain_read_only_files(store: CatalogStore, install: Install) -> None:
    install(1, {"data/a.json": b"{}", "data/deep/b.csv": b"1;2", "empty": None})
    root = store.version_path(1)
    assert read_tree(root) == {"data/a.json": b"{}", "data/deep/b.csv": b"1;2"}
    assert (root / "empty").is_dir()
    file = (root / "data/a.json").stat()
    assert stat.S_IMODE(file.st_mode) == 0o444
    assert file.st_mtime == 1_700_000_000
    assert stat.S_IMODE((root / "data").stat().st_mode) == 0o755


def test_an_empty_version_can_be_committed(store: CatalogStore, install: Install) -> None:
    install(1, {})
    assert store.version_path(1).is_dir()
    assert read_pointer(store) is not None


def test_the_previous_version_stays_and_older_ones_go(store: CatalogStore, install: Install) -> None:
    for version in (1, 2, 3):
        install(version, {"a": b"%d" % version, "same": b"same"})
    installed = read_pointer(store)
    assert installed is not None
    assert installed.version == 3
    assert installed.previous is not None
    assert installed.previous.version == 2
    assert versions(store) == ["2", "3"]
    assert sorted(path.name for path in (store.root / ".catsync/manifests").iterdir()) == ["2", "2.json", "3", "3.json"]
    assert (store.version_path(2) / "same").samefile(store.version_path(3) / "same")
    assert load_manifest(store, installed).version == 3


def test_rolling_back_is_writing_the_pointer(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    newest = install(2, {"a": b"2"})
    assert newest.previous is not None
    write_pointer(store, Installed.after(newest.previous, newest))
    recover(store)
    assert versions(store) == ["1", "2"]
    again = install(2, {"a": b"2"})  # the previous version may be downloaded anew
    assert again.version == 2
    assert again.previous is not None
    assert again.previous.version == 1
    assert read_tree(store.version_path(2)) == {"a": b"2"}


def test_the_current_version_is_not_replaced(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    with pytest.raises(LocalError, match="is the one in use"):
        install(1, {"a": b"other"})
    assert read_tree(store.version_path(1)) == {"a": b"1"}


@pytest.mark.parametrize("built", [{}, {"a": b"other"}, {"a": b"1", "b": b"more"}])
def test_a_tree_that_is_not_the_manifest_is_refused(
    store: CatalogStore, build: Build, built: dict[str, bytes], install: Install
) -> None:
    record, data = build(2, {"a": b"1"})
    with StagingTree(store, 2, record.manifest) as staging:
        for path, content in built.items():
            staging.write(path, [content], size=len(content), sha256=sha256(content), mtime=1_700_000_000)
        with pytest.raises(DamagedError, match="is not complete"):
            commit(store, staging, record, data)
    assert read_pointer(store) is None


def sha256(data: bytes) -> bytes:
    return bytes.fromhex(ObjectRef.of(data).sha256)


def test_another_manifest_is_refused(store: CatalogStore, build: Build) -> None:
    record, data = build(1, {})
    with StagingTree(store, 1, record.manifest) as staging, pytest.raises(IntegrityError):
        commit(store, staging, record, data + b"x")
    other, other_data = build(2, {})
    with StagingTree(store, 1, record.manifest) as staging, pytest.raises(FormatError, match="not of shoes version 1"):
        commit(store, staging, Installed(1, other.manifest, other.head, 1, 1), other_data)


def test_foreign_files_of_an_old_version_stay(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1", "d/b": b"1"})
    (store.version_path(1) / "d/notes.txt").write_text("mine")
    install(2, {"a": b"2"})
    install(3, {"a": b"3"})
    recover(store)
    assert read_tree(store.version_path(1)) == {"d/notes.txt": b"mine"}


def test_foreign_files_in_the_way_are_kept_aside(store: CatalogStore, install: Install) -> None:
    (store.version_path(1) / "own").mkdir(parents=True)
    (store.version_path(1) / "own/notes.txt").write_text("mine")
    install(1, {"a": b"1"})
    assert read_tree(store.version_path(1)) == {"a": b"1"}
    assert read_tree(store.root / "1.kept-1") == {"own/notes.txt": b"mine"}


def test_commit_clears_the_spool_and_staging(store: CatalogStore, install: Install) -> None:
    Spool(store).add("a" * 64, 0, b"frame")
    install(1, {"a": b"1"})
    assert bytes_kept(store) == 0
    assert list((store.root / ".catsync/staging").iterdir()) == []


def test_recover_removes_what_nothing_names(store: CatalogStore, install: Install, build: Build) -> None:
    install(1, {"a": b"1"})
    before = read_pointer(store)
    assert before is not None
    install(2, {"a": b"2"})
    write_pointer(store, before)  # as if the commit of version 2 had been killed before the pointer
    internal = store.root / ".catsync"
    (internal / "current.new").write_bytes(b"half")
    (internal / "aside").mkdir()
    (internal / "aside/file").write_bytes(b"half")
    (internal / "staging/1.journal").touch()
    recover(store)
    recover(store)
    assert versions(store) == ["1"]
    assert sorted(path.name for path in internal.iterdir()) == ["current", "manifests", "staging"]
    assert list((internal / "staging").iterdir()) == []
    assert read_pointer(store) == before


def test_recover_keeps_all_versions_when_the_pointer_is_damaged(store: CatalogStore, install: Install) -> None:
    for version in (1, 2, 3):
        install(version, {"a": b"%d" % version})
    (store.root / ".catsync/current").write_bytes(b"{}")
    (store.root / ".catsync/manifests/3").write_bytes(b"damaged")
    told: list[object] = []
    recover(store, told.append)
    assert versions(store) == ["2", "3"]
    assert isinstance(told[0], Warned)
    assert "version 2 is used" in told[0].message
    told.clear()
    installed = read_pointer(store, told.append)
    assert installed is not None
    assert installed.version == 2
    assert told == []


def test_recover_removes_nothing_when_no_version_is_complete(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1", "b": b"2"})
    (store.version_path(1) / "a").unlink()
    (store.root / ".catsync/current").unlink()
    told: list[object] = []
    recover(store, told.append)
    assert "nothing was removed" in str(told)
    assert read_tree(store.version_path(1)) == {"b": b"2"}


def test_a_committed_version_verifies(store: CatalogStore, install: Install) -> None:
    installed = install(1, {"a": b"1" * 5_000_000, "b": b"", "c/d": b"x"})
    read: list[int] = []
    report = verify_version(store, installed, load_manifest(store, installed), read.append)
    assert (report.damaged, report.missing, report.foreign) == ((), (), ())
    assert (report.files, report.bytes_read) == (3, 5_000_001)
    assert sum(read) == 5_000_001
