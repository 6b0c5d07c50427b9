"""What crossed the wire: bytes, connections, and the HTTP messages in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["MessageCounter", "Traffic"]

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What crossed the wire, seen from the client."""

    sent: int = 0
    """Bytes from the client to the server."""
    received: int = 0
    """Bytes from the server to the client."""
    requests: int = 0
    """HTTP requests; 0 on a relay that does not look for them."""
    connections: int = 0
    body: int = 0
    """Bytes of the bodies of the HTTP answers, without their headers; 0 as above."""

    @property
    def bytes(self) -> int:
        """Bytes in both directions."""
        return self.sent + self.received

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.sent + other.sent,
            self.received + other.received,
            self.requests + other.requests,
            self.connections + other.connections,
            self.body + other.body,
        )


@dataclass(slots=True)
class MessageCounter:
    """Counts the HTTP/1.1 messages in one direction of a connection, however the stream is cut into pieces.

    Bodies end by their Content-Length: nginx names it for every file and every range, and none of the clients here
    sends a chunked body, or asks for headers alone.
    """

    messages: int = 0
    body: int = 0
    """Bytes of all bodies."""
    _head: bytearray = field(default_factory=bytearray)
    _body_left: int = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        rest = memoryview(data)
        while rest:
            skipped = min(self._body_left, len(rest))
            self._body_left -= skipped
            self.body += skipped
            rest = self._feed_head(rest[skipped:])

    def _feed_head(self, data: memoryview) -> memoryview:
        known = len(self._head)
        self._head += data
        end = self._head.find(b"\r\n\r\n", max(0, known - 3))
        if end < 0:
            return data[:0]
        self.messages += 1
        length = _CONTENT_LENGTH.search(self._head, 0, end)
        self._body_left = int(length[1]) if length else 0
        self._head.clear()
        return data[end + 4 - known :]
