"""A delta: how a target is put together from ranges of bases and from what is missing."""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING

import msgspec

from catsync_core.chunking.errors import ChunkingError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Copy", "Delta"]


class Copy(msgspec.Struct, frozen=True):
    """A range of the target that lies in a basis.

    Args:
        target: Where it starts in the target, in bytes.
        basis: The number of the basis.
        offset: Where it starts in the basis, in bytes.
        length: In bytes, at least 1.
    """

    target: int
    basis: int
    offset: int
    length: int


class Delta(msgspec.Struct, frozen=True):
    """How a target is put together: copies and missing ranges cover it exactly once.

    Args:
        size: Bytes of the target.
        copies: What lies in bases, by target offset, merged where target and basis both go on.
        missing: Offset and length of what has to come from elsewhere, by offset, merged.

    Raises:
        ChunkingError: Local: they leave a gap, overlap or are out of order.
    """

    size: int
    copies: tuple[Copy, ...]
    missing: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        end = 0
        for piece in self.pieces():
            start, length = (piece.target, piece.length) if isinstance(piece, Copy) else piece
            if start != end or length < 1:
                raise ChunkingError(f"A delta's piece of {length} bytes is at {start}, where {end} was expected")
            if isinstance(piece, Copy) and (piece.basis < 0 or piece.offset < 0):
                raise ChunkingError(f"A delta copies from offset {piece.offset} of basis {piece.basis}")
            end += length
        if end != self.size:
            raise ChunkingError(f"A delta covers {end} bytes of a target of {self.size}")

    @property
    def copied(self) -> int:
        """Bytes that come from bases."""
        return sum(copy.length for copy in self.copies)

    def pieces(self) -> Iterator[Copy | tuple[int, int]]:
        """Yield copies and missing ranges in the order of the target."""
        return merge(self.copies, self.missing, key=_target)


def _target(piece: Copy | tuple[int, int]) -> int:
    return piece.target if isinstance(piece, Copy) else piece[0]
