"""Block matching, a small library of its own: it imports nothing else of catsync.

Like librsync's signature, delta and patch: `signature` describes a target by the hashes of its blocks, `match` finds
these blocks in local bases at any byte offset, and `assemble` writes the target from the bases and from what was
missing. Unlike in rsync the signature is that of the target, computed once by whoever publishes it (zsync's direction),
so that a server has nothing to compute.

The hashes find candidates and prove nothing: weak and strong hash can be made to collide. Whoever assembles a target
has to check it against a cryptographic hash.

Threads: everything here is free of global state, so different threads may work on different files at once.
"""

from __future__ import annotations

from catsync_core.chunking.assembly import assemble
from catsync_core.chunking.deltas import Copy, Delta
from catsync_core.chunking.errors import BasisError, ChunkingError, KernelError
from catsync_core.chunking.kernel import Buffer
from catsync_core.chunking.lengths import choose_block_size, choose_hash_lengths
from catsync_core.chunking.matching import match
from catsync_core.chunking.signatures import Signature, signature
from catsync_core.chunking.sources import Basis

__all__ = [
    "Basis",
    "BasisError",
    "Buffer",
    "ChunkingError",
    "Copy",
    "Delta",
    "KernelError",
    "Signature",
    "assemble",
    "choose_block_size",
    "choose_hash_lengths",
    "match",
    "signature",
]
