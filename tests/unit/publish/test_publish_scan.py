from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from catsync_core.errors import SourceError
from catsync_core.events import Event, Phase
from catsync_core.publish import scan as scanning
from catsync_core.publish.scan import ChangedWhilePublishingError, scan
from catsync_core.publish.scan_cache import ScanCache
from catsync_core.store.durable import read_pieces

if TYPE_CHECKING:
    from unit.publish.conftest import Shop, Tree, Write


def look(folder: Path) -> scanning.SourceTree:
    return scan(folder, ScanCache(None), lambda _: None)


def test_a_tree_has_its_files_and_empty_folders_sorted_by_path(write: Write) -> None:
    folder = write({"b": b"two", "a/z": b"", "a/b/c": None, "Ärmel": b"x", "a-b": b"y"})
    os.utime(folder / "b", ns=(0, 1_600_000_000_999_999_999))
    tree = look(folder)
    assert [file.path for file in tree.files] == ["a-b", "a/z", "b", "Ärmel"]
    assert tree.empty_folders == ("a/b/c",)
    assert [(file.size, file.mtime) for file in tree.files if file.path == "b"] == [(3, 1_600_000_000)]


def test_an_empty_folder_is_a_tree(write: Write) -> None:
    tree = look(write({}))
    assert (tree.files, tree.empty_folders) == ((), ())


@pytest.mark.parametrize("name", ["missing", "file"])
def test_only_a_folder_can_be_scanned(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="is not a folder"):
        look(tmp_path / name)


def test_everything_that_cannot_be_published_is_listed_at_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"fine.txt": b"", "con.txt": b"", "what?": b"", "secret.txt": b"", "d/Ä.txt": b"", "d/ä.txt": b""})
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    (folder / os.fsdecode(b"latin-\xe9.txt")).touch()
    (folder / "e\u0301.txt").touch()
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(folder)
        server.bind("socket")
        monkeypatch.setattr(os, "access", lambda path, _: not str(path).endswith("secret.txt"))
        with pytest.raises(SourceError) as caught:
            look(folder)
    message = str(caught.value)
    listed = [line.strip() for line in message.splitlines()[1:]]
    for name in ("link", "loop", "dangling"):
        assert f"'{name}' is a symbolic link; a catalog holds files and folders only" in listed
    for name in ("pipe", "socket"):
        assert f"'{name}' is neither a file nor a folder" in listed
    assert "The path 'con.txt' contains a name that Windows reserves" in listed
    assert "The path 'what?' contains a character that not every device can store" in listed
    assert "The path 'latin-\\udce9.txt' is not valid Unicode" in listed
    assert "The path 'e\u0301.txt' is not in Unicode normal form C" in listed
    assert "'secret.txt' cannot be read (Permission denied)" in listed
    assert any("would be one file on some devices" in line for line in listed)
    assert "fine.txt" not in message
    message.encode()


def test_a_device_is_refused(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "null", 0o20666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only the superuser makes devices")
    with pytest.raises(SourceError, match="'null' is neither a file nor a folder"):
        look(tmp_path)


def test_a_long_list_is_cut_and_says_so(write: Write) -> None:
    folder = write({f"{number}?": b"" for number in range(25)})
    with pytest.raises(SourceError, match="and 5 more"):
        look(folder)


def test_a_folder_that_cannot_be_read_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"a": b"", "locked/b": b""})
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match=r"'locked/' cannot be read \(Permission denied\)"):
        look(folder)


def _edit(file: Path) -> None:
    """Change the content, keep size and time of change."""
    times = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"another file of some length")
    other.replace(file)


CHANGES: dict[str, Callable[[Path], object]] = {
    "edited": _edit,
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"more"),
    "shorter": lambda file: os.truncate(file, 7),
    "replaced": _replace,
    "gone": lambda file: file.unlink(),
}
change_each = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@change_each
def test_a_file_that_changes_while_it_is_read_is_noticed(
    write: Write, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    folder = write({"a": b"some text that can change"})
    read = hashlib.file_digest

    def read_and_change(stream: BytesIO, name: str) -> object:
        result = read(stream, name)
        change(folder / "a")
        return result

    monkeypatch.setattr(hashlib, "file_digest", read_and_change)
    with pytest.raises(ChangedWhilePublishingError, match="'a' changed while it was being read"):
        look(folder)


def test_a_file_that_is_gone_before_it_is_read_is_noticed(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"a": b"some text", "b": b"more"})
    opened = Path.open

    def remove_and_open(path: Path, mode: str) -> IO[bytes]:
        (folder / "a").unlink(missing_ok=True)
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", remove_and_open)
    with pytest.raises(ChangedWhilePublishingError, match="'a' changed while it was being read"):
        look(folder)


@pytest.mark.parametrize("gone", ["a/file", "a"])
@pytest.mark.parametrize("call", ["scandir", "access"])
def test_what_is_removed_while_its_folder_is_looked_through_is_a_change_and_no_fault(
    write: Write, monkeypatch: pytest.MonkeyPatch, gone: str, call: str
) -> None:
    folder = write({"a/file": b"x", "b": b"y"})
    real = getattr(os, call)

    def remove_first(place: Path | str, *arguments: object) -> object:
        found = real(place, *arguments)
        shown = Path(place).relative_to(folder).as_posix()
        if call == "scandir" and shown == str(Path(gone).parent):
            found = [*found]  # looked at before it goes, as a slow scan would be
            monkeypatch.setattr(os, "scandir", real)
            _remove(folder / gone)
            return nullcontext(found)
        if call == "access" and shown == gone:
            _remove(folder / gone)
            return False
        return found

    monkeypatch.setattr(os, call, remove_first)
    with pytest.raises(ChangedWhilePublishingError, match=gone):
        look(folder)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


def test_a_file_that_breaks_while_it_is_read_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"a": b"some text"})

    def fail(stream: BytesIO, name: str) -> object:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(hashlib, "file_digest", fail)
    with pytest.raises(SourceError, match=r"'a' cannot be read \(Input/output error\)") as caught:
        look(folder)
    assert not caught.value.retryable


@pytest.mark.parametrize("phase", ["match", "compress", "patch"])
@change_each
def test_a_change_while_publishing_is_noticed_and_published(
    shop: Shop, write: Write, change: Callable[[Path], object], phase: str
) -> None:
    folder = write({"a": b"some text that can change" * 99, "b": b"other"})
    changed: list[Event] = []

    def change_once(event: Event) -> None:
        if isinstance(event, Phase) and event.name == phase and not changed:
            change(folder / "a")
            changed.append(event)

    shop.listener = change_once
    assert shop.publisher.publish(folder, "shoes").version == 1
    assert changed
    left = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert shop.read() == left


@pytest.mark.parametrize("phase", ["match", "compress", "patch"])
def test_a_folder_that_never_rests_is_not_published(shop: Shop, write: Write, phase: str) -> None:
    folder = write({"a": b"some text that can change", "b": b"other"})
    attempts = []

    def change_always(event: Event) -> None:
        if isinstance(event, Phase) and event.name == phase:
            attempts.append(event)
            _edit(folder / "a")
            (folder / "a").write_bytes(b"change %d" % len(attempts))

    shop.listener = change_always
    with pytest.raises(ChangedWhilePublishingError, match="'a' changed while it was being published"):
        shop.publisher.publish(folder, "shoes")
    assert len(attempts) == 3
    assert not any(call.startswith(("put", "swap")) for call in shop.calls())
    assert shop.summary() is None


def test_a_file_that_is_always_gone_is_named(shop: Shop, write: Write) -> None:
    folder = write({"a": b"some text", "b": b"other"})

    def remove(event: Event) -> None:
        if isinstance(event, Phase) and event.name == "scan":
            (folder / "a").write_bytes(b"here again")
        if isinstance(event, Phase) and event.name == "compress":
            (folder / "a").unlink()

    shop.listener = remove
    with pytest.raises(ChangedWhilePublishingError, match="'a'"):
        shop.publisher.publish(folder, "shoes")
    assert shop.summary() is None


def test_pack_and_patch_read_a_small_file_once_from_the_disk(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publisher.publish(write({"a": b"text " * 500, "b": b"words " * 500, "c": b"unchanged" * 5000}), "shoes")
    read: list[str] = []

    def count(location: Path, offset: int, length: int) -> Iterator[bytes]:
        read.append(location.name)
        return read_pieces(location, offset, length)

    monkeypatch.setattr(scanning, "read_pieces", count)
    tree: Tree = {"a": b"text " * 600, "b": b"words " * 600, "c": b"unchanged" * 5000}
    assert shop.publisher.publish(write(tree), "shoes").patches
    assert sorted(read) == ["a", "b"]
    assert shop.read() == tree
