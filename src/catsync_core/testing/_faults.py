"""The faults, and the plan that says when they happen. A fault changes one answer."""

# ruff: noqa: ARG002 - a fault that gives an answer of its own does not look at the right one
from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from itertools import repeat

from catsync_core.backends.serve import Answer

__all__ = [
    "Drip",
    "Endless",
    "Fault",
    "FaultPlan",
    "Field",
    "FlipBit",
    "IgnoreRange",
    "Redirect",
    "Reset",
    "Stall",
    "Status",
    "Truncate",
    "WebPage",
    "WrongRange",
]

PIECE = 64 * 1024


class Fault:
    """One way to go wrong. A child overrides one of the methods."""

    def mishear(self, headers: Message) -> None:
        """Change the request's header fields before it is answered."""

    def spoil(self, answer: Answer) -> Answer:
        """Return the answer that is given instead."""
        return answer


@dataclass(frozen=True, slots=True)
class IgnoreRange(Fault):
    """The whole object, with status 200, whatever range was asked for."""

    def mishear(self, headers: Message) -> None:
        """Forget the range."""
        del headers["Range"]


@dataclass(frozen=True, slots=True)
class WrongRange(Fault):
    """A ``Content-Range`` that begins and ends elsewhere than asked for.

    Attributes:
        shift: Bytes.
    """

    shift: int = 1

    def spoil(self, answer: Answer) -> Answer:
        """Shift the field, not the body."""
        if "Content-Range" not in answer.headers:
            return answer
        unit, _, rest = answer.headers["Content-Range"].partition(" ")
        span, _, total = rest.partition("/")
        first, last = (int(text) + self.shift for text in span.split("-"))
        answer.headers["Content-Range"] = f"{unit} {first}-{last}/{total}"
        return answer


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """A body that ends too early; the connection is closed in order.

    Attributes:
        after: Bytes that are sent.
    """

    after: int = 0

    def spoil(self, answer: Answer) -> Answer:
        """Cut the body."""
        answer.body = _first(answer.body, self.after)
        return answer


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """A connection that is reset, as when a server dies or a firewall cuts it.

    Attributes:
        after: Bytes of the body that are sent; with 0 the head is not sent either.
    """

    after: int = 0

    def spoil(self, answer: Answer) -> Answer:
        """Let the body end with an error."""
        answer.body = self._break(answer.body)
        return answer

    def _break(self, body: Iterator[bytes]) -> Iterator[bytes]:
        yield from _first(body, self.after)
        raise ConnectionResetError("reset by the fault plan")


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """A pause.

    Attributes:
        after: Bytes of the body that are sent before; with 0 the head waits too.
        seconds: How long.
        release: Set it to end the pause early.
    """

    after: int = 0
    seconds: float = 60.0
    release: threading.Event = field(default_factory=threading.Event)

    def spoil(self, answer: Answer) -> Answer:
        """Put the pause into the body."""
        answer.body = self._pause(answer.body)
        return answer

    def _pause(self, body: Iterator[bytes]) -> Iterator[bytes]:
        sent, waited = 0, False
        for piece in _small(body, self.after or PIECE):
            if sent >= self.after and not waited:
                waited = self.release.wait(self.seconds) or True
            sent += len(piece)
            yield piece


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """A body byte by byte ("slow loris").

    Attributes:
        seconds: Pause after each byte.
        release: Set it to send the rest at once.
    """

    seconds: float = 1.0
    release: threading.Event = field(default_factory=threading.Event)

    def spoil(self, answer: Answer) -> Answer:
        """Slow the body down."""
        answer.body = self._drip(answer.body)
        return answer

    def _drip(self, body: Iterator[bytes]) -> Iterator[bytes]:
        for byte in _small(body, 1):
            yield byte
            self.release.wait(self.seconds)


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """A failure.

    Attributes:
        status: HTTP status.
        retry_after: Value of ``Retry-After``; empty for none.
        body: What comes with it.
    """

    status: int
    retry_after: str = ""
    body: bytes = b""

    def spoil(self, answer: Answer) -> Answer:
        """Give another answer."""
        headers = {"Content-Length": str(len(self.body))}
        if self.retry_after:
            headers["Retry-After"] = self.retry_after
        return Answer(self.status, headers, iter([self.body]))


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """A redirect.

    Attributes:
        location: Where to.
        status: HTTP status.
    """

    location: str
    status: int = 302

    def spoil(self, answer: Answer) -> Answer:
        """Give another answer."""
        return Answer(self.status, {"Content-Length": "0", "Location": self.location})


@dataclass(frozen=True, slots=True)
class WebPage(Fault):
    """The page of a captive portal, with status 200.

    Attributes:
        content_type: Portals do not always admit that it is a page.
    """

    content_type: str = "text/html; charset=utf-8"

    def spoil(self, answer: Answer) -> Answer:
        """Give another answer."""
        page = b"<!doctype html><title>Welcome</title>Please log in"
        headers = {"Content-Length": str(len(page))}
        if self.content_type:
            headers["Content-Type"] = self.content_type
        return Answer(200, headers, iter([page]))


@dataclass(frozen=True, slots=True)
class Field(Fault):
    """A header field with another value.

    Attributes:
        name: Of the field.
        value: Empty to leave the field out.
    """

    name: str
    value: str

    def spoil(self, answer: Answer) -> Answer:
        """Change the field."""
        answer.headers.pop(self.name, None)
        if self.value:
            answer.headers[self.name] = self.value
        return answer


@dataclass(frozen=True, slots=True)
class FlipBit(Fault):
    """One wrong bit.

    Attributes:
        at: In which byte of the body.
    """

    at: int = 0

    def spoil(self, answer: Answer) -> Answer:
        """Change the byte."""
        answer.body = self._flip(answer.body)
        return answer

    def _flip(self, body: Iterator[bytes]) -> Iterator[bytes]:
        start = 0
        for piece in body:
            changed = bytearray(piece)
            if start <= self.at < start + len(piece):
                changed[self.at - start] ^= 1
            start += len(piece)
            yield bytes(changed)


@dataclass(frozen=True, slots=True)
class Endless(Fault):
    """A body without a declared length and without an end."""

    def spoil(self, answer: Answer) -> Answer:
        """Give another answer."""
        return Answer(200, {"Connection": "close"}, repeat(bytes(PIECE)))


@dataclass(slots=True)
class _Entry:
    fault: Fault
    key: str
    left: float


class FaultPlan:
    """Which answers go wrong, and how; the others are right. Thread-safe."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault, *, key: str = "", times: float = 1) -> None:
        """Add a fault for the next answers that no earlier entry takes.

        Args:
            fault: What goes wrong.
            key: Only for keys that start with it.
            times: For how many answers; ``math.inf`` for all.
        """
        with self._lock:
            self._entries.append(_Entry(fault, key, times))

    def take(self, key: str) -> Fault:
        """The fault for an answer about this key; one without effect when none is planned."""
        with self._lock:
            for entry in self._entries:
                if entry.left > 0 and key.startswith(entry.key):
                    entry.left -= 1
                    return entry.fault
        return Fault()

    def clear(self) -> None:
        """From now on all answers are right."""
        with self._lock:
            self._entries.clear()


def _first(body: Iterator[bytes], length: int) -> Iterator[bytes]:
    """The body's first bytes."""
    while length and (piece := next(body, b"")):
        yield piece[:length]
        length -= len(piece[:length])


def _small(body: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of at most this size."""
    for piece in body:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]
