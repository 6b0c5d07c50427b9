from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core.errors import LocalError
from catsync_core.events import Warned
from catsync_core.store.commit import recover
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import Installed, read_pointer
from catsync_core.store.remove import remove_content
from catsync_core.store.spool import Spool

Install = Callable[[int, dict[str, bytes | None]], Installed]


def test_everything_that_was_stored_goes(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1", "d/e/f": b"1", "empty/deep": None})
    install(2, {"a": b"2", "d/e/f": b"1"})
    Spool(store).add("1" * 64, 0, b"frame")
    with store.lock("remove"):
        assert remove_content(store) == []
    assert list(store.root.parent.iterdir()) == []
    assert read_pointer(store) is None
    assert remove_content(store) == []


def test_foreign_files_stay_and_are_reported(store: CatalogStore, install: Install, tmp_path: Path) -> None:
    install(1, {"a": b"1", "d/b": b"1", "e/c": b"1"})
    root = store.version_path(1)
    (root / "d/notes.txt").write_text("mine")
    (root / "own/folder").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b").write_text("untouched")
    (root / "e/c").unlink()
    (root / "e/c").symlink_to(outside / "b")
    (store.root / "readme").write_text("mine")
    assert remove_content(store) == ["1/d/notes.txt", "1/e/c", "1/own/folder", "readme"]
    assert not (root / "a").exists()
    assert not (root / "d/b").exists()
    assert (root / "d/notes.txt").read_text() == "mine"
    assert (outside / "b").read_text() == "untouched"
    assert not store.exists()


def test_a_folder_that_became_a_link_is_not_entered(store: CatalogStore, install: Install, tmp_path: Path) -> None:
    install(1, {"d/b": b"1"})
    (store.version_path(1) / "d").rename(tmp_path / "outside")
    (store.version_path(1) / "d").symlink_to(tmp_path / "outside")
    assert remove_content(store) == ["1/d"]
    assert (tmp_path / "outside/b").read_bytes() == b"1"


def test_a_version_folder_that_became_a_link_is_not_entered(
    store: CatalogStore, install: Install, tmp_path: Path
) -> None:
    install(1, {"b": b"1"})
    store.version_path(1).rename(tmp_path / "outside")
    store.version_path(1).symlink_to(tmp_path / "outside")
    assert remove_content(store) == ["1"]
    assert (tmp_path / "outside/b").read_bytes() == b"1"


def test_a_damaged_manifest_removes_nothing_of_its_version(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    install(2, {"a": b"2"})
    (store.root / ".catsync/manifests/2").write_bytes(b"damaged")
    told: list[object] = []
    assert remove_content(store, told.append) == ["2/a"]
    assert isinstance(told[0], Warned)
    assert "version 2 were left" in told[0].message
    assert read_pointer(store) is None


def test_a_removal_works_whatever_the_pointer_says(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    (store.root / ".catsync/current").write_bytes(b"damaged")
    assert remove_content(store) == []
    assert not store.root.exists()


def test_a_removal_that_has_begun_is_finished_by_the_next_job(
    store: CatalogStore, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(1, {"a": b"1"})
    internal = store.root / ".catsync"
    (internal / "manifests").rename(internal / "removing")
    assert read_pointer(store) is None
    with store.lock("install"):
        recover(store)
        assert (internal / "lock").exists()  # the job that cleans up keeps its lock
        assert not store.version_path(1).exists()
        install(1, {"a": b"1"})
    assert read_pointer(store) is not None


def test_a_home_that_is_a_link_is_refused(store: CatalogStore, install: Install, tmp_path: Path) -> None:
    install(1, {"a": b"1"})
    (tmp_path / "link").symlink_to(store.home)
    with pytest.raises(LocalError, match="is a link"):
        remove_content(CatalogStore(tmp_path / "link", "shoes"))
    assert (store.version_path(1) / "a").exists()
