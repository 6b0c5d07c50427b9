"""What is new in a changed file: its block signature, and the ranges that a device with the old file lacks.

The publisher does what the device will do: it matches the new file's signature against the old file. So it can try
several block sizes, take the cheapest, and lay the blocks that will be missing together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from catsync_core.chunking import Signature, choose_block_size, choose_hash_lengths, match, signature
from catsync_core.format.frames import compress

__all__ = ["Fresh", "find_fresh", "sign"]

_QUICK_LEVEL = 3
_SMALLEST_BLOCK = 128
_SAMPLE = 8 << 20
_PAYS = 0.95
_STEPS = (4, 2, 1)


class Fresh(msgspec.Struct, frozen=True):
    """What a device with the old file needs of the new one.

    Attributes:
        signature: Finds the rest.
        ranges: (offset, length) in the new file, sorted.
    """

    signature: Signature
    ranges: tuple[tuple[int, int], ...]


def sign(location: Path, size: int) -> Signature:
    """Return the signature of a file with the block size that suits its size."""
    block_size = choose_block_size(size)
    weak, strong = choose_hash_lengths(size, block_size)
    with location.open("rb") as stream:
        return signature(stream, block_size, weak_bytes=weak, strong_bytes=strong)


def find_fresh(location: Path, size: int, bases: Sequence[BinaryIO | bytes], *, raw: bool) -> Fresh | None:
    """Find the cheapest way from the old files to the new one; None when blocks do not pay.

    Args:
        location: The new file.
        size: Its bytes.
        bases: The old ones.
        raw: The content does not compress.
    """
    with location.open("rb") as stream:
        whole = size if raw else _estimate(stream, ((0, size),))
        best, least = None, _PAYS * whole
        for block_size in _block_sizes(size):
            weak, strong = choose_hash_lengths(size, block_size)
            stream.seek(0)
            candidate = signature(stream, block_size, weak_bytes=weak, strong_bytes=strong)
            missing = match(candidate, bases).missing
            travels = sum(length for _, length in missing) if raw else _estimate(stream, missing)
            cost = len(candidate.weak) + len(candidate.strong) + travels
            if cost < least:
                best, least = Fresh(candidate, missing), cost
    return best


def _block_sizes(size: int) -> list[int]:
    middle = choose_block_size(size)
    return sorted({max(middle // step, _SMALLEST_BLOCK) for step in _STEPS} | {2 * middle})


def _estimate(stream: BinaryIO, ranges: Sequence[tuple[int, int]]) -> float:
    """Return about how many bytes the ranges take when compressed together."""
    sample, total = bytearray(), 0
    for offset, length in ranges:
        total += length
        if len(sample) < _SAMPLE:
            stream.seek(offset)
            sample += stream.read(min(length, _SAMPLE - len(sample)))
    return len(compress(bytes(sample), _QUICK_LEVEL)) * total / len(sample) if sample else 0.0
