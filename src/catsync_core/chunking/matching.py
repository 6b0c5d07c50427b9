"""Matching: where the blocks of a target lie in local bases, at any byte offset.

rsync's idea in zsync's direction: the target is known by its signature alone, and the bases are local.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catsync_core.chunking import kernel
from catsync_core.chunking.deltas import Copy, Delta
from catsync_core.chunking.errors import ChunkingError
from catsync_core.chunking.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catsync_core.chunking.kernel import MatcherType
    from catsync_core.chunking.signatures import Signature
    from catsync_core.chunking.sources import Basis, Source

__all__ = ["match"]

WINDOW = 4 << 20
BLOCKS_IN_WINDOW = 4


def match(signature: Signature, bases: Sequence[Basis], *, window: int = WINDOW) -> Delta:
    """Find the blocks of a target in bases.

    Bases are searched in order, and each only for what was not found before; the search ends when all is found. A match
    is as certain as the hashes of the signature are long, so the target's own hash has to be checked in the end.

    Args:
        signature: The signature of the target.
        bases: What to search: bytes in memory, open files or paths of files. Files are read once, in windows.
        window: Bytes that are read at once, raised to four blocks where it is less. The result does not depend on it.

    Raises:
        BasisError: Local: a basis was shortened meanwhile.
        ChunkingError: Local: the window is not positive.
        OSError: Local: a basis cannot be read.
    """
    if window < 1:
        raise ChunkingError(f"window is {window}, but must be at least 1")
    matcher = kernel.Matcher(
        block_size=signature.block_size,
        tail=signature.tail,
        weak=signature.weak,
        strong=signature.strong,
        weak_bytes=signature.weak_bytes,
        strong_bytes=signature.strong_bytes,
    )
    for number, basis in enumerate(bases):
        if not matcher.wanted:
            break
        with open_source(basis) as source:
            matcher.begin(number)
            _scan(matcher, source, max(window, BLOCKS_IN_WINDOW * signature.block_size))
            if 0 < signature.tail <= source.size:
                offset = source.size - signature.tail
                matcher.end(source.read(offset, signature.tail), offset)
    copies = tuple(_unpack(matcher.runs()))
    return Delta(signature.size, copies, tuple(_gaps(copies, signature.size)))


def _scan(matcher: MatcherType, source: Source, window: int) -> None:
    offset = 0
    while offset < source.size and not matcher.idle:
        length = min(window, source.size - offset)
        passed = matcher.scan(source.read(offset, length))
        # What a window leaves over is less than a block; at the end of the basis there is nothing to complete it.
        offset = source.size if offset + length == source.size else offset + passed


def _unpack(runs: bytes) -> Iterator[Copy]:
    numbers = iter(memoryview(runs).cast("Q"))
    return (Copy(*run) for run in zip(numbers, numbers, numbers, numbers, strict=True))


def _gaps(copies: Sequence[Copy], size: int) -> Iterator[tuple[int, int]]:
    end = 0
    for copy in copies:
        if copy.target > end:
            yield end, copy.target - end
        end = copy.target + copy.length
    if end < size:
        yield end, size - end
