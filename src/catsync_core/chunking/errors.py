"""Errors of the chunking library. They stand alone: nothing else of catsync is imported here."""

from __future__ import annotations

__all__ = ["BasisError", "ChunkingError", "KernelError"]


class ChunkingError(ValueError):
    """A value that makes no sense: a signature, a delta or an argument."""


class BasisError(ChunkingError):
    """A basis is not what it was, or cannot be read at a given place: it was shortened meanwhile."""


class KernelError(ChunkingError):
    """The kernel that was asked for is unknown or was not built."""
