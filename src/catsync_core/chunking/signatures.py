"""The signature of a target file: the hashes of its blocks, in a few bytes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import msgspec

from catsync_core.chunking import kernel
from catsync_core.chunking.errors import ChunkingError
from catsync_core.chunking.lengths import BLOCK_SIZE_MOST
from catsync_core.chunking.sources import read_fully

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catsync_core.chunking.kernel import Buffer

__all__ = ["Signature", "signature"]

PIECE = 1 << 20
"""Bytes that are read at once, rounded to whole blocks."""


class Signature(msgspec.Struct, frozen=True):
    """The hashes of the blocks of one target file.

    Args:
        size: Bytes of the target.
        block_size: Bytes of a block; the last one may be shorter.
        weak: The weak hash of each block, packed little-endian: the high `weak_bytes` of the 32 bits.
        strong: The strong hash of each block, packed: the first `strong_bytes` of the XXH3-128 digest (big-endian).
        weak_bytes: 2 to 4.
        strong_bytes: 1 to 16.

    Raises:
        ChunkingError: Content: the values do not fit together.
    """

    size: int
    block_size: int
    weak: bytes
    strong: bytes
    weak_bytes: int
    strong_bytes: int

    def __post_init__(self) -> None:
        _check(self.block_size, self.weak_bytes, self.strong_bytes)
        if self.size < 0:
            raise ChunkingError(f"The target's size is {self.size}, but must not be negative")
        expected = self.blocks * self.weak_bytes, self.blocks * self.strong_bytes
        if (len(self.weak), len(self.strong)) != expected:
            raise ChunkingError(
                f"A signature of {self.blocks} blocks needs {expected[0]} bytes of weak and {expected[1]} of strong "
                f"hashes, but has {len(self.weak)} and {len(self.strong)}"
            )

    @property
    def blocks(self) -> int:
        """How many blocks the target has."""
        return -(-self.size // self.block_size)

    @property
    def tail(self) -> int:
        """Bytes of the last block if it is shorter than the others, otherwise 0."""
        return self.size % self.block_size


def signature(source: Buffer | BinaryIO, block_size: int, *, weak_bytes: int = 4, strong_bytes: int = 16) -> Signature:
    """Compute the signature of a target.

    Args:
        source: The target: bytes in memory, or a file that is read from where it stands to its end, piece by piece.
        block_size: Bytes of a block.
        weak_bytes: Bytes of each weak hash, 2 to 4.
        strong_bytes: Bytes of each strong hash, 1 to 16.

    Raises:
        ChunkingError: Local: a length is out of bounds.
        OSError: Local: the file cannot be read.
    """
    _check(block_size, weak_bytes, strong_bytes)
    size, weak, strong = 0, bytearray(), bytearray()
    for piece in _pieces(source, max(PIECE // block_size, 1) * block_size):
        more_weak, more_strong = kernel.hash_blocks(piece, block_size, weak_bytes, strong_bytes)
        size += len(piece)
        weak += more_weak
        strong += more_strong
    return Signature(size, block_size, bytes(weak), bytes(strong), weak_bytes, strong_bytes)


def _check(block_size: int, weak_bytes: int, strong_bytes: int) -> None:
    bounds = (
        ("block_size", block_size, 1, BLOCK_SIZE_MOST),
        ("weak_bytes", weak_bytes, 2, 4),
        ("strong_bytes", strong_bytes, 1, 16),
    )
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise ChunkingError(f"{name} is {value}, but must be {least} to {most}")


def _pieces(source: Buffer | BinaryIO, length: int) -> Iterator[Buffer]:
    """Yield the source in pieces of exactly this length, and a last one that may be shorter."""
    if isinstance(source, bytes | bytearray | memoryview):
        view = memoryview(source).cast("B")
        yield from (view[start : start + length] for start in range(0, len(view), length))
    else:
        while piece := read_fully(source, length):
            yield piece
