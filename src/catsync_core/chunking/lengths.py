"""How long blocks and their hashes should be.

Both travel: halving the blocks doubles the signature, and what is too short costs false matches. The formulas are
rsync's (`sum_sizes_sqroot` in generator.c); librsync's `rs_sig_args` (sumset.c) reasons in the same way.
"""

from __future__ import annotations

from catsync_core.chunking.errors import ChunkingError

__all__ = ["BLOCK_SIZE_MOST", "choose_block_size", "choose_hash_lengths"]

BLOCK_SIZE_LEAST_CHOSEN = 512
BLOCK_SIZE_MOST_CHOSEN = 1 << 20
BLOCK_SIZE_MOST = 1 << 26
"""Bytes of a block that a signature may have: windows of several blocks have to fit into memory."""

BIAS_BITS = 10
"""A whole file is rebuilt wrongly, and then fetched anew, once in 2 ** BIAS_BITS times, or less often."""

WEAK_BYTES = range(2, 5)
STRONG_BYTES_LEAST = 2
STRONG_BYTES_MOST = 16


def choose_block_size(size: int) -> int:
    """Choose a block size when nothing better is known: about the square root of the size, as a power of two.

    Blocks that are fetched in vain and bytes of the signature then grow alike.

    Args:
        size: Bytes of the target.

    Raises:
        ChunkingError: Local: the size is negative.
    """
    if size < 0:
        raise ChunkingError(f"size is {size}, but must not be negative")
    nearest = 1 << (size.bit_length() // 2)
    return min(max(nearest, BLOCK_SIZE_LEAST_CHOSEN), BLOCK_SIZE_MOST_CHOSEN)


def choose_hash_lengths(size: int, block_size: int) -> tuple[int, int]:
    """Choose how many bytes of the weak and of the strong hash a signature needs.

    Every offset of a basis (about as many as the target has) is compared with every block, so together they need
    `2 log2(size) - log2(block_size)` bits, and BIAS_BITS more to make a false match rare in a whole file. What still
    slips through is caught by the hash of the file. As many of them are weak as keep the strong hashes that are
    computed in vain below one byte hashed for each byte of a basis.

    Args:
        size: Bytes of the target.
        block_size: Bytes of a block.

    Returns:
        Weak bytes, 2 to 4, and strong bytes, 2 to 16.

    Raises:
        ChunkingError: Local: a size that cannot be.
    """
    if size < 0 or block_size < 1:
        raise ChunkingError(f"size is {size} and block_size {block_size}, but must be at least 0 and 1")
    bits = ((size * size << BIAS_BITS) // block_size).bit_length()
    weak_bytes = next((count for count in WEAK_BYTES if size >> (8 * count) == 0), WEAK_BYTES[-1])
    strong_bytes = -(-bits // 8) - weak_bytes
    return weak_bytes, min(max(strong_bytes, STRONG_BYTES_LEAST), STRONG_BYTES_MOST)
