from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catsync_core.errors import LocalError
from catsync_core.store import _folders
from catsync_core.store._folders import CheckedFolders, Folders, OpenFolders
from catsync_core.store.beneath import Beneath
from catsync_core.store.durable import sync_file_system


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture(params=[OpenFolders, CheckedFolders])
def folders(request: pytest.FixtureRequest, root: Path) -> Folders:
    opened: Folders = request.param(root)
    return opened


@pytest.fixture
def beneath(folders: Folders) -> Iterator[Beneath]:
    with Beneath(folders) as opened:
        yield opened


def put(beneath: Beneath, path: str, data: bytes) -> None:
    descriptor = beneath.open_new(path)
    os.write(descriptor, data)
    beneath.seal(descriptor, path, 1000, lambda _: None)


def test_files_and_folders(beneath: Beneath) -> None:
    put(beneath, "a/b/c.txt", b"content")
    assert beneath.read("a/b/c.txt") == b"content"
    found = beneath.stat("a/b/c.txt")
    assert (found.st_mode & 0o777, found.st_mtime, found.st_size) == (0o444, 1000, 7)
    beneath.link("a/b/c.txt", "d/link")
    beneath.rename("a/b", "e")
    assert not beneath.exists("a/b/c.txt")
    assert beneath.read("e/c.txt") == b"content"
    assert sorted(path for path, _ in beneath.walk("")) == ["a", "d", "d/link", "e", "e/c.txt"]
    assert not beneath.remove_folder("e")
    beneath.unlink("e/c.txt")
    assert beneath.remove_folder("e")
    assert beneath.remove_folder("e")
    beneath.discard("e/c.txt")
    assert beneath.list("e") == []
    beneath.remove_tree("d")
    beneath.remove_tree("d")
    assert sorted(path for path, _ in beneath.walk("")) == ["a"]
    beneath.sync_folder("a")


def test_a_file_is_only_made_where_none_is(beneath: Beneath) -> None:
    put(beneath, "a", b"1")
    with pytest.raises(FileExistsError):
        beneath.open_new("a")


def test_a_planted_link_at_a_file_is_not_written_through(beneath: Beneath, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    (root / "a").symlink_to(outside)
    with pytest.raises(FileExistsError):
        beneath.open_new("a")
    beneath.unlink("a")
    assert outside.read_text() == "untouched"


@pytest.mark.parametrize("act", ["open_new", "make_folder", "unlink", "link", "rename", "list", "read", "stat"])
def test_a_folder_that_is_a_link_is_refused(beneath: Beneath, root: Path, tmp_path: Path, act: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("untouched")
    put(beneath, "file", b"x")
    (root / "a").symlink_to(outside)
    acts: dict[str, Callable[[], object]] = {
        "open_new": lambda: beneath.open_new("a/new"),
        "make_folder": lambda: beneath.make_folder("a/b/c"),
        "unlink": lambda: beneath.unlink("a/victim"),
        "link": lambda: beneath.link("file", "a/new"),
        "rename": lambda: beneath.rename("file", "a/victim"),
        "list": lambda: beneath.list("a"),
        "read": lambda: beneath.read("a/victim"),
        "stat": lambda: beneath.stat("a/victim"),
    }
    with pytest.raises(LocalError, match="'a' is not a plain folder"):
        acts[act]()
    assert [path.name for path in outside.iterdir()] == ["victim"]
    assert (outside / "victim").read_text() == "untouched"


def test_a_folder_replaced_by_a_link_meanwhile_leads_nowhere(
    beneath: Beneath, root: Path, folders: Folders, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    put(beneath, "a/one", b"1")
    (root / "a").rename(root / "moved")
    (root / "a").symlink_to(outside)
    if isinstance(folders, CheckedFolders):
        with pytest.raises(LocalError, match="not a plain folder"):
            put(beneath, "a/two", b"2")
    else:
        put(beneath, "a/two", b"2")  # lands in the folder that was opened, wherever it is now
        assert (root / "moved/two").read_bytes() == b"2"
    assert list(outside.iterdir()) == []


def test_links_are_removed_and_not_followed(beneath: Beneath, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("untouched")
    put(beneath, "tree/a", b"1")
    (root / "tree/link").symlink_to(outside)
    (root / "lone").symlink_to(outside)
    beneath.remove_tree("tree")
    beneath.remove_tree("lone")
    assert beneath.list("") == []
    assert (outside / "victim").read_text() == "untouched"


def test_only_plain_files_are_read(beneath: Beneath, root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "pipe")  # opening it must not wait for a writer
    (root / "folder").mkdir()
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    for path in ("pipe", "folder", "link"):
        with pytest.raises(LocalError, match=f"'{path}' is not a plain file"):
            beneath.read(path)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "a//b", ".", "a/.", ""])
def test_a_path_that_leads_out_is_refused(beneath: Beneath, path: str) -> None:
    with pytest.raises(LocalError):
        beneath.open_new(path)


@pytest.mark.parametrize("kind", [OpenFolders, CheckedFolders])
def test_the_root_must_be_a_folder_itself(tmp_path: Path, kind: Callable[[Path], Folders]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(LocalError, match="not a plain folder"):
            kind(tmp_path / name)


def test_few_folders_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_folders, "_KEPT", 8)
    before = sum(1 for _ in Path("/dev/fd").iterdir())
    with Beneath(OpenFolders(tmp_path)) as beneath:
        for number in range(50):
            put(beneath, f"{number % 10}/{number}/file", b"x")
        assert sum(1 for _ in Path("/dev/fd").iterdir()) <= before + 9
        assert beneath.read("0/0/file") == b"x"
    assert sum(1 for _ in Path("/dev/fd").iterdir()) == before


def test_a_file_costs_few_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        original = getattr(os, name)

        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # stands for calls of any signature
            calls[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(os, name, counted)

    with Beneath(OpenFolders(tmp_path)) as beneath:
        for name in ("open", "write", "mkdir", "stat", "fchmod", "utime", "close", "fsync"):
            count(name)
        for number in range(1000):
            put(beneath, f"deep/down/{number // 100}/{number}", b"x")
    folders = 12
    assert calls["open"] == 1000 + 2 * folders
    assert calls["mkdir"] == folders
    assert calls["fchmod"] == 1000 + folders
    assert (calls["write"], calls["utime"], calls["stat"], calls["fsync"]) == (1000, 1000, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is a call of Linux")
def test_a_failed_flush_of_the_file_system_is_told(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    sync_file_system(descriptor)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_file_system(descriptor)
