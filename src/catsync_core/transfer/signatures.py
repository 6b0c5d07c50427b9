"""Block signatures as a repository keeps them: many in one object, each in two rows of hashes."""

from __future__ import annotations

from catsync_core.chunking import Signature
from catsync_core.format.table import SignatureShape

__all__ = ["read_signature"]


def read_signature(shape: SignatureShape, size: int, data: bytes) -> Signature:
    """Return the block signature of a content of ``size`` bytes from its part of the signature object."""
    cut = shape.blocks * shape.weak_bytes
    return Signature(
        size=size,
        block_size=shape.block_size,
        weak=data[:cut],
        strong=data[cut:],
        weak_bytes=shape.weak_bytes,
        strong_bytes=shape.strong_bytes,
    )
