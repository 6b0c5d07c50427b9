"""Bases to read from: bytes in memory, or files, at any offset.

Files are read, not mapped into memory: a mapped file that another program shortens kills the process (SIGBUS), a read
one gives an error.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from catsync_core.chunking.errors import BasisError
from catsync_core.chunking.kernel import Buffer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Basis", "Source", "open_source", "read_fully"]

Basis: TypeAlias = "Buffer | BinaryIO | str | os.PathLike[str]"
"""Bytes in memory, an open file that can be sought in, or the path of a file."""


class Source(Protocol):
    """A basis that is open for reading."""

    size: int
    """In bytes, when it was opened."""

    def read(self, offset: int, length: int, /) -> Buffer:
        """Return exactly `length` bytes from `offset` on.

        Raises:
            BasisError: Local: the basis ends before that.
        """


class MemorySource:
    """Bytes in memory."""

    def __init__(self, data: Buffer) -> None:
        self._view = memoryview(data).cast("B")
        self.size = len(self._view)

    def read(self, offset: int, length: int, /) -> memoryview:
        """Return exactly `length` bytes from `offset` on."""
        if offset + length > self.size:
            raise BasisError(f"A basis of {self.size} bytes has no {length} bytes at {offset}")
        return self._view[offset : offset + length]


class FileSource:
    """An open file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read(self, offset: int, length: int, /) -> bytes:
        """Return exactly `length` bytes from `offset` on."""
        self._file.seek(offset)
        data = read_fully(self._file, length)
        if len(data) != length:
            name = getattr(self._file, "name", "a basis")
            raise BasisError(f"{name} has no {length} bytes at {offset}: it was shortened while it was read")
        return data


@contextmanager
def open_source(basis: Basis) -> Iterator[Source]:
    """Open a basis for reading; what was given open stays open.

    Raises:
        OSError: Local: the file cannot be opened.
    """
    if isinstance(basis, bytes | bytearray | memoryview):
        yield MemorySource(basis)
    elif isinstance(basis, str | os.PathLike):
        with Path(basis).open("rb", buffering=0) as file:
            yield FileSource(file)
    else:
        yield FileSource(basis)


def read_fully(file: BinaryIO, length: int) -> bytes:
    """Read `length` bytes, or fewer only at the end of the file: a raw file or a pipe may return less at once."""
    data = file.read(length)
    if len(data) in {0, length}:
        return data
    parts = [data]
    missing = length - len(data)
    while missing > 0 and (data := file.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
