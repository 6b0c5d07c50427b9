"""Ask functions of plugins so that one that fails or hangs is named once, recorded, and never stops the work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from catsync_core.client.aside import Aside
from catsync_core.events import Listener, Warned
from catsync_core.hookspecs import PolicyEntry, ScheduleEntry
from catsync_core.plugins import Plugins

__all__ = ["PATIENCE", "Asking"]

PATIENCE = 10.0
"""Seconds in which a plugin must answer."""
_Entry = TypeVar("_Entry", PolicyEntry, ScheduleEntry)
_Answer = TypeVar("_Answer")


class Asking:
    """Asks entries of one kind. Any thread may ask.

    Args:
        noun: What they are, for people.
        plugins: Offer them; what fails is recorded there.
        listener: Told of entries that fail, each once.
        patience: Seconds in which one must answer.
        instead: What happens in place of a failed one, a sentence for people; empty for nothing.
    """

    def __init__(
        self, noun: str, plugins: Plugins, listener: Listener, *, patience: float = PATIENCE, instead: str = ""
    ) -> None:
        self._noun = noun
        self._plugins = plugins
        self._listener = listener
        self._patience = patience
        self._instead = instead
        self._failed: set[str] = set()
        self._failing = threading.Lock()

    def has_failed(self, name: str) -> bool:
        """Whether an entry failed before, so that it is not to be asked again."""
        return name in self._failed

    def ask(
        self,
        entry: _Entry,
        check: Callable[[_Entry, object], _Answer],
        function: Callable[..., object],
        *arguments: object,
    ) -> _Answer | None:
        """Return what a function of an entry answers; None where it failed.

        Args:
            entry: That the function is of.
            check: Returns the answer as what it must be, or raises.
            function: To be called, in a thread of its own.
            *arguments: For the function.
        """
        try:
            return check(entry, Aside(lambda: function(*arguments), "catsync-plugin").result(self._patience))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does, the work goes on
            self._give_up(entry, error)
            return None

    def _give_up(self, entry: PolicyEntry | ScheduleEntry, error: BaseException) -> None:
        with self._failing:
            if entry.name in self._failed:
                return
            self._failed.add(entry.name)
            self._plugins.record_failure(entry, error)
        reason = f"{type(error).__name__}: {error}"
        message = f"The {self._noun} {entry.name} failed and is no longer asked: {reason}"
        self._listener(Warned(entry.name, f"{message}. {self._instead}" if self._instead else message))
