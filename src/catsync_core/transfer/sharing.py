"""Two threads build files: the calling one takes every file in turn, the other one large ones that lie further on.

A large file is then decoded, hashed and written by one thread, whose core has its bytes at hand. Small files gain
nothing by it: most of their time is Python's own, which runs on one thread at a time.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait

from catsync_core.errors import CancelledError
from catsync_core.plan.model import FilePlan

__all__ = ["Build", "Count", "build_files"]

_LARGE = 256 << 10  # bytes
_TICK = 0.2  # seconds

Count = Callable[[int], None]
"""Takes bytes that are done."""

Build = Callable[[FilePlan, Count], None]
"""Builds a file and counts its bytes."""


def build_files(
    files: Sequence[FilePlan],
    build: Build,
    *,
    lend: Callable[[Callable[[], None]], Future[None]],
    is_ready: Callable[[FilePlan], bool],
    on_bytes: Count,
) -> None:
    """Build all files; returns, or raises, once the other thread is done too.

    Args:
        files: In the order in which they are built.
        build: Builds one; called on both threads.
        lend: Runs a function on the other thread.
        is_ready: Whether the other thread could build a file without waiting.
        on_bytes: Gets all counts, on the calling thread alone.

    Raises:
        Exception: the first that ``build`` or ``on_bytes`` raised.
    """
    shared = _Shared(files, build, is_ready)
    other: Future[None] | None = None

    def count(size: int) -> None:
        on_bytes(size + shared.collect())
        if other is not None and other.done():
            other.result()

    try:
        for file in shared.take():
            if other is not None and other.done():
                count(0)
                other = None
            if other is None and shared.reserve():
                other = lend(shared.build_large)
            build(file, count)
        while other is not None and not other.done():
            wait([other], _TICK)
            count(0)
        count(0)
    finally:
        shared.stop()
        if other is not None and not other.cancel():
            wait([other])


class _Shared:
    """Files to be built, each by one thread."""

    def __init__(self, files: Sequence[FilePlan], build: Build, is_ready: Callable[[FilePlan], bool]) -> None:
        self._files = files
        self._build = build
        self._is_ready = is_ready
        self._large = deque(index for index, file in enumerate(files) if file.size >= _LARGE)
        self._taken: set[int] = set()
        self._lock = threading.Lock()
        self._counts: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._reserved: FilePlan | None = None
        self._stopped = False

    def take(self) -> Iterator[FilePlan]:
        """Yield every file that the other thread has not taken."""
        for index, file in enumerate(self._files):
            if file.size < _LARGE or self._claim(index):
                yield file

    def reserve(self) -> bool:
        """Take a file for the other thread to begin with; return whether there is one.

        The last large file is not for it: there the one thread can decode while the other one hashes and writes.
        """
        self._reserved = self._take_large()
        return self._reserved is not None

    def build_large(self) -> None:
        """Build what was reserved, and then large files as long as there are some that are ready."""
        file, self._reserved = self._reserved, None
        while file is not None:
            self._build(file, self._count)
            file = self._take_large()

    def collect(self) -> int:
        """Return the bytes that the other thread has counted meanwhile."""
        size = 0
        while not self._counts.empty():
            size += self._counts.get()
        return size

    def stop(self) -> None:
        """Have the other thread stop at its next count."""
        self._stopped = True

    def _count(self, size: int) -> None:
        if self._stopped:
            raise CancelledError("The thread that this one works for has stopped")
        self._counts.put(size)

    def _claim(self, index: int) -> bool:
        with self._lock:
            if index in self._taken:
                return False
            self._taken.add(index)
            return True

    def _take_large(self) -> FilePlan | None:
        while len(self._large) > 1 and not self._stopped:
            index = self._large[0]
            if index not in self._taken and not self._is_ready(self._files[index]):
                return None
            self._large.popleft()
            if self._claim(index):
                return self._files[index]
        return None
