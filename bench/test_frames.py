"""How fast frames are decoded, and what a checksum in them costs: a real catalog's text in frames of 1 MiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench.catalogs import LARGE, fetch

from catsync_core.format.frames import compress, decompress

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

FRAME = 1 << 20
BYTES = 64 << 20
LEVEL = 12  # as publishing has it by default


@pytest.fixture(scope="module")
def texts() -> list[bytes]:
    """The largest catalog's largest files, cut as they are cut for frames."""
    _, new = fetch(LARGE)
    found: list[bytes] = []
    for path in sorted(new.rglob("*.json"), key=lambda path: -path.stat().st_size):
        data = path.read_bytes()
        found += [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
        if sum(map(len, found)) >= BYTES:
            break
    return found


def test_decode(benchmark: BenchmarkFixture, texts: list[bytes]) -> None:
    """Decode sealed frames, which have no checksum, one after the other."""
    frames = [(compress(data, LEVEL, checksum=False), len(data)) for data in texts]
    benchmark(lambda: [len(decompress(stored, size, "A frame", sealed=True)) for stored, size in frames])


def test_decode_with_checksum(benchmark: BenchmarkFixture, texts: list[bytes]) -> None:
    """The same frames as they were if they had one."""
    frames = [(compress(data, LEVEL), len(data)) for data in texts]
    benchmark(lambda: [len(decompress(stored, size, "A frame")) for stored, size in frames])
