"""Notice a stream that has as good as stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from catsync_core.errors import NoConnectionError
from catsync_core.limits import LIMITS

__all__ = ["refuse_stall"]

MINIMUM_RATE = 1024  # bytes per second


def refuse_stall(
    pieces: Iterator[bytes], subject: str, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[bytes]:
    """Hand the pieces on, and fail when fewer than 1 KiB/s arrive over 30 seconds of waiting.

    Only waiting for the stream counts, so a slow consumer is no stall. Silence is the stream's own matter: it must
    have a timeout; this function sees drops that fall too slowly.

    Args:
        pieces: The stream.
        subject: What is being read, for the message.
        clock: Seconds, monotonic.

    Raises:
        NoConnectionError: (remote) it stalled; all that arrived was handed on.
    """
    waited, received = 0.0, 0
    while True:
        if waited >= LIMITS.stall_seconds:
            if received < MINIMUM_RATE * waited:
                raise NoConnectionError(f"{subject} stalled: {received} bytes in {waited:.0f} seconds")
            waited, received = 0.0, 0
        asked = clock()
        piece = next(pieces, None)
        waited += clock() - asked
        if piece is None:
            return
        received += len(piece)
        yield piece
