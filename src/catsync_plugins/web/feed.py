"""The one truth that all pages see: rows as they were last read, with a serial number on every change.

A thread looks at the device a few times a second, so that what another process does shows within a second, and at once
after a command. Readers ask for what is newer than the serial that they have: a slow one skips what is outdated, and
nothing piles up for it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from catsync_core import CatsyncError
from catsync_plugins.web.rows import DeviceLine, News, Row, wishes

__all__ = ["Feed", "Source"]

TICK = 0.25  # seconds between looks, so that a job's progress is told four times a second
_REMEMBERED = 1000  # rows that are gone


class Source(Protocol):
    """What the feed looks at. Called by one thread."""

    def changed(self) -> bool:
        """Return whether :meth:`rows` or :meth:`line` may tell something new."""

    def rows(self) -> list[Row]:
        """Return all rows."""

    def line(self) -> DeviceLine:
        """Return the line about the device."""


class Feed:
    """Watches a source.

    Thread model: any thread may call any method.

    Args:
        source: What to watch.
        tick: Seconds between looks.
    """

    def __init__(self, source: Source, tick: float = TICK) -> None:
        self._source = source
        self._tick = tick
        self._server = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._look = threading.Condition()
        self._wanted = True
        self._closed = False
        self._looks = 0
        self._serial = 0
        self._rows: dict[str, tuple[int, Row]] = {}
        self._gone: dict[str, int] = {}
        self._line: tuple[int, DeviceLine] | None = None
        self._listeners: dict[int, Callable[[], None]] = {}
        self._refresh()
        self._thread = threading.Thread(target=self._watch, name="catsync-feed", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching, and wake whoever listens."""
        with self._look:
            self._closed = True
            self._look.notify_all()
        self._thread.join()
        self._tell()
        with self._lock:
            self._listeners.clear()

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._closed

    def look_now(self) -> None:
        """Look at the source at once, and return when its rows are here."""
        with self._look:
            target = self._looks + 2  # a look that is under way may have begun too early
            while self._looks < target and not self._closed:
                self._wanted = True
                self._look.notify_all()
                self._look.wait(timeout=self._tick)

    def since(self, serial: int, server: str = "") -> News:
        """Return what is newer than a serial that came from this feed; everything, when it came from another one."""
        with self._lock:
            whole = serial <= 0 or server != self._server
            known = 0 if whole else serial
            line = self._line
            return News(
                self._server,
                self._serial,
                tuple(row for changed, row in self._rows.values() if changed > known),
                () if whole else tuple(name for name, changed in self._gone.items() if changed > known),
                line[1] if line and line[0] > known else None,
                whole,
            )

    def row(self, catalog: str) -> Row | None:
        """Return one row as it was last read."""
        with self._lock:
            found = self._rows.get(catalog)
        return found[1] if found else None

    def rows(self) -> list[Row]:
        """Return all rows as they were last read."""
        with self._lock:
            return [row for _, row in self._rows.values()]

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a function, from this feed's thread, whenever there is something new; returns what ends that."""
        key = id(listener)
        with self._lock:
            self._listeners[key] = listener

        def leave() -> None:
            with self._lock:
                self._listeners.pop(key, None)

        return leave

    def _watch(self) -> None:
        failed = False
        while True:
            with self._look:
                if failed or not (self._wanted or self._closed):
                    self._look.wait(timeout=self._tick)
                if self._closed:
                    return
                wanted, self._wanted = self._wanted, False
            try:
                if wanted or self._source.changed():
                    self._refresh()
                failed = False
            except CatsyncError:  # a command that meets the same tells the user
                failed = True
            with self._look:
                self._wanted |= failed
                self._looks += 1
                self._look.notify_all()

    def _refresh(self) -> None:
        rows = {row.id: row for row in self._source.rows()}
        line = self._source.line()
        if self._accept(rows, line):
            self._tell()

    def _accept(self, rows: Mapping[str, Row], line: DeviceLine) -> bool:
        with self._lock:
            serial = self._serial + 1
            kept: dict[str, tuple[int, Row]] = {}
            for name, row in rows.items():
                kept[name] = _stamp(self._rows.get(name), row, serial)
            self._gone |= dict.fromkeys(self._rows.keys() - kept.keys(), serial)
            self._gone = {name: at for name, at in self._gone.items() if name not in kept}
            while len(self._gone) > _REMEMBERED:
                self._gone.pop(next(iter(self._gone)))
            if self._line is None or self._line[1] != line:
                self._line = (serial, line)
            self._rows = kept
            news = (
                self._line[0] == serial
                or serial in self._gone.values()
                or any(changed == serial for changed, _ in kept.values())
            )
            if news:
                self._serial = serial
            return news

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners.values())
        for listener in listeners:
            listener()


def _stamp(known: tuple[int, Row] | None, row: Row, serial: int) -> tuple[int, Row]:
    """Return a row with its revision, and the serial at which it last changed."""
    if known is None:
        return serial, msgspec.structs.replace(row, revision=serial)
    changed, before = known
    revision = before.revision if wishes(row) == wishes(before) else serial
    row = msgspec.structs.replace(row, revision=revision)
    return (changed, before) if row == before else (serial, row)
