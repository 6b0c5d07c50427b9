from __future__ import annotations

from math import log2

import pytest

from catsync_core.chunking import ChunkingError, choose_block_size, choose_hash_lengths

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40


@pytest.mark.parametrize(
    ("size", "block_size"),
    [
        (0, 512),
        (1, 512),
        (300 * KIB, 512),
        (5_000_000, 2 * KIB),
        (64 * MIB, 8 * KIB),
        (GIB, 32 * KIB),
        (4 * TIB, MIB),
    ],
)
def test_block_size_is_about_the_square_root_within_bounds(size: int, block_size: int) -> None:
    assert choose_block_size(size) == block_size


@pytest.mark.parametrize(
    ("size", "block_size", "lengths"),
    [
        (0, 512, (2, 2)),
        (50_000, 512, (2, 3)),
        (5_000_000, 2 * KIB, (3, 3)),
        (400_000_000, 16 * KIB, (4, 3)),
        (16 * TIB, MIB, (4, 6)),
    ],
)
def test_hash_lengths(size: int, block_size: int, lengths: tuple[int, int]) -> None:
    assert choose_hash_lengths(size, block_size) == lengths


@pytest.mark.parametrize("size", [10_000, 10**5, 10**6, 10**7, 10**8, 10**9, 10**12])
@pytest.mark.parametrize("block_size", [64, 512, 4096, 65536])
def test_a_file_fails_rarely_and_no_byte_is_wasted(size: int, block_size: int) -> None:
    weak_bytes, strong_bytes = choose_hash_lengths(size, block_size)
    comparisons = size * size / block_size
    assert -18.1 < log2(comparisons) - 8 * (weak_bytes + strong_bytes) <= -9.9 or strong_bytes == 2


@pytest.mark.parametrize("size", [10_000, 10**5, 10**6, 10**7, 10**8, 10**9])
def test_at_most_one_byte_is_hashed_in_vain_for_each_byte(size: int) -> None:
    weak_bytes, _ = choose_hash_lengths(size, choose_block_size(size))
    assert size / 2 ** (8 * weak_bytes) < 1


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ChunkingError, match="size is -1"):
        choose_block_size(-1)
    with pytest.raises(ChunkingError, match="block_size 0"):
        choose_hash_lengths(10, 0)
