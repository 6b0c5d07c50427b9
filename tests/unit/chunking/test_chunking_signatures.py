from __future__ import annotations

import io
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from catsync_core.chunking import ChunkingError, Signature, signature
from catsync_core.chunking.lengths import BLOCK_SIZE_MOST

if TYPE_CHECKING:
    from pathlib import Path

DATA = Random(1).randbytes(2_500_000)


class Dribble(io.RawIOBase):
    """A file that gives less than it is asked for, as a pipe does."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, 1000))


@pytest.mark.parametrize("block_size", [1000, 4096, 1 << 20, 3_000_000])
def test_file_and_memory_have_the_same_signature(tmp_path: Path, block_size: int) -> None:
    expected = signature(DATA, block_size)
    path = tmp_path / "target"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        assert signature(file, block_size) == expected
    assert signature(Dribble(DATA), block_size) == expected  # type: ignore[arg-type] # io's classes are no BinaryIO
    assert signature(memoryview(bytearray(DATA)), block_size) == expected


def test_lengths_decide_what_travels() -> None:
    long, short = signature(DATA, 4096), signature(DATA, 4096, weak_bytes=3, strong_bytes=2)
    assert (len(short.weak), len(short.strong)) == (3 * short.blocks, 2 * short.blocks)
    assert short.weak[:3] == long.weak[1:4]  # the high bytes of a little-endian number
    assert short.strong[:2] == long.strong[:2]


def test_counts_blocks_and_tail() -> None:
    assert [(s.blocks, s.tail) for s in (signature(DATA[:n], 10) for n in (0, 1, 10, 11))] == [
        (0, 0),
        (1, 1),
        (1, 0),
        (2, 1),
    ]


@pytest.mark.parametrize(
    "lengths",
    [
        {"block_size": 0},
        {"block_size": BLOCK_SIZE_MOST + 1},
        {"weak_bytes": 1},
        {"weak_bytes": 5},
        {"strong_bytes": 0},
        {"strong_bytes": 17},
    ],
)
def test_lengths_out_of_bounds_are_refused(lengths: dict[str, int]) -> None:
    with pytest.raises(ChunkingError, match=next(iter(lengths))):
        signature(b"data", **{"block_size": 2, **lengths})


@pytest.mark.parametrize(
    "change", [{"size": -1}, {"size": 21}, {"weak": b"123"}, {"strong": b""}, {"weak_bytes": 3}, {"block_size": 1}]
)
def test_parts_that_do_not_fit_together_are_refused(change: dict[str, Any]) -> None:
    valid: Signature = signature(b"0123456789" * 2, 5, strong_bytes=8)
    with pytest.raises(ChunkingError):
        replace(valid, **change)
