"""Assembly: writing a target from its delta, the bases and what was missing."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

from catsync_core.chunking.deltas import Copy
from catsync_core.chunking.errors import ChunkingError
from catsync_core.chunking.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from catsync_core.chunking.deltas import Delta
    from catsync_core.chunking.kernel import Buffer
    from catsync_core.chunking.sources import Basis, Source

__all__ = ["assemble"]

PIECE = 1 << 20
"""Bytes that are in memory at once."""


def assemble(delta: Delta, bases: Sequence[Basis], missing: Callable[[int, int], Buffer], output: BinaryIO) -> None:
    """Write a target, in order and with bounded memory.

    Args:
        delta: What `match` returned.
        bases: The same bases, in the same order.
        missing: Gives the bytes of the target at (offset, length). It is asked for the missing ranges in ascending
            order, for at most 1 MiB at once.
        output: Where to write.

    Raises:
        BasisError: Local: a basis is shorter than it was.
        ChunkingError: Local: a basis is not there, or `missing` gave another length than was asked for.
        OSError: Local: reading or writing failed.
    """
    with ExitStack() as stack:
        sources: dict[int, Source] = {}
        for piece in delta.pieces():
            if isinstance(piece, Copy):
                if piece.basis not in sources:
                    sources[piece.basis] = stack.enter_context(open_source(_choose(bases, piece.basis)))
                read, ranges = sources[piece.basis].read, _cut(piece.offset, piece.length)
            else:
                read, ranges = missing, _cut(*piece)
            output.writelines(_exactly(length, read(offset, length)) for offset, length in ranges)


def _choose(bases: Sequence[Basis], number: int) -> Basis:
    if number >= len(bases):
        raise ChunkingError(f"The delta copies from basis {number}, but there are only {len(bases)}")
    return bases[number]


def _cut(offset: int, length: int) -> Iterator[tuple[int, int]]:
    """Cut a range into pieces that fit into memory."""
    return ((start, min(PIECE, offset + length - start)) for start in range(offset, offset + length, PIECE))


def _exactly(length: int, data: Buffer) -> Buffer:
    if len(data) != length:
        raise ChunkingError(f"{len(data)} bytes came where {length} were asked for")
    return data
