"""Making written bytes survive a power cut, and replacing a file as a whole.

A failed flush is final: the kernel may have dropped the pages and marked them clean, so that a second flush would
succeed without having written anything. Whoever sees one fail throws the file away.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from catsync_core.store.failures import Attempt

if TYPE_CHECKING:
    from pathlib import Path

    from catsync_core.store.beneath import Beneath

__all__ = [
    "Bytes",
    "read_at",
    "read_pieces",
    "replace_durably",
    "reserve",
    "start_writing",
    "sync_file",
    "sync_file_system",
    "write_all",
    "write_at",
]

Bytes = bytes | bytearray | memoryview

_PIECE = 1 << 20
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)

if sys.platform == "darwin":
    import fcntl

    def sync_file(descriptor: int) -> None:
        """Flush a file to the medium; fsync alone leaves it in the drive's cache here."""
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
else:

    def sync_file(descriptor: int) -> None:
        """Flush a file to the medium."""
        os.fsync(descriptor)


@functools.cache
def _load(name: str, *types: str) -> Callable[..., int]:
    """Return a function of the C library that Python does not offer, as one that returns 0 or the error's number.

    Args:
        name: Of the function.
        types: Of its arguments, as ctypes names them.
    """
    import ctypes  # noqa: PLC0415  # slow to import, and needed only by jobs

    call = getattr(ctypes.CDLL(None, use_errno=True), name)
    call.argtypes = [getattr(ctypes, kind) for kind in types]
    return lambda *arguments: ctypes.get_errno() if call(*arguments) else 0


def sync_file_system(descriptor: int) -> None:
    """Flush the whole file system that an open file or folder lies on (Linux only).

    It reports what failed since the descriptor was opened, so that must have been before the first write.

    Raises:
        OSError: a write or the flush failed.
    """
    code = _load("syncfs", "c_int")(descriptor)
    if code:
        raise OSError(code, os.strerror(code))


_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE, from linux/falloc.h
_FULL = (errno.ENOSPC, errno.EDQUOT)


def reserve(descriptor: int, length: int) -> None:
    """Have the file system find room for a new file at once, where it can (Linux); the file does not become longer.

    Writing then costs a quarter less, and a full disk is told before anything was written. The C library's
    ``posix_fallocate`` would write zeros where the file system cannot.

    Args:
        descriptor: Of the file.
        length: Bytes that will be written.

    Raises:
        OSError: there is not enough room.
    """
    if sys.platform == "linux":
        code = _load("fallocate", "c_int", "c_int", "c_int64", "c_int64")(descriptor, _KEEP_SIZE, 0, length)
        if code in _FULL:
            raise OSError(code, os.strerror(code))


_START_WRITING = 2  # SYNC_FILE_RANGE_WRITE, from linux/fs.h


def start_writing(descriptor: int) -> None:
    """Have a file's bytes written while other work goes on, where the platform can (Linux).

    It promises nothing and cannot fail: only the flush that comes later does either.
    """
    if sys.platform == "linux":
        _load("sync_file_range", "c_int", "c_int64", "c_int64", "c_uint")(descriptor, 0, 0, _START_WRITING)


def write_all(descriptor: int, data: Bytes) -> None:
    """Write all bytes at the descriptor's position; a single call may write fewer.

    Raises:
        OSError: as of ``os.write``.
    """
    done = os.write(descriptor, data)
    if done == len(data):
        return
    rest = memoryview(data).cast("B")[done:]
    while rest:
        rest = rest[os.write(descriptor, rest) :]


if sys.platform == "win32":

    def read_at(descriptor: int, offset: int, length: int) -> bytes:
        """Return what stands at an offset, up to ``length`` bytes; fewer at the end of the file."""
        with _seeking:
            os.lseek(descriptor, offset, os.SEEK_SET)
            data = os.read(descriptor, length)
            while len(data) < length and (more := os.read(descriptor, length - len(data))):
                data += more
            return data

    def write_at(descriptor: int, data: Bytes, offset: int) -> None:
        """Write all bytes at an offset.

        Raises:
            OSError: as of ``os.write``.
        """
        with _seeking:
            os.lseek(descriptor, offset, os.SEEK_SET)
            write_all(descriptor, data)

    _seeking = threading.Lock()  # a descriptor has one position for all threads
else:

    def read_at(descriptor: int, offset: int, length: int) -> bytes:
        """Return what stands at an offset, up to ``length`` bytes; fewer at the end of the file."""
        data = os.pread(descriptor, length, offset)
        while len(data) < length and (more := os.pread(descriptor, length - len(data), offset + len(data))):
            data += more
        return data

    def write_at(descriptor: int, data: Bytes, offset: int) -> None:
        """Write all bytes at an offset.

        Raises:
            OSError: as of ``os.pwrite``.
        """
        rest = memoryview(data).cast("B")
        while rest:
            done = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[done:], offset + done


def read_pieces(location: str | Path, offset: int, length: int) -> Iterator[bytes]:
    """Stream a part of a file in pieces of at most 1 MiB, as far as there is any.

    It is read by its descriptor: where thousands of small files are, opening a stream takes several times as long.

    Args:
        location: Of the file.
        offset: Where the part begins, bytes.
        length: Of the part, bytes.

    Raises:
        OSError: it cannot be opened or read.
    """
    descriptor = os.open(location, _READ)
    try:
        while length:
            wanted = min(length, _PIECE)
            piece = read_at(descriptor, offset, wanted)
            if piece:
                yield piece
            if len(piece) < wanted:
                return
            offset, length = offset + wanted, length - wanted
    finally:
        os.close(descriptor)


def replace_durably(beneath: Beneath, path: str, data: bytes) -> None:
    """Write a file anew: after a crash it holds all of the old bytes or all of the new ones.

    Raises:
        DiskFullError: (local) no space is left; the old file is untouched.
        LocalError: (local) it cannot be written or flushed.
    """
    temporary = f"{path}.new"
    with Attempt("write", path, len(data)):
        beneath.discard(temporary)
        descriptor = beneath.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(descriptor, data)
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        beneath.rename(temporary, path)
        beneath.sync_folder(path.rpartition("/")[0])
