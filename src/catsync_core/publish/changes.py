"""Notice that something in a folder changes, whatever it is: who publishes looks at the whole folder anyway.

The operating system reports changes, by way of watchdog. It may report them several times, late, or not at all: its
queue overflows, it has no watches left for more folders, others write to a network drive. So a report only wakes, and
every now and then :meth:`Changes.look` compares the folder itself with what it was.

Thread model: one thread waits and looks; reports come from watchdog's threads and only set an event.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from catsync_core.errors import SourceError
from catsync_core.events import Listener, Warned, ignore

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

__all__ = ["Changes"]

_WATCHDOG = "watchdog"
_READING = frozenset({"opened", "closed_no_write"})  # what a publisher does to every file


class Changes:
    """The changes of a folder and of everything in it, between ``with`` and its end.

    Args:
        folder: The folder.
        listener: Gets a warning where the operating system cannot report changes.
    """

    def __init__(self, folder: Path, listener: Listener = ignore) -> None:
        self._folder = folder
        self._listener = listener
        self._reported = threading.Event()
        self._observer: BaseObserver | None = None
        self._complaints = _Complaints(self._doubt)
        self._doubted = False
        self._root: tuple[int, int] | None = None
        self._seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def wait(self, seconds: float) -> bool:
        """Wait until a change is reported, at most so long; returns whether one was since this was last asked."""
        reported = self._reported.wait(seconds)
        self._reported.clear()
        return reported

    def look(self) -> bool:
        """Return whether the folder differs from what it was at :meth:`follow`; no file is read for that.

        Whoever asks had no report: if it differs, there will be none, as after a thread of watchdog died.
        """
        self._doubted |= self._fingerprint() != self._seen
        return self._doubted

    def follow(self) -> None:
        """Begin to watch the folder, or go on: what changes from now on is a change.

        A folder that another one took the place of is watched anew, for the watches of the old one went with it; and so
        is every folder of which reports were lost.

        Raises:
            SourceError: (local) it is gone, or on another disk than it was: an empty mount point is no new version.
        """
        root = self._find_root()
        if root != self._root or self._doubted:
            if self._root is not None and root[0] != self._root[0]:
                raise SourceError(
                    f"{self._folder} is on another disk than it was",
                    hint="Nothing was published. See whether a drive was disconnected, then start the command again",
                )
            self._stop()
            self._root, self._doubted = root, False
            self._start()
        self._seen = self._fingerprint()

    def _find_root(self) -> tuple[int, int]:
        try:
            status = self._folder.stat()
        except OSError as error:
            gone = "is not there" if self._root is None else "was removed while it was watched"
            raise SourceError(
                f"{self._folder} {gone} ({error.strerror})",
                hint="Name a folder that is there, and start the command again",
            ) from error
        if not self._folder.is_dir():
            raise SourceError(f"{self._folder} is not a folder", hint="Name the folder that holds the catalog's files")
        return status.st_dev, status.st_ino

    def _start(self) -> None:
        from watchdog import events  # noqa: PLC0415 - only who watches needs it
        from watchdog.observers import Observer  # noqa: PLC0415 - likewise

        reports = self

        class Handler(events.FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                reports.report(event.event_type)

        # Named one by one, so that the kernel does not report that files are read: a publish reads them all.
        kinds: list[type[FileSystemEvent]] = [
            events.FileCreatedEvent,
            events.FileDeletedEvent,
            events.FileModifiedEvent,
            events.FileMovedEvent,
            events.FileClosedEvent,
            events.FileAttribEvent,
            events.DirCreatedEvent,
            events.DirDeletedEvent,
            events.DirModifiedEvent,
            events.DirMovedEvent,
            events.DirAttribEvent,
        ]
        # A folder that appears while its parent is read is added twice, and watchdog warns of that; it does no harm.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        observer = Observer()
        observer.schedule(Handler(), str(self._folder), recursive=True, event_filter=kinds)
        self._observer = observer
        logging.getLogger(_WATCHDOG).addHandler(self._complaints)
        try:
            observer.start()
        except OSError as error:
            self._stop()
            message = f"Changes in {self._folder} are seen only every now and then: {error.strerror or error}"
            self._listener(Warned(str(self._folder), message))

    def report(self, kind: str) -> None:
        """Take a report of the operating system, from any thread.

        Args:
            kind: As watchdog calls it.
        """
        if kind not in _READING:
            self._reported.set()

    def _doubt(self) -> None:
        if self._observer is not None:  # else it complains of being stopped
            self._doubted = True
            self._reported.set()

    def _stop(self) -> None:
        observer, self._observer = self._observer, None
        if observer is None:
            return
        observer.stop()
        if observer.is_alive():
            observer.join()
        logging.getLogger(_WATCHDOG).removeHandler(self._complaints)

    def _fingerprint(self) -> bytes:
        digest = hashlib.blake2b(digest_size=16)
        folders = [str(self._folder)]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as listing:
                    children = sorted(listing, key=lambda child: child.name)
                for child in children:
                    status = child.stat(follow_symlinks=False)
                    stamp = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
                    digest.update(repr((child.path, stamp)).encode("utf-8", "surrogateescape"))
                    if child.is_dir(follow_symlinks=False):
                        folders.append(child.path)
            except OSError as error:  # whatever went away meanwhile makes another folder than there was
                digest.update(repr((folder, error.errno)).encode("utf-8", "surrogateescape"))
        return digest.digest()


class _Complaints(logging.Handler):
    """Hears what watchdog tells nobody but its log: that the queue of the operating system overflowed, above all."""

    def __init__(self, on_complaint: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._on_complaint = on_complaint

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - that there is one says enough
        self._on_complaint()
