"""The kernel: hashing and matching of blocks, in C or in Python.

`name`, `weak_hash`, `strong_hash`, `hash_blocks` and `Matcher` of this module are those of the kernel in use: the C
extension `_ckernel` where it was built, otherwise its pure-Python twin `_reference`. The environment variable
`CATSYNC_KERNEL` (`auto`, `c`, `python`) decides otherwise. Both find exactly the same.

Packed arrays are bytes: weak hashes little-endian, strong hashes as they are, runs as native 64-bit numbers.

Threads: the functions are free of state and release the GIL while they work (in C). A `Matcher` belongs to one thread.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Protocol, TypeAlias, cast

from catsync_core.chunking.errors import KernelError

__all__ = [
    "Buffer",
    "Kernel",
    "Matcher",
    "MatcherFactory",
    "MatcherType",
    "hash_blocks",
    "load",
    "name",
    "strong_hash",
    "weak_hash",
]

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Contiguous bytes in memory."""

MODULES = {"c": "catsync_core.chunking._ckernel", "python": "catsync_core.chunking._reference"}


class MatcherType(Protocol):
    """Searches bases, one after the other, for the blocks of one target.

    For each basis call `begin`, then `scan` with one stretch after the other, then `end`. `_scan.h` defines what is
    found.
    """

    @property
    def wanted(self) -> int:
        """How many distinct blocks have not been found."""

    @property
    def idle(self) -> bool:
        """Whether the rest of the basis cannot hold anything that is wanted."""

    @property
    def strong_hashes(self) -> int:
        """How many strong hashes were computed so far: the measure of the work that hostile data could cause."""

    def begin(self, basis: int, /) -> None:
        """Start at the first byte of the basis of this number."""

    def scan(self, data: Buffer, /) -> int:
        """Search the bytes that follow those that are done with.

        Returns:
            How many bytes are done with. The rest, less than a block, must be given again with what follows it.
        """

    def end(self, data: Buffer, offset: int, /) -> None:
        """Look for the tail in the last bytes of the basis, as many as the tail has, which lie at `offset`."""

    def runs(self) -> bytes:
        """What was found: target offset, basis, offset in it and length of each run, sorted and merged."""


class MatcherFactory(Protocol):
    """What makes a matcher."""

    def __call__(
        self, *, block_size: int, tail: int, weak: Buffer, strong: Buffer, weak_bytes: int, strong_bytes: int
    ) -> MatcherType:
        """Set up the search for the blocks of one target.

        Args:
            block_size: Bytes of a block.
            tail: Bytes of the last block if it is shorter than the others, otherwise 0.
            weak: Packed weak hashes of all blocks, each the high bits of the 32.
            strong: Packed strong hashes of all blocks, each a prefix of the digest.
            weak_bytes: Bytes of a packed weak hash, 2 to 4.
            strong_bytes: Bytes of a packed strong hash, 1 to 16.

        Raises:
            ValueError: The arguments do not fit together.
        """


class Kernel(Protocol):
    """What a kernel has to offer."""

    name: str
    Matcher: MatcherFactory

    def weak_hash(self, data: Buffer, /) -> int:
        """Return the weak hash of a block, 32 bits."""

    def strong_hash(self, data: Buffer, /) -> bytes:
        """Return the strong hash of a block: the canonical 16 bytes of XXH3-128."""

    def hash_blocks(self, data: Buffer, block_size: int, weak_bytes: int, strong_bytes: int, /) -> tuple[bytes, bytes]:
        """Return the packed weak and strong hashes of all blocks of the data; the last one may be shorter."""


def load(choice: str) -> Kernel:
    """Load a kernel.

    Args:
        choice: `c`, `python`, or `auto` for the former where it was built and the latter elsewhere.

    Raises:
        KernelError: Local: there is no such kernel, or it was not built.
    """
    if choice == "auto":
        try:
            return load("c")
        except KernelError:
            return load("python")
    if choice not in MODULES:
        raise KernelError(f"CATSYNC_KERNEL is {choice!r}, but must be auto, c or python")
    try:
        return cast("Kernel", import_module(MODULES[choice]))
    except ImportError as error:
        raise KernelError(f"The {choice} kernel cannot be loaded: {error}") from error


_kernel = load(os.environ.get("CATSYNC_KERNEL", "auto"))
name = _kernel.name
weak_hash = _kernel.weak_hash
strong_hash = _kernel.strong_hash
hash_blocks = _kernel.hash_blocks
Matcher = _kernel.Matcher
