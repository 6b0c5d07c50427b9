from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core.errors import IntegrityError, LocalError, PathError
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import Installed
from catsync_core.store.replace import replace_file, restore_directory
from catsync_core.store.verify import VerifyReport, quick_check, verify_version

MTIME = 1_700_000_000
Install = Callable[[int, dict[str, bytes | None]], Installed]
TREE: dict[str, bytes | None] = {
    "bits": b"content",
    "data/short": b"content!",
    "data/gone": b"gone",
    "empty": None,
    "linked": b"link",
    "ok": b"fine",
    "pipe": b"pipe",
    "touched": b"touched",
}


@pytest.fixture
def damaged(store: CatalogStore, install: Install, tmp_path: Path) -> Installed:
    installed = install(1, TREE)
    root = store.version_path(1)
    (root / "bits").chmod(0o644)
    (root / "bits").write_bytes(b"CONTENT")
    os.utime(root / "bits", (MTIME, MTIME))
    (root / "data/short").chmod(0o644)
    (root / "data/short").write_bytes(b"cont")
    (root / "data/gone").unlink()
    (root / "empty").rmdir()
    (root / "linked").unlink()
    (tmp_path / "outside").write_bytes(b"link")
    (root / "linked").symlink_to(tmp_path / "outside")
    (root / "pipe").unlink()
    os.mkfifo(root / "pipe")
    os.utime(root / "touched", (5, 5))
    (root / "data/notes").write_text("mine")
    (root / "own").mkdir()
    (root / "own/more").write_text("mine")
    return installed


def verify(store: CatalogStore, installed: Installed) -> VerifyReport:
    return verify_version(store, installed, load_manifest(store, installed), lambda _: None)


def test_every_damage_is_found(store: CatalogStore, damaged: Installed) -> None:
    report = verify(store, damaged)
    assert [path for path, _ in report.damaged] == ["bits", "data/short", "linked", "pipe"]
    reasons = dict(report.damaged)
    assert reasons["bits"] == "its content was changed"
    assert reasons["data/short"] == "it has 4 bytes instead of 8"
    assert "not a plain file" in reasons["linked"]
    assert report.missing == ("data/gone", "empty")
    assert report.foreign == ("data/notes", "own")
    assert report.bytes_read == 7 + 4 + 4 + 7
    assert report.files == 6


def test_a_quick_look_finds_sizes_and_times(store: CatalogStore, damaged: Installed) -> None:
    found = quick_check(store.version_path(1), load_manifest(store, damaged))
    # "bits" has its old size and time: only reading it tells
    assert found == ["data/gone", "data/short", "empty", "linked", "pipe", "touched"]


def test_a_quick_look_opens_no_file(store: CatalogStore, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = load_manifest(store, install(1, TREE))
    opened: list[object] = []
    original = os.open

    def follow(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        opened.append(path)
        return original(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", follow)
    assert quick_check(store.version_path(1), manifest) == []
    assert opened == [store.version_path(1), "empty", "data"] or opened == [store.version_path(1), "data", "empty"]


def test_a_missing_version_is_all_missing(store: CatalogStore, install: Install) -> None:
    installed = install(1, {"a": b"1", "b": None})
    store.version_path(1).rename(store.home / "moved")
    assert verify(store, installed).missing == ("a", "b")


def test_files_are_replaced_until_everything_is_right(store: CatalogStore, damaged: Installed) -> None:
    report = verify(store, damaged)
    reader = (store.version_path(1) / "bits").open("rb")
    for path in (*dict(report.damaged), *report.missing):
        data = TREE[path]
        if data is None:
            restore_directory(store, 1, path)
        else:
            replace_file(
                store, 1, path, [data[:2], data[2:]], size=len(data), sha256=hashlib.sha256(data).digest(), mtime=MTIME
            )
    again = verify(store, damaged)
    assert (again.damaged, again.missing, again.foreign) == ((), (), report.foreign)
    with reader:
        assert reader.read() == b"CONTENT"  # who had it open keeps it
    assert quick_check(store.version_path(1), load_manifest(store, damaged)) == ["touched"]


def test_a_replacement_of_other_content_changes_nothing(store: CatalogStore, install: Install) -> None:
    install(1, {"a": b"1"})
    with pytest.raises(IntegrityError):
        replace_file(store, 1, "a", [b"2"], size=1, sha256=hashlib.sha256(b"1").digest(), mtime=MTIME)
    with pytest.raises(PathError):
        replace_file(store, 1, "../a", [b""], size=0, sha256=hashlib.sha256(b"").digest(), mtime=MTIME)
    assert (store.version_path(1) / "a").read_bytes() == b"1"
    assert list((store.root / ".catsync/aside").iterdir()) == []


def test_a_replacement_behind_a_link_is_refused(store: CatalogStore, install: Install, tmp_path: Path) -> None:
    install(1, {"d/a": b"1"})
    (tmp_path / "outside").mkdir()
    (store.version_path(1) / "d").rename(tmp_path / "old")
    (store.version_path(1) / "d").symlink_to(tmp_path / "outside")
    with pytest.raises(LocalError, match="not a plain folder"):
        replace_file(store, 1, "d/a", [b"1"], size=1, sha256=hashlib.sha256(b"1").digest(), mtime=MTIME)
    with pytest.raises(LocalError, match="not a plain folder"):
        restore_directory(store, 1, "d/e")
    assert list((tmp_path / "outside").iterdir()) == []
