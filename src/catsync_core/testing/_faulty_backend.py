"""A backend that fails on demand, in the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from catsync_core.backends.http_headers import parse_retry_after
from catsync_core.backends.protocol import Backend, ObjectInfo, Reply
from catsync_core.backends.serve import Answer
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.errors import (
    AuthorisationError,
    IntegrityError,
    LimitError,
    MissingObjectError,
    NoConnectionError,
    RemoteError,
    ServerError,
)
from catsync_core.testing._faults import Fault, FaultPlan

__all__ = ["FaultyBackend"]

_RIGHT_RANGE = "bytes 0-0/*"
Result = TypeVar("Result")


class FaultyBackend(BackendWrapper):
    """A backend whose answers follow a plan, without a network; it raises what the ``http`` backend would raise.

    A change is carried out before a broken answer gets lost, and not carried out when the answer is a failure.

    Args:
        inner: What answers otherwise.
        plan: Which answers go wrong; empty if not given.
    """

    def __init__(self, inner: Backend, plan: FaultPlan | None = None) -> None:
        super().__init__(inner)
        self.plan = plan or FaultPlan()
        self.calls: list[tuple[str, str]] = []
        """Method and key of every call so far."""

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """Get, with the planned fault."""
        fault = self._take("get", key)
        reply = self.inner.get(key, max_length=max_length, known_etag=known_etag)
        body = b"".join(_limit(self._listen(key, fault, iter([reply.body]), len(reply.body)), key, max_length))
        return Reply(body, reply.etag, reply.modified)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """Read, with the planned fault."""
        fault = self._take("read", key)
        pieces = self._listen(key, fault, self.inner.read(key, offset, length), length)
        missing = length
        while missing and (piece := next(pieces, b"")):
            yield piece[:missing]
            missing -= len(piece[:missing])

    def put(self, key: str, source: bytes | Path) -> None:
        """Put, with the planned fault."""
        self._change("put", key, lambda: self.inner.put(key, source))

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        """Swap, with the planned fault."""
        return self._change("swap", key, lambda: self.inner.swap(key, body, expected_etag=expected_etag))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """List, with the planned fault."""
        return iter(self._change("list", prefix, lambda: tuple(self.inner.list(prefix))))

    def delete(self, key: str) -> None:
        """Delete, with the planned fault."""
        self._change("delete", key, lambda: self.inner.delete(key))

    def _take(self, method: str, key: str) -> Fault:
        self.calls.append((method, key))
        return self.plan.take(key)

    def _change(self, method: str, key: str, act: Callable[[], Result]) -> Result:
        answer = self._take(method, key).spoil(_answer(iter([b"done"]), 4))
        self._check(answer, key)
        result = act()
        for _ in self._receive(answer, key, 4):
            pass
        return result

    def _listen(self, key: str, fault: Fault, body: Iterator[bytes], length: int) -> Iterator[bytes]:
        answer = fault.spoil(_answer(body, length))
        self._check(answer, key)
        return self._receive(answer, key, length)

    def _receive(self, answer: Answer, key: str, length: int) -> Iterator[bytes]:
        missing = length
        try:
            for piece in answer.body:
                missing -= len(piece)
                yield piece
        except ConnectionResetError as error:
            raise NoConnectionError(f"{self.url} broke off while sending {key}") from error
        if missing > 0:
            raise NoConnectionError(f"{self.url} broke off while sending {key}")

    def _check(self, answer: Answer, key: str) -> None:
        status = answer.status
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise NoConnectionError(f"{self.url} answered with a web page instead of {key}")
        if status in (404, 410):
            raise MissingObjectError(f"There is no {key} at {self.url}")
        if status in (401, 403):
            raise AuthorisationError(f"{self.url} refused {key}")
        if status == 429 or status >= 500:
            after = parse_retry_after(answer.headers.get("Retry-After", ""), 0.0)
            raise ServerError(f"{self.url} answered {status} for {key}", retry_after=after)
        if status >= 300:
            raise RemoteError(f"{self.url} answered {status} for {key}")
        if status == 206 and answer.headers["Content-Range"] != _RIGHT_RANGE:
            raise IntegrityError(f"{self.url} sent another range of {key}")


def _answer(body: Iterator[bytes], length: int) -> Answer:
    return Answer(206, {"Content-Length": str(length), "Content-Range": _RIGHT_RANGE}, body)


def _limit(pieces: Iterator[bytes], key: str, most: int) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise LimitError(f"{key} is longer than allowed")
        yield piece
