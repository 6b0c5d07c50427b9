"""What earlier scans of a folder learned, so that unchanged files are not read again.

A file counts as unchanged when its size, its time of change in nanoseconds, its inode and its time of inode change are
all the same, and it was last changed well before it was hashed: a file that changes twice within one tick of the file
system's clock would look the same (git's racy index). Losing the cache costs time and nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

__all__ = ["ScanCache", "Stamp"]

_SETTLED_NS = 2_000_000_000


class Stamp(NamedTuple):
    """What the file system says of a file without reading it."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take it from a status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class _Known(msgspec.Struct, array_like=True):
    stamp: Stamp
    sha256: bytes


class ScanCache:
    """Hashes by path and stamp, kept in one file.

    Thread model: :meth:`find` and :meth:`remember` may be called from any thread.

    Args:
        location: The file; None keeps nothing.
        now_ns: The clock, nanoseconds since 1970.
    """

    def __init__(self, location: Path | None, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._location = location
        self._now_ns = now_ns
        self._known = self._load()
        self._seen: dict[str, _Known] = {}

    def find(self, path: str, stamp: Stamp) -> bytes | None:
        """Return the SHA-256 of a file that is unchanged since it was remembered."""
        known = self._known.get(path)
        if known is None or known.stamp != stamp:
            return None
        self._seen[path] = known
        return known.sha256

    def remember(self, path: str, stamp: Stamp, sha256: bytes) -> None:
        """Note the hash of a file, unless it changed so recently that it may change again unnoticed."""
        if self._now_ns() - max(stamp.mtime_ns, stamp.ctime_ns) > _SETTLED_NS:
            self._seen[path] = _Known(stamp, sha256)

    def save(self) -> None:
        """Write what this scan saw; a cache that cannot be written is dropped, for it only saves time."""
        if self._location is None:
            return
        aside = self._location.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._location.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(msgspec.msgpack.encode(self._seen))
            aside.replace(self._location)
        except OSError:
            with suppress(OSError):  # such as where the folder itself could not be made
                aside.unlink()

    def _load(self) -> dict[str, _Known]:
        if self._location is None:
            return {}
        try:
            return msgspec.msgpack.decode(self._location.read_bytes(), type=dict[str, _Known])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}  # missing or damaged: everything is read again
