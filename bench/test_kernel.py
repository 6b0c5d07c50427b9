"""How fast the C kernel hashes and matches, in gigabytes a second of one core.

Times are processor times of the thread, so that other work on the machine disturbs as little as possible; what is
compared runs in turns. `extra_info` of each benchmark has the figures.
"""

from __future__ import annotations

from random import Random
from time import thread_time
from typing import TYPE_CHECKING

import pytest

from catsync_core.chunking import _ckernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

BLOCK_SIZE = 4096
SIZE = 32 << 20
ROUNDS = 7

pytestmark = pytest.mark.benchmark(group="kernel", timer=thread_time, warmup=False)


@pytest.fixture(scope="module")
def data() -> bytes:
    """Bytes that do not repeat."""
    return Random(1).randbytes(SIZE)


def matcher_of(hashes: tuple[bytes, bytes], weak_bytes: int, strong_bytes: int) -> _ckernel.Matcher:
    """Return a matcher for these weak and strong hashes."""
    weak, strong = hashes
    return _ckernel.Matcher(
        block_size=BLOCK_SIZE, tail=0, weak=weak, strong=strong, weak_bytes=weak_bytes, strong_bytes=strong_bytes
    )


def rate(work: Callable[[], object]) -> float:
    """Return the gigabytes a second of work over SIZE bytes."""
    start = thread_time()
    work()
    return SIZE / (thread_time() - start) / 1e9


def measure(
    benchmark: BenchmarkFixture, work: Callable[[], object], baseline: Callable[[], object] | None = None
) -> None:
    """Benchmark the work, in turns with the baseline, and note the best rates and their ratio."""
    rates: list[float] = []
    baselines: list[float] = []

    def once() -> None:
        rates.append(rate(work))

    def before() -> None:
        if baseline:
            baselines.append(rate(baseline))

    benchmark.pedantic(once, setup=before, rounds=ROUNDS)  # type: ignore[no-untyped-call] # it has no types
    benchmark.extra_info["GB/s"] = round(max(rates), 3)
    if baselines:
        benchmark.extra_info["baseline GB/s"] = round(max(baselines), 3)
        benchmark.extra_info["ratio"] = round(max(rates) / max(baselines), 2)


def test_signature(benchmark: BenchmarkFixture, data: bytes) -> None:
    """Both hashes of all blocks."""
    measure(benchmark, lambda: _ckernel.hash_blocks(data, BLOCK_SIZE, 3, 3))


@pytest.mark.parametrize("strong_bytes", [3, 16])
def test_identical_data(benchmark: BenchmarkFixture, data: bytes, strong_bytes: int) -> None:
    """The usual case: a file of which little or nothing changed. The table is built anew each time."""
    hashes = _ckernel.hash_blocks(data, BLOCK_SIZE, 3, strong_bytes)

    def match() -> None:
        matcher = matcher_of(hashes, 3, strong_bytes)
        matcher.begin(0)
        matcher.scan(data)
        assert matcher.wanted == 0

    measure(benchmark, match)


@pytest.mark.parametrize(("blocks", "weak_bytes"), [(2_500, 3), (25_000, 4), (100_000, 4)])
def test_no_match_against_one_plain_lane(
    benchmark: BenchmarkFixture, data: bytes, blocks: int, weak_bytes: int
) -> None:
    """The dearest case that is not hostile: every offset is rolled over and nothing is found."""
    random = Random(2)
    matcher = matcher_of((random.randbytes(blocks * weak_bytes), random.randbytes(blocks * 8)), weak_bytes, 8)

    def match() -> None:
        matcher.begin(0)
        matcher.scan(data)
        assert matcher.wanted == blocks

    measure(benchmark, match, lambda: matcher.roll_plainly(data))


def test_zeros_that_are_all_found(benchmark: BenchmarkFixture) -> None:
    """One block, repeated."""
    zeros = bytes(SIZE)
    hashes = _ckernel.hash_blocks(zeros, BLOCK_SIZE, 3, 3)

    def match() -> None:
        matcher = matcher_of(hashes, 3, 3)
        matcher.begin(0)
        matcher.scan(zeros)
        assert matcher.wanted == 0

    measure(benchmark, match)


def test_zeros_while_another_block_is_wanted(benchmark: BenchmarkFixture, data: bytes) -> None:
    """Every offset passes both filters, and none is wanted."""
    zeros = bytes(SIZE)
    hashes = _ckernel.hash_blocks(bytes(BLOCK_SIZE) + data[:BLOCK_SIZE], BLOCK_SIZE, 3, 3)

    def match() -> None:
        matcher = matcher_of(hashes, 3, 3)
        matcher.begin(0)
        matcher.scan(zeros)
        assert matcher.wanted == 1
        assert matcher.strong_hashes == 1

    measure(benchmark, match)


def test_zeros_with_equal_weak_hashes_of_another_block(benchmark: BenchmarkFixture) -> None:
    """Hostile: every offset has the weak hash of a wanted block, so the budget of strong hashes is spent."""
    zeros = bytes(SIZE)
    weak, _ = _ckernel.hash_blocks(zeros[:BLOCK_SIZE], BLOCK_SIZE, 4, 1)

    def match() -> None:
        matcher = matcher_of((weak, b"something else.."), 4, 16)
        matcher.begin(0)
        matcher.scan(zeros)
        assert matcher.wanted == 1

    measure(benchmark, match)
