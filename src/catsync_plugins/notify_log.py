"""Notifier ``log``: every event as a line of JSON at the end of a file that does not grow for ever.

Several processes may write to one file: a lock beside it orders them, so that no line is torn and none is lost when
the file is rotated. What a crash or a full disk left of a line is ended before the next one.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from catsync_core import Event, NotifierEntry, hookimpl
from catsync_core.client.home import home_folder
from catsync_core.errors import LocalError
from catsync_plugins._events import EVENT_NAMES, EventName, name_event, read_event
from catsync_plugins._sizes import Size, check_sizes, read_size

__all__ = ["Log", "LogSettings", "catsync_notifiers"]

_NAME = "events.jsonl"
_LOCK_SECONDS = 10.0  # others hold it for one line
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT
# A link could lead anywhere; and without the second, opening a pipe that nobody reads would wait for ever.
_OPEN |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OPEN |= getattr(os, "O_BINARY", 0)


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[notifiers.log]``.

    Attributes:
        path: Of the file; empty for ``events.jsonl`` in the home. What does not begin with a slash begins there.
        largest: That the file may become before a new one is begun; 0 for any.
        keep: How many old files are kept beside it, as ``events.jsonl.1`` and so on.
        events: That are written.
    """

    path: str = ""
    largest: Size = "5 MB"
    keep: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    events: list[EventName] = msgspec.field(
        default_factory=lambda: [name for name in EVENT_NAMES if name != "progress"]
    )

    def __post_init__(self) -> None:
        check_sizes(largest=self.largest)


class Log:
    """Writes events to a file.

    Args:
        settings: Of the notifier.
        now: The clock, seconds since 1970.

    Raises:
        LocalError: (local) the file cannot be written, or something else than a file is in its place.
    """

    def __init__(self, settings: LogSettings, *, now: Callable[[], float] = time.time) -> None:
        import filelock  # noqa: PLC0415 - only where the notifier is enabled

        self._settings = settings
        self._now = now
        self._path = home_folder() / Path(settings.path or _NAME).expanduser()
        self._largest = read_size(settings.largest)
        self._lock = filelock.FileLock(self._beside("lock"), timeout=_LOCK_SECONDS, mode=0o600)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._error(error) from error
        with self._open():
            pass  # what is wrong with the place is better known now

    def notify(self, event: Event) -> None:
        """Write a line, where the event was chosen.

        Raises:
            LocalError: (local) as on opening.
        """
        if name_event(event) not in self._settings.events:
            return
        # ASCII, so that whatever is in a message cannot act on a terminal that shows the file.
        line = json.dumps(read_event(event, self._now())).encode("ascii") + b"\n"
        with self._lock:
            self._rotate(len(line))
            with self._open() as file:
                _write(file, line)

    def close(self) -> None:
        """Do nothing: every line was written when it came."""

    @contextmanager
    def _open(self) -> Iterator[int]:
        try:
            file = os.open(self._path, _OPEN, 0o600)
        except OSError as error:
            raise self._error(error) from error
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise LocalError(f"The log {self._path} is no file", hint="Give another path, or remove what is there")
            yield file
        finally:
            os.close(file)

    def _rotate(self, more: int) -> None:
        """Begin a new file where so many bytes more would be too many for this one."""
        try:
            size = self._path.lstat().st_size
        except FileNotFoundError:
            return
        if not self._largest or not size or size + more <= self._largest:
            return
        if not self._settings.keep:
            self._path.unlink()
            return
        for number in range(self._settings.keep - 1, 0, -1):
            if self._beside(number).exists():
                self._beside(number).replace(self._beside(number + 1))
        self._path.replace(self._beside(1))

    def _error(self, error: OSError) -> LocalError:
        return LocalError(f"The log {self._path} cannot be opened: {error.strerror or error}")

    def _beside(self, suffix: object) -> Path:
        return self._path.with_name(f"{self._path.name}.{suffix}")


def _write(file: int, line: bytes) -> None:
    size = os.fstat(file).st_size
    if size and _last_byte(file, size) != b"\n":
        line = b"\n" + line
    while line:
        line = line[os.write(file, line) :]


def _last_byte(file: int, size: int) -> bytes:
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1)


@hookimpl
def catsync_notifiers() -> Sequence[NotifierEntry]:
    """Offer ``log``."""
    return [NotifierEntry("log", LogSettings, Log)]
