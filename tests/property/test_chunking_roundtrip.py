"""A target is put together again from any old content, whatever was edited and however it is read."""

from __future__ import annotations

import io
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from catsync_core.chunking import Delta, assemble, match, signature

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "move", "duplicate", "overwrite"]),
        st.integers(0, 5000),
        st.integers(0, 5000),
        st.integers(0, 400),
    ),
    max_size=6,
)


def edit(data: bytes, kind: str, at: int, to: int, length: int) -> bytes:
    piece = data[at : at + length]
    fresh = Random(f"{kind} {at} {to} {length}").randbytes(length)
    rest = data[:at] + data[at + length :]
    return {
        "insert": data[:at] + fresh + data[at:],
        "delete": rest,
        "move": rest[:to] + piece + rest[to:],
        "duplicate": data[:to] + piece + data[to:],
        "overwrite": data[:at] + fresh + data[at + length :],
    }[kind]


def rebuild(target: bytes, delta: Delta, bases: list[bytes]) -> bytes:
    output = io.BytesIO()
    assemble(delta, bases, lambda offset, length: target[offset : offset + length], output)
    return output.getvalue()


@given(
    st.integers(0, 2**32),
    st.integers(0, 4000),
    EDITS,
    st.integers(1, 300),
    st.sampled_from([1, 500, 10**6]),
)
def test_edited_targets_are_rebuilt(
    seed: int, length: int, edits: list[tuple[str, int, int, int]], block_size: int, window: int
) -> None:
    target = basis = Random(seed).randbytes(length)
    for change in edits:
        target = edit(target, *change)
    delta = match(signature(target, block_size), [basis], window=window)
    assert rebuild(target, delta, [basis]) == target
    assert delta == match(signature(target, block_size), [basis])


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(0, 30), st.binary(max_size=100))
def test_an_insertion_costs_the_block_around_it(seed: int, blocks: int, at: int, inserted: bytes) -> None:
    size = 128
    target = Random(seed).randbytes(size * blocks)
    basis = target[: at * 7] + inserted + target[at * 7 :]
    delta = match(signature(target, size), [basis])
    assert rebuild(target, delta, [basis]) == target
    assert len(target) - delta.copied <= size


@given(st.integers(0, 2**32), st.permutations(range(8)), st.lists(st.integers(0, 50), min_size=8, max_size=8))
def test_moved_and_scattered_blocks_are_all_found(seed: int, order: list[int], gaps: list[int]) -> None:
    size, random = 128, Random(seed)
    blocks = [random.randbytes(size) for _ in range(8)]
    scattered = b"".join(random.randbytes(gap) + blocks[number] for gap, number in zip(gaps, order, strict=True))
    middle = len(scattered) // 2 - len(scattered) // 2 % size
    bases = [scattered[: middle + size], scattered[middle:]]
    delta = match(signature(b"".join(blocks), size), bases)
    assert delta.copied >= 7 * size
    assert rebuild(b"".join(blocks), delta, bases) == b"".join(blocks)
