"""Fetch what a plan names, several requests at a time, and keep every piece as soon as it is whole.

The calling thread only waits, in short steps, so that Ctrl-C is answered at once; workers are daemon threads that are
not waited for then. What they fetched is in the spool, whatever happens next.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from catsync_core.backends.protocol import Backend
from catsync_core.errors import CancelledError
from catsync_core.format.objects import object_key
from catsync_core.plan.model import Request

__all__ = ["Keeper", "fetch_requests"]

_TICK = 0.2  # seconds


class Keeper(Protocol):
    """Keeps fetched pieces: the store's spool."""

    def add(self, pack_sha256: str, offset: int, data: bytes) -> None:
        """Keep a piece."""


@dataclass(slots=True)
class _Failed:
    error: BaseException


def fetch_requests(
    backend: Backend,
    requests: Sequence[Request],
    keeper: Keeper,
    on_bytes: Callable[[int], None],
    *,
    cancelled: threading.Event | None = None,
) -> None:
    """Fetch all requests.

    Args:
        backend: Where from.
        requests: What.
        keeper: Gets every piece once it is whole.
        on_bytes: Called with the bytes that arrived, one call at a time.
        cancelled: Set by someone else to stop.

    Raises:
        RemoteError: (remote) the first failure that retries did not mend.
        DiskFullError: (local) there is no space for a piece.
        CancelledError: (local) it was stopped.
    """
    work: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
    news: queue.SimpleQueue[int | _Failed | None] = queue.SimpleQueue()
    stop = threading.Event()
    for request in requests:
        work.put(request)
    workers = min(backend.capabilities.connections, len(requests))
    for number in range(workers):
        work.put(None)
        arguments = (backend, work, news, keeper, stop)
        threading.Thread(target=_run, args=arguments, name=f"catsync-fetch-{number}", daemon=True).start()
    running = workers
    try:
        while running:
            if cancelled is not None and cancelled.is_set():
                raise CancelledError("The transfer was stopped")
            try:
                item = news.get(timeout=_TICK)
            except queue.Empty:
                continue
            if item is None:
                running -= 1
            elif isinstance(item, _Failed):
                raise item.error
            else:
                on_bytes(item)
    finally:
        stop.set()


def _run(
    backend: Backend,
    work: queue.SimpleQueue[Request | None],
    news: queue.SimpleQueue[int | _Failed | None],
    keeper: Keeper,
    stop: threading.Event,
) -> None:
    try:
        while (request := work.get()) is not None:
            _fetch(backend, request, keeper, news, stop)
            if stop.is_set():
                return
    except BaseException as error:  # noqa: BLE001  # handed to the caller's thread, which raises it
        news.put(_Failed(error))
    else:
        news.put(None)


def _fetch(
    backend: Backend,
    request: Request,
    keeper: Keeper,
    news: queue.SimpleQueue[int | _Failed | None],
    stop: threading.Event,
) -> None:
    held = bytearray()
    at = request.offset  # where ``held`` begins
    pieces = iter(request.pieces)
    piece = next(pieces, None)
    stream = backend.read(object_key("packs", request.pack), request.offset, request.length)
    for data in stream:
        held += data
        while piece is not None and len(held) >= piece.offset - at + piece.length:
            begin = piece.offset - at
            keeper.add(piece.pack, piece.offset, bytes(held[begin : begin + piece.length]))
            following = next(pieces, None)
            done = begin + piece.length if following is None else min(following.offset - at, len(held))
            del held[:done]
            at += done
            piece = following
        news.put(len(data))
        if stop.is_set():
            return
