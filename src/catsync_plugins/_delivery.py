"""Deliver messages one after the other, in the background, and again where that fails for a passing reason.

A message that the other side refuses several times is given up, so that it does not hold up those behind it; no
connection is no refusal, and is borne as long as it lasts. Backoff is exponential with full jitter.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import deque
from collections.abc import Callable

import msgspec

from catsync_core.errors import CatsyncError, NoConnectionError, RemoteError, ServerError
from catsync_core.quantities import show_count

__all__ = ["Delivery", "Message"]

WAITING = 200
"""Messages that may wait; beyond that the oldest are given up."""
FIRST_PAUSE = 1.0  # seconds, at most, after the first failure
LONGEST_PAUSE = 300.0  # seconds, at most, after any failure that does not ask for more
_DOUBLINGS = 16  # more make no difference to the longest pause, and would overflow
_CLOSE_SECONDS = 3.0  # for what is left when it ends
_CUT_SECONDS = 1.0  # for a thread whose connection was cut
_HINT = "They are lost. Look at the server that should receive them, and at the network connection"


class Message(msgspec.Struct, frozen=True):
    """What is to be delivered.

    Attributes:
        body: As it travels.
        id: The same in every attempt, so that the other side can tell a repetition.
    """

    body: bytes
    id: str = msgspec.field(default_factory=lambda: f"msg_{uuid.uuid4().hex}")


class Delivery:
    """Delivers messages in their order.

    Args:
        send: Delivers one, or raises. It must end soon after ``cut`` was called.
        cut: Ends a ``send`` that is under way in another thread.
        attempts: How often a message may be refused.
        jitter: Evenly distributed from 0 to 1.
        patience: Seconds in which what is left must be delivered on closing.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        cut: Callable[[], None],
        *,
        attempts: int,
        jitter: Callable[[], float] = random.random,
        patience: float = _CLOSE_SECONDS,
    ) -> None:
        self._send = send
        self._cut = cut
        self._attempts = attempts
        self._jitter = jitter
        self._patience = patience
        self._pending: deque[Message] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost = 0
        self._reason: Exception | None = None  # why the last attempt failed, or the whole ended
        self._ended = False

    def add(self, message: Message) -> None:
        """Let a message be delivered; returns at once.

        Raises:
            CatsyncError: there is no use in going on; what waited is lost.
        """
        with self._changed:
            if self._ended and self._reason is not None:
                raise self._reason
            if len(self._pending) >= WAITING:
                del self._pending[1]  # the first is under way
                self._lost += 1
            self._pending.append(message)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="catsync-delivery", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Make one more attempt for each message that is left, within a few seconds, and end.

        Raises:
            RemoteError: (remote) some were not delivered, now or before.
        """
        with self._changed:
            self._closing.set()
            self._changed.notify()
        if self._thread is None:
            return
        self._thread.join(self._patience)
        reason = TimeoutError("no answer came in time") if self._thread.is_alive() else self._reason
        self._cut()
        self._thread.join(_CUT_SECONDS)
        lost = self._lost + len(self._pending)
        if lost:
            text = reason.message if isinstance(reason, CatsyncError) else reason
            raise RemoteError(f"{show_count(lost, 'event')} could not be delivered: {text}", hint=_HINT) from reason

    def _run(self) -> None:
        try:
            while (message := self._first()) is not None:
                self._deliver(message)
                with self._changed:
                    self._pending.popleft()
        except Exception as error:  # noqa: BLE001 - raised again by whoever adds the next message, or closes
            self._reason = error
        finally:
            self._ended = True

    def _first(self) -> Message | None:
        with self._changed:
            while not self._pending and not self._closing.is_set():
                self._changed.wait()
            return self._pending[0] if self._pending else None

    def _deliver(self, message: Message) -> None:
        """Deliver a message, or give it up after so many refusals.

        Raises:
            CatsyncError: there is no use in trying again, or no time.
        """
        failures = refusals = 0
        while True:
            last = self._closing.is_set()
            try:
                return self._send(message)
            except (ServerError, NoConnectionError) as error:
                self._reason = error
                refusals += isinstance(error, ServerError)
                if last:
                    raise
                if refusals >= self._attempts:
                    self._lost += 1
                    return None
                asked = error.retry_after if isinstance(error, ServerError) else None  # clamped already
                pause = self._jitter() * min(FIRST_PAUSE * 2.0 ** min(failures, _DOUBLINGS), LONGEST_PAUSE)
                if self._closing.wait(max(pause, asked or 0.0)) and asked is not None:
                    raise  # also in a hurry nobody is asked earlier than he wants
                failures += 1
