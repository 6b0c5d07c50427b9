"""Events that wait for someone slow. Whoever puts one in never waits.

There is room for so many. Of a step's progress only the newest waits, at its own place in the order. When there is no
room, progress gives way first, the oldest before the newer; then the oldest of all other events, and that is counted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from catsync_core.events import Event, Progress

__all__ = ["Backlog"]


class Backlog:
    """Events in their order. Any thread may put; one thread takes.

    Args:
        size: How many may wait.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._events: OrderedDict[int, Event] = OrderedDict()  # by number, the oldest first
        self._progress: OrderedDict[tuple[str, str], int] = OrderedDict()  # the numbers of those that are progress
        self._next = 0
        self._lost = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def lost(self) -> int:
        """How many events were given up for newer ones, progress not counted."""
        return self._lost

    def put(self, event: Event) -> None:
        """Let an event wait; once it is closed, forget it."""
        with self._changed:
            if self._closed:
                return
            if isinstance(event, Progress):
                self._drop_progress((event.job, event.subject))
            if len(self._events) >= self._size and not self._make_room(event):
                return
            if isinstance(event, Progress):
                self._progress[event.job, event.subject] = self._next
            self._events[self._next] = event
            self._next += 1
            self._changed.notify()

    def take(self) -> Event | None:
        """Return the event that waits longest, as soon as there is one; None when it is closed and none is left."""
        with self._changed:
            while not self._events:
                if self._closed:
                    return None
                self._changed.wait()
            _, event = self._events.popitem(last=False)
            if isinstance(event, Progress):
                del self._progress[event.job, event.subject]
            return event

    def close(self) -> None:
        """Let no more events in; those that wait can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def give_up(self) -> int:
        """Close, and forget what waits; return how many events that was, progress not counted."""
        with self._changed:
            self._closed = True
            left = len(self._events) - len(self._progress)
            self._events.clear()
            self._progress.clear()
            self._changed.notify()
            return left

    def _make_room(self, event: Event) -> bool:
        """Give up something else for an event; False where the event itself must give way."""
        if self._progress:
            self._drop_progress(next(iter(self._progress)))
        elif isinstance(event, Progress):
            return False
        else:
            self._events.popitem(last=False)
            self._lost += 1
        return True

    def _drop_progress(self, step: tuple[str, str]) -> None:
        number = self._progress.pop(step, None)
        if number is not None:
            del self._events[number]
