"""Tell the enabled notifiers what happens: each on a thread of its own, so that none holds up the work.

One that fails or hangs is named, recorded and no longer told; the others go on. The user's settings are checked when
this is made. Notifiers are opened and threads started with the first event: where none is enabled, or nothing happens,
this costs next to nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import msgspec

from catsync_core.client.backlog import Backlog
from catsync_core.config import Config
from catsync_core.errors import CatsyncError
from catsync_core.events import Event, Listener, Warned, ignore
from catsync_core.hookspecs import NotifierEntry
from catsync_core.plugins import Plugins
from catsync_core.quantities import show_count

__all__ = ["Notices"]

PATIENCE = 5.0
"""Seconds in which all notifiers together must deliver what is left."""
WAITING = 1000
"""Events that may wait for one notifier."""


class Notices:
    """The notifiers that the user enabled. A listener; any thread may call it. Use it as a context manager.

    Args:
        config: Says which are enabled.
        plugins: Offer them; what fails is recorded there.
        listener: Told of notifiers that fail, or that are too slow. It must not be these notices, or lead to them: the
            other notifiers are told of it anyway. Called only by threads that call or close these notices.
        patience: Seconds in which all notifiers together must deliver what is left when these notices close.
        waiting: Events that may wait for one notifier; beyond that the oldest are lost, progress first.

    Raises:
        ConfigError: (local) a notifier that is enabled does not exist, or its settings make no sense.
    """

    def __init__(
        self,
        config: Config,
        plugins: Plugins,
        *,
        listener: Listener = ignore,
        patience: float = PATIENCE,
        waiting: int = WAITING,
    ) -> None:
        self._plugins = plugins
        self._listener = listener
        self._patience = patience
        self._complaints: deque[_Complaint] = deque()
        entries = plugins.notifiers() if config.uses("notifiers") else {}
        self._recipients = tuple(
            _Recipient(entry, settings, Backlog(waiting), self._complaints.append)
            for entry, settings in config.notifiers(entries)
        )
        self._starting = threading.Lock()
        self._started = False
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def enabled(self) -> bool:
        """Whether the user enabled any, so that there is somebody to tell."""
        return bool(self._recipients)

    def __call__(self, event: Event) -> None:
        """Tell of one event; returns at once. Once closed, do nothing."""
        if not self._recipients or self._closed:
            return
        self._start()
        for recipient in self._recipients:
            recipient.put(event)
        for recipient in self._recipients:
            if recipient.is_newly_slow():
                message = f"The notifier {recipient.name} is too slow: events are lost for it, the oldest first"
                self._complaints.append(_Complaint(recipient, message))
        self._complain()

    def close(self) -> None:
        """Let the notifiers deliver what is left, within a few seconds; those that take longer are left behind."""
        with self._starting:
            if self._closed:
                return
            self._closed = True
        end = time.monotonic() + self._patience
        for recipient in self._recipients:
            recipient.backlog.close()
        for recipient in self._recipients:
            if self._started and not recipient.ended.wait(max(0.0, end - time.monotonic())):
                recipient.leave_behind(self._patience)
            if lost := recipient.backlog.lost:
                message = f"The notifier {recipient.name} was too slow: {show_count(lost, 'event')} were lost for it"
                self._complaints.append(_Complaint(recipient, message))
        self._complain()

    def _start(self) -> None:
        if self._started:
            return
        with self._starting:
            if not self._started and not self._closed:
                self._started = True
                for recipient in self._recipients:
                    recipient.start()

    def _complain(self) -> None:
        """Tell of failures. Those who bring events do it, for a listener takes one at a time."""
        while True:
            try:
                complaint = self._complaints.popleft()
            except IndexError:
                return
            if complaint.error is not None:
                self._plugins.record_failure(complaint.recipient.entry, complaint.error)
            warned = Warned(complaint.recipient.name, complaint.message)
            self._listener(warned)
            for recipient in self._recipients:
                if recipient is not complaint.recipient:
                    recipient.put(warned)


class _Recipient:
    """One notifier with its thread and with what waits for it."""

    def __init__(
        self,
        entry: NotifierEntry,
        settings: Any,  # noqa: ANN401 - of the type that the entry names
        backlog: Backlog,
        complain: Callable[[_Complaint], None],
    ) -> None:
        self.entry = entry
        self.name = entry.name
        self.backlog = backlog
        self.ended = threading.Event()
        self._settings = settings
        self._complain = complain
        self._telling = False
        self._slow = False
        self._failed = False
        self._failing = threading.Lock()

    def start(self) -> None:
        # A daemon: one that hangs cannot be ended, and must not keep the program from ending.
        thread = threading.Thread(target=self._run, name=f"catsync-notifier-{self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more threads, or the program is ending
            self._fail(error)
            self.ended.set()

    def put(self, event: Event) -> None:
        self.backlog.put(event)

    def is_newly_slow(self) -> bool:
        """Whether it lost events for the first time."""
        newly = self.backlog.lost > 0 and not self._slow
        self._slow = self._slow or newly
        return newly

    def leave_behind(self, seconds: float) -> None:
        """Wait no longer for it to end."""
        left = show_count(self.backlog.give_up() + self._telling, "event")
        self._fail(TimeoutError(f"it did not end within {seconds:g} seconds, and {left} may be lost"))

    def _run(self) -> None:
        try:
            self._tell()
        except BaseException as error:  # noqa: BLE001 - whatever a plugin does, the work goes on
            self._fail(error)
        finally:
            self.ended.set()

    def _tell(self) -> None:
        notifier = self.entry.open(self._settings)
        try:
            while (event := self.backlog.take()) is not None:
                self._telling = True
                notifier.notify(event)
                self._telling = False
        except BaseException:
            with suppress(Exception):  # the first failure is the one to tell of
                notifier.close()
            raise
        notifier.close()

    def _fail(self, error: BaseException) -> None:
        self.backlog.give_up()
        with self._failing:
            if self._failed:
                return
            self._failed = True
            reason = error if isinstance(error, CatsyncError) else f"{type(error).__name__}: {error}"
            message = f"The notifier {self.name} failed and is no longer told: {reason}"
            self._complain(_Complaint(self, message, error))


class _Complaint(msgspec.Struct, frozen=True):
    """What is to be told of a notifier; with an error where it failed."""

    recipient: _Recipient
    message: str
    error: BaseException | None = None
