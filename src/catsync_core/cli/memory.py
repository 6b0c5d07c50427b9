"""What becomes of memory that a download has used and freed."""

from __future__ import annotations

import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # from malloc.h
_LARGEST_MMAP_THRESHOLD = 32 << 20  # bytes; mallopt refuses more


def keep_freed_memory() -> None:
    """Keep freed memory for what comes next, instead of giving it back to the system; before the first thread starts.

    A download frees a megabyte for every frame and needs another one at once. As glibc has it, the system takes the
    pages back each time and clears others, which is a twentieth of the work, and each thread hoards for itself. This is
    for a process that ends when it is done; it does nothing where there is no glibc.
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415  # slow to import, and a download needs it anyway

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
    mallopt(_TRIM_THRESHOLD, 1 << 30)
