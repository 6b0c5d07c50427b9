"""A file being written: it is sealed when it is what the manifest says, and removed when anything goes wrong."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from catsync_core.errors import IntegrityError
from catsync_core.format.paths import show_path
from catsync_core.store.beneath import Beneath
from catsync_core.store.durable import Bytes, reserve, start_writing, write_all
from catsync_core.store.failures import Attempt
from catsync_core.store.times import clamp_mtime

__all__ = ["FileWriter"]

_PIECE = 1024 * 1024
_STRIDE = 8 * 1024 * 1024  # bytes of a large file after which they are on their way to the disk
_RESERVED = 1024 * 1024  # bytes: for smaller files it would cost more than it saves
_FICLONE = 0x40049409  # _IOW(0x94, 9, int), from linux/fs.h


class FileWriter:
    """Writes one new file in a ``with`` block, from its beginning to its end. For one thread.

    When the block ends, size and SHA-256 must be the expected ones; then the file is made read-only and gets its time
    of change. After an error in the block, or another content, the file is gone.

    Args:
        beneath: The open folder.
        place: Path beneath it; nothing may stand there.
        path: Path for messages.
        size: Expected bytes.
        sha256: Expected, 32 bytes.
        mtime: Time of change in seconds since 1970; clamped to what file systems keep.
        flush: Called with the descriptor of the verified and finished file, to flush it where that is needed.
        when_sealed: Called when the file is complete.

    Raises:
        IntegrityError: (content) what was written is not what was expected.
        DiskFullError: (local) no space is left.
        LocalError: (local) something stands there, or it cannot be written.
    """

    __slots__ = (
        "_beneath",
        "_descriptor",
        "_digest",
        "_done",
        "_flush",
        "_mtime",
        "_path",
        "_place",
        "_sha256",
        "_size",
        "_when_sealed",
    )

    def __init__(
        self,
        beneath: Beneath,
        place: str,
        *,
        path: str,
        size: int,
        sha256: bytes,
        mtime: int,
        flush: Callable[[int], None],
        when_sealed: Callable[[], None],
    ) -> None:
        self._beneath = beneath
        self._place = place
        self._path = path
        self._size = size
        self._sha256 = sha256
        self._mtime = clamp_mtime(mtime)
        self._flush = flush
        self._when_sealed = when_sealed
        self._done = 0
        self._digest = hashlib.sha256()
        with Attempt("write", path, size):
            self._descriptor = beneath.open_new(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            os.close(self._descriptor)
            self._remove()
            return
        try:
            self._finish()
        except BaseException:
            self._remove()
            raise
        self._when_sealed()

    def write(self, data: Bytes) -> None:
        """Append bytes.

        Raises:
            IntegrityError: (content) that is more than was expected.
            DiskFullError: (local) no space is left.
            LocalError: (local) they cannot be written.
        """
        before = self._done
        self._count(data)
        with Attempt("write", self._path, self._size):
            if not before and self._size >= _RESERVED:
                reserve(self._descriptor, self._size)
            write_all(self._descriptor, data)
        if before // _STRIDE != self._done // _STRIDE:
            start_writing(self._descriptor)

    def clone(self, source: int) -> bool:
        """Share the blocks of another file, where the file system can; return whether it did.

        Args:
            source: Open for reading, and as long as this file shall be.

        Raises:
            IntegrityError: (content) it is longer than was expected.
            LocalError: (local) the result cannot be read.
        """
        if sys.platform != "linux":
            return False
        import fcntl  # noqa: PLC0415  # not on every platform

        try:
            fcntl.ioctl(self._descriptor, _FICLONE, source)
        except OSError:
            return False  # another file system, or one that cannot
        with Attempt("read", self._path):
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            while piece := os.read(self._descriptor, _PIECE):
                self._count(piece)
        return True

    def _count(self, data: Bytes) -> None:
        self._done += len(data)
        if self._done > self._size:
            raise IntegrityError(
                f"'{show_path(self._path)}' is longer than the {self._size:,} bytes that it should have"
            )
        self._digest.update(data)

    def _finish(self) -> None:
        try:
            self._check()
        except BaseException:
            os.close(self._descriptor)
            raise
        with Attempt("finish", self._path):
            self._beneath.seal(self._descriptor, self._place, self._mtime, self._flush)

    def _check(self) -> None:
        if self._done != self._size:
            raise IntegrityError(f"'{show_path(self._path)}' has {self._done:,} bytes instead of {self._size:,}")
        if self._digest.digest() != self._sha256:
            raise IntegrityError(f"'{show_path(self._path)}' does not have the SHA-256 that the manifest names")

    def _remove(self) -> None:
        with Attempt("remove", self._path):
            self._beneath.discard(self._place)
