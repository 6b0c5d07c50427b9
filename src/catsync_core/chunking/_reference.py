"""The kernel in pure Python: slow, and the plainest statement of what `_ckernel` does.

It takes over where no C compiler was at hand, and the tests hold the C kernel against it.
"""

from __future__ import annotations

from array import array
from operator import mul
from typing import TYPE_CHECKING, TypeAlias

from xxhash import xxh3_128_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catsync_core.chunking.kernel import Buffer

__all__ = ["Matcher", "hash_blocks", "name", "strong_hash", "weak_hash"]

name = "python"

MULTIPLIER = 747796405
MASK = 0xFFFFFFFF
CHUNK = 4096
POWERS = tuple(pow(MULTIPLIER, CHUNK - 1 - i, 1 << 32) for i in range(CHUNK))
STRONG_BYTES_PER_BYTE = 64
STRONG_RESERVE_BLOCKS = 16
BLOCKS_MOST = 2**32 - 2

Kind: TypeAlias = "tuple[int, bytes]"
"""Shortened weak and strong hash: blocks that have both in common count as equal."""


def weak_hash(data: Buffer, /) -> int:
    """Return the weak hash of a block, 32 bits."""
    view = memoryview(data)
    value = 1
    for start in range(0, len(view), CHUNK):
        part = view[start : start + CHUNK]
        power = pow(MULTIPLIER, len(part), 1 << 32)
        value = (value * power + sum(map(mul, part, POWERS[CHUNK - len(part) :]))) & MASK
    return value


def strong_hash(data: Buffer, /) -> bytes:
    """Return the strong hash of a block: the canonical 16 bytes of XXH3-128."""
    return xxh3_128_digest(data)


def hash_blocks(data: Buffer, block_size: int, weak_bytes: int, strong_bytes: int, /) -> tuple[bytes, bytes]:
    """Return the packed weak and strong hashes of all blocks of the data; the last one may be shorter."""
    _check_lengths(block_size, weak_bytes, strong_bytes)
    view = memoryview(data)
    weak, strong = bytearray(), bytearray()
    for start in range(0, len(view), block_size):
        block = view[start : start + block_size]
        weak += (weak_hash(block) >> _shift(weak_bytes)).to_bytes(weak_bytes, "little")
        strong += strong_hash(block)[:strong_bytes]
    return bytes(weak), bytes(strong)


class Matcher:
    """Searches bases, one after the other, for the blocks of one target."""

    def __init__(
        self, *, block_size: int, tail: int, weak: Buffer, strong: Buffer, weak_bytes: int, strong_bytes: int
    ) -> None:
        _check_lengths(block_size, weak_bytes, strong_bytes)
        self._blocks = _count_blocks(weak, weak_bytes, strong, strong_bytes)
        if not 0 <= tail < block_size or (tail > 0 and self._blocks == 0):
            raise ValueError(f"tail is {tail}, but must be shorter than a block and the last of the blocks")
        self._block_size = block_size
        self._tail = tail
        self._shift = _shift(weak_bytes)
        self._strong_bytes = strong_bytes
        self._kinds = list(_unpack(memoryview(weak), memoryview(strong), weak_bytes, strong_bytes))
        self._wanted: dict[int, dict[bytes, int]] = {}
        """By weak, then strong hash: the first block of each kind that has no place yet."""
        for block, (key, digest) in enumerate(self._kinds[: self._blocks - (tail > 0)]):
            self._wanted.setdefault(key, {}).setdefault(digest, block)
        self._places: dict[int, tuple[int, int]] = {}
        """Basis and offset of each block that was found."""
        self._placed: dict[Kind, int] = {}
        """A block that has a place, of each kind."""
        self._basis = 0
        self._position = 0
        self._travelled = 0
        self._expected: int | None = None
        self._strong_hashes = 0
        self._lookup_strong_hashes = 0

    @property
    def wanted(self) -> int:
        """How many distinct blocks have not been found."""
        return sum(map(len, self._wanted.values())) + self._tail_is_wanted()

    @property
    def idle(self) -> bool:
        """Whether the rest of the basis cannot hold anything that is wanted."""
        return self._expected is None and not self._wanted

    @property
    def strong_hashes(self) -> int:
        """How many strong hashes were computed so far."""
        return self._strong_hashes

    def begin(self, basis: int, /) -> None:
        """Start at the first byte of the basis of this number."""
        if not 0 <= basis <= BLOCKS_MOST:
            raise ValueError(f"basis is {basis}, but must be 0 to 2^32 - 2")
        self._basis = basis
        self._position = 0
        self._expected = 0 if self._blocks else None

    def scan(self, data: Buffer, /) -> int:
        """Search the bytes that follow those that are done with; return how many more are done with."""
        view = memoryview(data)
        at = self._follow(view, 0)
        while not self.idle and len(view) - at >= self._block_size:
            at, block = self._find_wanted(view, at)
            if block is None:
                break
            at = self._follow(view, self._accept(block, at))
        if self.idle:
            at = len(view)
        self._position += at
        self._travelled += at
        return at

    def end(self, data: Buffer, offset: int, /) -> None:
        """Look for the tail in the last bytes of the basis, which lie at `offset`."""
        view = memoryview(data)
        if offset < 0 or len(view) != self._tail:
            raise ValueError(f"{len(view)} bytes at offset {offset}, where a tail of {self._tail} bytes is expected")
        if self._tail_is_wanted() and self._is_block(self._blocks - 1, view):
            self._place(self._blocks - 1, offset)

    def runs(self) -> bytes:
        """What was found: target offset, basis, offset in it and length of each run, sorted and merged."""
        runs = array("Q")
        for block in range(self._blocks):
            place = self._places.get(self._source(block))
            if place is None:
                continue
            target, (basis, offset) = block * self._block_size, place
            if not runs or (runs[-4] + runs[-1], runs[-3], runs[-2] + runs[-1]) != (target, basis, offset):
                runs.extend((target, basis, offset, 0))
            runs[-1] += self._size(block)
        return runs.tobytes()

    def _is_tail(self, block: int) -> bool:
        return self._tail > 0 and block == self._blocks - 1

    def _tail_is_wanted(self) -> bool:
        return self._tail > 0 and self._blocks - 1 not in self._places

    def _size(self, block: int) -> int:
        return self._tail if self._is_tail(block) else self._block_size

    def _source(self, block: int) -> int:
        """The block whose place serves this block: itself, or another one of its kind."""
        if block in self._places or self._is_tail(block):
            return block
        return self._placed.get(self._kinds[block], block)

    def _place(self, block: int, offset: int) -> None:
        if block in self._places:
            return
        self._places[block] = (self._basis, offset)
        kind = self._kinds[block]
        if self._is_tail(block) or kind in self._placed:
            return
        self._placed[kind] = block
        key, digest = kind
        del self._wanted[key][digest]
        if not self._wanted[key]:
            del self._wanted[key]

    def _accept(self, block: int, at: int) -> int:
        self._place(block, self._position + at)
        self._expected = block + 1 if block + 1 < self._blocks else None
        return at + self._size(block)

    def _strong(self, view: memoryview) -> bytes:
        self._strong_hashes += 1
        return strong_hash(view)[: self._strong_bytes]

    def _is_block(self, block: int, view: memoryview) -> bool:
        key, digest = self._kinds[block]
        return weak_hash(view) >> self._shift == key and self._strong(view) == digest

    def _follow(self, view: memoryview, at: int) -> int:
        """Accept expected blocks from `at` on; return where they end."""
        while self._expected is not None and at + self._size(self._expected) <= len(view):
            block = self._expected
            if self._is_block(block, view[at : at + self._size(block)]):
                at = self._accept(block, at)
            else:
                self._expected = None
        return at

    def _find_wanted(self, view: memoryview, at: int) -> tuple[int, int | None]:
        """Return the first offset from `at` on at which a wanted block lies, and that block.

        Or the first offset at which too few bytes are left, and None.
        """
        size, shift, wanted = self._block_size, self._shift, self._wanted
        power = pow(MULTIPLIER, size, 1 << 32)
        drop = power * (MULTIPLIER - 1)
        value = weak_hash(view[at : at + size])
        for offset in range(at, len(view) - size):
            if value >> shift in wanted:
                block = self._look_up(view, offset, value)
                if block is not None:
                    return offset, block
            value = (value * MULTIPLIER + view[offset + size] - view[offset] * power - drop) & MASK
        last = len(view) - size
        block = self._look_up(view, last, value)
        return (last, block) if block is not None else (last + 1, None)

    def _look_up(self, view: memoryview, at: int, value: int) -> int | None:
        wanted = self._wanted.get(value >> self._shift)
        if wanted is None or not self._may_hash(at):
            return None
        self._lookup_strong_hashes += 1
        return wanted.get(self._strong(view[at : at + self._block_size]))

    def _may_hash(self, at: int) -> bool:
        blocks_passed = (self._travelled + at) // self._block_size
        return self._lookup_strong_hashes < STRONG_RESERVE_BLOCKS + blocks_passed * STRONG_BYTES_PER_BYTE


def _shift(weak_bytes: int) -> int:
    return 32 - 8 * weak_bytes


def _check_lengths(block_size: int, weak_bytes: int, strong_bytes: int) -> None:
    if block_size < 1:
        raise ValueError(f"block_size is {block_size}, but must be at least 1")
    if not 2 <= weak_bytes <= 4:
        raise ValueError(f"weak_bytes is {weak_bytes}, but must be 2 to 4")
    if not 1 <= strong_bytes <= 16:
        raise ValueError(f"strong_bytes is {strong_bytes}, but must be 1 to 16")


def _count_blocks(weak: Buffer, weak_bytes: int, strong: Buffer, strong_bytes: int) -> int:
    blocks, weak_rest = divmod(len(weak), weak_bytes)
    if weak_rest or len(strong) != blocks * strong_bytes:
        raise ValueError(
            f"{len(weak)} bytes of weak and {len(strong)} of strong hashes do not belong to the same blocks"
        )
    if blocks > BLOCKS_MOST:
        raise ValueError(f"{blocks} blocks are more than 2^32 - 2")
    return blocks


def _unpack(weak: memoryview, strong: memoryview, weak_bytes: int, strong_bytes: int) -> Iterator[Kind]:
    for block in range(len(weak) // weak_bytes):
        key = int.from_bytes(weak[block * weak_bytes : (block + 1) * weak_bytes], "little")
        yield key, bytes(strong[block * strong_bytes : (block + 1) * strong_bytes])
