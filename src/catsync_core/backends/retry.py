"""Try again: the one place where catsync repeats a request.

Backoff is exponential with full jitter, as in "Exponential Backoff And Jitter" (Brooker, AWS Architecture Blog, 2015):
the pause before attempt n is drawn evenly from 0 to base x 2^n. Thread-safe: the state of a call lives in that call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from catsync_core.backends.protocol import Backend, ObjectInfo, Reply
from catsync_core.backends.stall import refuse_stall
from catsync_core.backends.wrapper import BackendWrapper, ending
from catsync_core.errors import (
    CancelledError,
    ConflictError,
    IntegrityError,
    LimitError,
    MissingObjectError,
    RemoteError,
    ServerError,
)
from catsync_core.limits import LIMITS

__all__ = ["RetryingBackend"]

FIRST_PAUSE = 0.25  # seconds, at most, after the first failure
LONGEST_PAUSE = 30.0  # seconds, at most, after any failure that does not ask for more
PROGRESS = 64 * 1024  # bytes that a read must bring to have its failures forgotten

Result = TypeVar("Result")


def _draw() -> float:
    from random import random  # noqa: PLC0415 - loads more than it seems, and most calls succeed at once

    return random()  # noqa: S311 - no secret


class RetryingBackend(BackendWrapper):
    """Repeats calls that failed for a passing reason.

    Only remote errors that are ``retryable`` are repeated: what arrived wrong would arrive wrong again, and the caller
    may know another way.

    Args:
        inner: The backend to call.
        attempts: How often a call is tried in all; a read that makes progress starts counting anew.
        deadline: Seconds since the first attempt, or since the last progress, after which none begins.
        cancelled: When it is set, every call ends at its next attempt, piece or pause.
        clock: Seconds, monotonic.
        jitter: Evenly distributed from 0 to 1.
    """

    def __init__(
        self,
        inner: Backend,
        *,
        attempts: int = 5,
        deadline: float = 300.0,
        cancelled: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = _draw,
    ) -> None:
        super().__init__(inner)
        self.attempts = attempts
        self.deadline = deadline
        self._cancelled = cancelled or threading.Event()
        self._clock = clock
        self._jitter = jitter

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """Get, and get again if need be."""
        return self._repeat(lambda: self.inner.get(key, max_length=max_length, known_etag=known_etag))

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """Read; after a failure go on behind the last byte that was yielded."""
        done = kept = 0
        patience = self._patience()
        while done < length:
            try:
                self._heed_cancel()
                for piece in self._read_once(key, offset + done, length - done):
                    done += len(piece)
                    yield piece
            except RemoteError as error:
                if done - kept >= PROGRESS:
                    patience, kept = self._patience(), done
                patience.bear(error)

    def put(self, key: str, source: bytes | Path) -> None:
        """Put, and put again if need be: the same bytes under the same name."""
        self._repeat(lambda: self.inner.put(key, source))

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        """Swap once; after a failure look whether it happened before trying again.

        A broken connection does not say whether the object was replaced. Its current bytes do.
        """
        patience = self._patience()
        while True:
            self._heed_cancel()
            try:
                return self.inner.swap(key, body, expected_etag=expected_etag)
            except ConflictError:
                if not patience.failures:
                    raise
                etag = self._landed(key, body, frozenset())
            except RemoteError as error:
                patience.bear(error)
                etag = self._landed(key, body, frozenset((expected_etag,)))
            if etag is not None:
                return etag

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """List from the start until one listing is complete."""
        return iter(self._repeat(lambda: tuple(self.inner.list(prefix))))

    def delete(self, key: str) -> None:
        """Delete, and delete again if need be."""
        self._repeat(lambda: self.inner.delete(key))

    def _read_once(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """One attempt, held to the contract: exactly as many bytes as asked for, at a tolerable pace."""
        missing = length
        with ending(self.inner.read(key, offset, length)) as pieces:
            for piece in refuse_stall(pieces, f"{key} from {self.url}", clock=self._clock):
                missing -= len(piece)
                if missing < 0:
                    break
                yield piece
                self._heed_cancel()
        if missing:
            raise IntegrityError(f"{self.url} did not send the {length} bytes of {key} at {offset}")

    def _repeat(self, call: Callable[[], Result]) -> Result:
        patience = self._patience()
        while True:
            self._heed_cancel()
            try:
                return call()
            except RemoteError as error:
                patience.bear(error)

    def _landed(self, key: str, body: bytes, harmless: frozenset[str | None]) -> str | None:
        """The etag of the object if it has this body; None if its etag says that the swap may be tried again."""
        try:
            reply = self.get(key, max_length=max(len(body), LIMITS.index_length))
        except MissingObjectError:
            if None in harmless:
                return None
            raise ConflictError(f"{key} at {self.url} was removed meanwhile") from None
        except LimitError:
            raise ConflictError(f"{key} at {self.url} was changed meanwhile") from None
        if reply.body == body and reply.etag is not None:
            return reply.etag
        if reply.etag in harmless:
            return None
        raise ConflictError(f"{key} at {self.url} was changed meanwhile")

    def _heed_cancel(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError(f"The transfer with {self.url} was stopped")

    def _patience(self) -> _Patience:
        return _Patience(self.attempts, self.deadline, self._cancelled, self._clock, self._jitter)


class _Patience:
    """How much one call still puts up with."""

    def __init__(
        self,
        attempts: int,
        deadline: float,
        cancelled: threading.Event,
        clock: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self.failures = 0
        self._attempts = attempts
        self._end = clock() + deadline
        self._cancelled = cancelled
        self._clock = clock
        self._jitter = jitter

    def bear(self, error: RemoteError) -> None:
        """Pause before the next attempt; or raise the error, when there is to be none."""
        self.failures += 1
        if not error.retryable:
            raise error
        pause = self._jitter() * min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
        if isinstance(error, ServerError) and error.retry_after is not None:
            pause = max(pause, min(error.retry_after, LIMITS.retry_after_seconds))
        if self.failures >= self._attempts or self._clock() + pause > self._end:
            times = "1 attempt" if self.failures == 1 else f"{self.failures} attempts"
            error.message = f"{error.message} (after {times})"
            raise error
        if self._cancelled.wait(pause):
            raise CancelledError("Stopped while waiting for the backend") from error
