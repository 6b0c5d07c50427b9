"""Look at the folder to publish: every file's path, size, time and SHA-256, and every reason not to publish it.

A catalog holds regular files and folders only. Whatever else lies there (links, sockets, devices), every name that not
every device can store, and every file that cannot be read is listed, all at once, and nothing is published.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from catsync_core.errors import PathError, SourceError
from catsync_core.format.paths import check_path, check_paths, show_path
from catsync_core.publish.scan_cache import ScanCache, Stamp
from catsync_core.store.durable import read_pieces
from catsync_core.store.times import clamp_mtime
from catsync_core.transfer.frame_cache import FrameCache

__all__ = ["ChangedWhilePublishingError", "SourceFile", "SourceTree", "read_range", "read_source", "scan"]

_WORKERS = 2
_SHOWN = 20
_KEPT = 32 << 20  # bytes of small files that are not read again from the disk


class ChangedWhilePublishingError(SourceError):
    """A file changed while it was being published; another attempt may succeed."""

    retryable = True
    default_hint = "Nothing was published. Publish again when nobody is writing into the folder"


class SourceFile(msgspec.Struct, frozen=True):
    """A file to publish.

    Attributes:
        path: As it will stand in the catalog.
        location: Where it lies.
        size: Bytes.
        mtime: Whole seconds since 1970, within what every device can keep.
        sha256: 32 bytes.
        stamp: What the file system said of it before it was read.
        kept: Bytes of files of the same folder that were read last: packs and patches need the same ones.
    """

    path: str
    location: Path
    size: int
    mtime: int
    sha256: bytes
    stamp: Stamp
    kept: FrameCache[bytes]


class SourceTree(msgspec.Struct, frozen=True):
    """A folder as it was when it was scanned; both lists are sorted by path."""

    root: Path
    files: tuple[SourceFile, ...]
    empty_folders: tuple[str, ...]

    def check_unchanged(self) -> None:
        """Compare every file with what it was.

        Raises:
            ChangedWhilePublishingError: (local) naming the first one that is not.
        """
        for file in self.files:
            if _stamp(file.location) != file.stamp:
                raise _changed(file.path, "published")


def scan(root: Path, cache: ScanCache, on_bytes: Callable[[int], None]) -> SourceTree:
    """Scan a folder; files that the cache knows unchanged are not read again.

    Args:
        root: The folder.
        cache: What earlier scans learned.
        on_bytes: Called with the bytes of each file that was looked at, from any thread.

    Raises:
        SourceError: (local) listing everything that cannot be published.
        ChangedWhilePublishingError: (local) a file changed while it was read.
    """
    if not root.is_dir():
        raise SourceError(f"{root} is not a folder", hint="Name the folder that holds the catalog's files")
    found: list[tuple[str, Path, os.stat_result]] = []
    empty: list[str] = []
    faults: list[str] = []
    for path, location, status in _walk(root, faults):
        if status is None:
            empty.append(path)
        else:
            found.append((path, location, status))
    try:
        check_paths([*(path for path, _, _ in found), *empty])
    except PathError as error:
        faults.append(error.message)
    if faults:
        shown = "\n  ".join(faults[:_SHOWN])
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise SourceError(f"{root} cannot be published:\n  {shown}{more}\n")
    kept = FrameCache[bytes](_KEPT)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="catsync-scan") as pool:
        files = list(pool.map(lambda item: _look(*item, cache=cache, kept=kept, on_bytes=on_bytes), found))
    files.sort(key=lambda file: file.path.encode())
    return SourceTree(root, tuple(files), tuple(sorted(empty, key=str.encode)))


def read_source(file: SourceFile) -> Iterator[bytes]:
    """Stream a file's bytes as they were scanned.

    Raises:
        ChangedWhilePublishingError: (local) they are others by now.
    """
    kept = file.kept.get((file.path, 0))
    if kept is not None:
        yield kept
        return
    digest = hashlib.sha256()
    piece = b""
    for piece in _pieces(file, 0, file.size + 1):  # a byte more than it had, to see whether it became longer
        digest.update(piece)
        yield piece
    if digest.digest() != file.sha256:
        raise _changed(file.path, "published")
    if len(piece) == file.size:  # it is small enough to come in one piece
        file.kept.put((file.path, 0), piece)


def read_range(file: SourceFile, offset: int, length: int) -> Iterator[bytes]:
    """Stream a part of a file, unverified: whoever reads parts compares all stamps at the end.

    Raises:
        ChangedWhilePublishingError: (local) the file became shorter, or cannot be read any more.
    """
    for piece in _pieces(file, offset, length):
        length -= len(piece)
        yield piece
    if length:
        raise _changed(file.path, "published")


def _pieces(file: SourceFile, offset: int, length: int) -> Iterator[bytes]:
    """Stream a part of a file, as far as there is any."""
    try:
        yield from read_pieces(file.location, offset, length)
    except OSError as error:
        raise _changed(file.path, "published") from error


def _walk(root: Path, faults: list[str]) -> Iterator[tuple[str, Path, os.stat_result | None]]:
    folders = [("", root)]
    while folders:
        prefix, folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                children = list(listing)
        except OSError as error:
            if prefix and not folder.exists():  # it was there when the folder around it was listed
                raise _changed(prefix.rstrip("/"), "scanned") from error
            faults.append(f"'{show_path(prefix)}' cannot be read ({error.strerror})")
            continue
        if not children and prefix:
            yield prefix.rstrip("/"), folder, None
        for child in children:
            path = prefix + child.name
            fault = _fault(path, child)
            if fault:
                faults.append(fault)
            elif child.is_dir(follow_symlinks=False):
                folders.append((path + "/", Path(child.path)))
            else:
                yield path, Path(child.path), child.stat(follow_symlinks=False)


def _fault(path: str, child: os.DirEntry[str]) -> str:
    try:
        check_path(path)
        mode = child.stat(follow_symlinks=False).st_mode
    except PathError as error:
        return error.message
    except FileNotFoundError as error:  # it went after its folder was listed
        raise _changed(path, "scanned") from error
    except OSError as error:
        return f"'{show_path(path)}' cannot be looked at ({error.strerror})"
    if stat.S_ISLNK(mode):
        return f"'{show_path(path)}' is a symbolic link; a catalog holds files and folders only"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return f"'{show_path(path)}' is neither a file nor a folder"
    if not os.access(child.path, os.R_OK):
        if not os.path.lexists(child.path):  # it went meanwhile, which looks the same
            raise _changed(path, "scanned")
        return f"'{show_path(path)}' cannot be read ({os.strerror(errno.EACCES)})"
    return ""


def _look(
    path: str,
    location: Path,
    status: os.stat_result,
    *,
    cache: ScanCache,
    kept: FrameCache[bytes],
    on_bytes: Callable[[int], None],
) -> SourceFile:
    stamp = Stamp.of(status)
    sha256 = cache.find(path, stamp)
    if sha256 is None:
        sha256 = _hash(path, location, stamp)
        cache.remember(path, stamp, sha256)
    on_bytes(stamp.size)
    return SourceFile(path, location, stamp.size, clamp_mtime(stamp.mtime_ns // 1_000_000_000), sha256, stamp, kept)


def _hash(path: str, location: Path, stamp: Stamp) -> bytes:
    try:
        with location.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        if _stamp(location) == stamp:
            raise SourceError(f"'{show_path(path)}' cannot be read ({error.strerror})") from error
        raise _changed(path, "read") from error
    if _stamp(location) != stamp:
        raise _changed(path, "read")
    return sha256


def _stamp(location: Path) -> Stamp | None:
    try:
        return Stamp.of(location.lstat())
    except OSError:
        return None


def _changed(path: str, activity: str) -> ChangedWhilePublishingError:
    return ChangedWhilePublishingError(f"'{show_path(path)}' changed while it was being {activity}")
