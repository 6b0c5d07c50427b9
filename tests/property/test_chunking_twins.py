"""The C kernel and its pure-Python twin find exactly the same, whatever the data, the hashes and the windows are."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsync_core.chunking import kernel

if TYPE_CHECKING:
    from catsync_core.chunking.kernel import Kernel, MatcherType

c = pytest.importorskip("catsync_core.chunking._ckernel", reason="the C kernel was not built")
python = kernel.load("python")

PATTERNS = st.sampled_from([b"\0", b"ab", b"\xff\0\0", b"abcdefg", bytes(range(256))])
PIECES = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda pattern, length: (pattern * length)[:length], PATTERNS, st.integers(0, 200)),
)


@st.composite
def contents(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A target and bases that are put together from the same few pieces, so that they share a lot."""
    pieces = draw(st.lists(PIECES, min_size=1, max_size=6))
    mixtures = st.lists(st.sampled_from(pieces), max_size=10).map(b"".join)
    return draw(mixtures), draw(st.lists(mixtures, min_size=1, max_size=3))


def run(
    chosen: Kernel, content: tuple[bytes, list[bytes]], block_size: int, lengths: tuple[int, int], window: int
) -> tuple[bytes, int, int, bool]:
    target, bases = content
    tail = len(target) % block_size
    weak, strong = chosen.hash_blocks(target, block_size, *lengths)
    matcher = chosen.Matcher(
        block_size=block_size, tail=tail, weak=weak, strong=strong, weak_bytes=lengths[0], strong_bytes=lengths[1]
    )
    for number, basis in enumerate(bases):
        matcher.begin(number)
        scan(matcher, basis, window)
        if 0 < tail <= len(basis):
            matcher.end(basis[-tail:], len(basis) - tail)
    return matcher.runs(), matcher.wanted, matcher.strong_hashes, matcher.idle


def scan(matcher: MatcherType, basis: bytes, window: int) -> None:
    offset = 0
    while offset < len(basis) and not matcher.idle:
        data = basis[offset : offset + window]
        passed = matcher.scan(data)
        offset = len(basis) if offset + len(data) == len(basis) else offset + passed


@given(
    contents(),
    st.integers(1, 40),
    st.tuples(st.integers(2, 4), st.sampled_from([1, 2, 3, 8, 16])),
    st.integers(0, 300),
)
def test_twins_agree(content: tuple[bytes, list[bytes]], block_size: int, lengths: tuple[int, int], more: int) -> None:
    ours = run(c, content, block_size, lengths, block_size + more)
    assert ours == run(python, content, block_size, lengths, block_size + more)


@pytest.mark.parametrize("seed", range(12))
def test_twins_agree_on_long_stretches_without_a_match(seed: int) -> None:
    """Long enough for the four lanes of the C kernel, for their limits and for the windows they end at."""
    random = Random(seed)
    block_size = random.choice([1, 3, 16, 100, 512, 2000])
    lengths = random.choice([(2, 1), (2, 3), (3, 3), (4, 16)])
    wanted = [random.randbytes(block_size) for _ in range(20)]
    flat = [bytes(30_000), b"ab" * 15_000, b"\xff" * 20_000]
    noise = [random.randbytes(random.randrange(40_000)) for _ in range(4)]
    basis = b"".join(random.sample([*wanted[:15], *flat, *noise], 22))
    target = b"".join(random.choices([*wanted, *(piece[:block_size] for piece in flat)], k=300))
    window = max(random.choice([5000, 50_000, 500_000]), 4 * block_size)
    content = (target + b"tail"[: block_size - 1], [basis, basis[1:]])
    assert run(c, content, block_size, lengths, window) == run(python, content, block_size, lengths, len(basis))


@pytest.mark.parametrize("strong_bytes", [1, 16])
def test_twins_agree_when_every_offset_is_a_candidate(strong_bytes: int) -> None:
    """Weak hashes of a flat basis with other strong hashes: lanes fill up, and the budget of strong hashes runs out."""
    block_size = 32
    basis = bytes(150_000) + b"end of the flat part" + bytes(50_000)
    weak, _ = python.hash_blocks(bytes(block_size), block_size, 2, 1)
    _, strong = python.hash_blocks(b"something else", block_size, 2, strong_bytes)
    end = basis[149_990:150_022]
    end_weak, end_strong = python.hash_blocks(end, block_size, 2, strong_bytes)
    results = []
    for chosen in (c, python):
        matcher = chosen.Matcher(
            block_size=block_size,
            tail=0,
            weak=weak + end_weak,
            strong=strong + end_strong,
            weak_bytes=2,
            strong_bytes=strong_bytes,
        )
        matcher.begin(0)
        scan(matcher, basis, len(basis))
        results.append((matcher.runs(), matcher.wanted, matcher.strong_hashes))
    assert results[0] == results[1]
    assert results[0][2] > 0


@given(st.integers(0, 2**32), st.integers(1, 600), st.integers(2, 4), st.integers(1, 3000))
def test_both_filters_let_every_block_through(seed: int, block_size: int, weak_bytes: int, blocks: int) -> None:
    """The loop that the benchmarks compare with finds the weak hash of every block, too."""
    random = Random(seed)
    data = random.randbytes(block_size + random.randrange(300))
    offsets = range(len(data) - block_size + 1)
    hashes = [python.hash_blocks(data[start : start + block_size], block_size, weak_bytes, 1)[0] for start in offsets]
    wanted = {*random.choices(hashes, k=10), *(random.randbytes(weak_bytes) for _ in range(blocks))}
    matcher = c.Matcher(
        block_size=block_size,
        tail=0,
        weak=b"".join(wanted),
        strong=bytes(len(wanted)),
        weak_bytes=weak_bytes,
        strong_bytes=1,
    )
    assert matcher.roll_plainly(data) == sum(value in wanted for value in hashes) > 0
