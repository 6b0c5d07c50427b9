"""Times of change: the range that every file system keeps, and when two of them count as equal."""

from __future__ import annotations

import os

__all__ = ["clamp_mtime", "same_mtime"]

_EARLIEST = 0
_LATEST = (1 << 32) - 1  # the year 2106: what NFSv3 carries, and within the range of ext4, XFS, APFS and NTFS
_GRANULARITY = 1  # FAT keeps even seconds only
_NANOSECONDS = 1_000_000_000


def clamp_mtime(seconds: int) -> int:
    """Return the nearest time, in seconds since 1970, that file systems can keep."""
    return min(max(seconds, _EARLIEST), _LATEST)


def same_mtime(found: os.stat_result, wanted: int) -> bool:
    """Whether a file has the time of change that it was given.

    Args:
        found: What the file system says of the file.
        wanted: Seconds since 1970, as the manifest has them.
    """
    return abs(found.st_mtime_ns // _NANOSECONDS - clamp_mtime(wanted)) <= _GRANULARITY
