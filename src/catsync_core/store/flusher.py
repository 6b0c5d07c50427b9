"""Flush files on a thread of its own while others are still being written.

A disk takes as long to flush half a gigabyte at once as in pieces; in pieces, most of it is done before the last file
is written. The first failure is kept and raised at the end, and nothing is flushed after it.
"""

from __future__ import annotations

import os
import queue
import threading

from catsync_core.store.durable import sync_file

__all__ = ["Flusher"]

_WAITING = 16  # files: more are not written ahead of the disk


class Flusher:
    """Takes files and flushes them in order; starts its thread with the first one. Any thread may add files."""

    def __init__(self) -> None:
        self._files: queue.Queue[int | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._starting = threading.Lock()

    def add(self, descriptor: int) -> None:
        """Have a file flushed; the caller may close its own descriptor at once.

        Raises:
            OSError: there are no descriptors left.
        """
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="catsync-flush", daemon=True)
                self._thread.start()
        self._files.put(os.dup(descriptor))

    def offer(self, descriptor: int) -> bool:
        """Have a file flushed if none is waiting for that; return whether it was taken.

        Raises:
            OSError: there are no descriptors left.
        """
        if not self._files.empty():
            return False
        self.add(descriptor)
        return True

    def finish(self) -> None:
        """Wait until all files are flushed.

        Raises:
            OSError: one of them could not be.
        """
        if self._thread is not None:
            self._files.put(None)
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # or it and this frame would keep each other, and all that was open, alive

    def _work(self) -> None:
        while (descriptor := self._files.get()) is not None:
            try:
                if self._error is None:
                    sync_file(descriptor)
            except OSError as error:
                self._error = error
            finally:
                os.close(descriptor)
