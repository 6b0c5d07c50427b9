"""Fetch what a plan names, several requests at a time, and keep every piece as soon as it is whole.

The calling thread only waits, in short steps, so that Ctrl-C is answered at once; workers are daemon threads that are
not waited for then. What they fetched is in the spool, whatever happens next.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from catsync_core.backends.protocol import Backend
from catsync_core.errors import CancelledError
from catsync_core.format.objects import object_key
from catsync_core.plan.model import Piece, Request
from catsync_core.plan.requests import join_requests

__all__ = ["Fetching", "Keeper", "Kept", "fetch_requests"]

_TICK = 0.2  # seconds
_FAREWELL = 5.0  # seconds that an error waits for all other workers to stop


class Keeper(Protocol):
    """Keeps fetched pieces: the store's spool."""

    def add(self, pack_sha256: str, offset: int, data: bytes) -> None:
        """Keep a piece."""


class Kept(dict[Piece, bytes]):
    """Keeps pieces in memory: for metadata, which is small."""

    def add(self, pack_sha256: str, offset: int, data: bytes) -> None:
        """Keep a piece."""
        self[Piece(pack_sha256, offset, len(data))] = data


class _Failed(msgspec.Struct):
    error: BaseException


_News = queue.SimpleQueue["int | _Failed | None"]


def fetch_requests(
    backend: Backend,
    requests: Sequence[Request],
    keeper: Keeper,
    on_bytes: Callable[[int], None],
    *,
    cancelled: threading.Event | None = None,
) -> None:
    """Fetch all requests and wait for them; see :class:`Fetching`."""
    with Fetching(backend, requests, keeper, on_bytes, cancelled=cancelled) as fetching:
        fetching.finish()


class Fetching:
    """Fetches requests while its ``with`` block does other work with what has arrived.

    Thread model: one thread enters, waits and leaves; ``on_bytes`` is called in that thread alone, while it waits.

    Args:
        backend: Where from.
        requests: What.
        keeper: Gets every piece once it is whole.
        on_bytes: Called with the bytes that arrived.
        streams: Requests to have under way at a time; by default as many as the backend says are useful.
        cancelled: Set by someone else to stop.

    Raises:
        RemoteError: (remote) the first failure that retries did not mend; from any wait, and from the block's end.
        DiskFullError: (local) there is no space for a piece.
        CancelledError: (local) it was stopped.
    """

    def __init__(
        self,
        backend: Backend,
        requests: Sequence[Request],
        keeper: Keeper,
        on_bytes: Callable[[int], None],
        *,
        streams: int | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._work = _Work(backend, requests)
        self._news: _News = queue.SimpleQueue()
        self._on_bytes = on_bytes
        self._cancelled = cancelled
        self._error: BaseException | None = None
        self._workers = [
            threading.Thread(
                target=_run, args=(backend, self._work, keeper, self._news), name=f"catsync-fetch-{number}", daemon=True
            )
            for number in range(min(streams or backend.capabilities.connections, len(requests)))
        ]
        self._running = len(self._workers)

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.stop()
        if isinstance(error, Exception):
            end = time.monotonic() + _FAREWELL
            for worker in self._workers:
                worker.join(max(0.0, end - time.monotonic()))
            # What went wrong with the fetching is the cause of whatever else went wrong without its pieces.
            if self._error is not None and self._error is not error:
                raise self._error from error

    @property
    def done(self) -> bool:
        """Whether everything has arrived and was counted."""
        return not self._running

    def wait_until(self, is_here: Callable[[], bool]) -> None:
        """Wait until something is here, or nothing more will come."""
        while self._running and not is_here():
            self._wait()

    def finish(self) -> None:
        """Wait until everything has arrived."""
        while self._running:
            self._wait()

    def poll(self) -> None:
        """Count what has arrived meanwhile, without waiting."""
        while self._running and not self._news.empty():
            self._wait()

    def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        try:
            self._take_news()
        except queue.Empty:
            return
        except BaseException as error:
            self._error = error
            raise

    def _take_news(self) -> None:
        if self._cancelled is not None and self._cancelled.is_set():
            raise CancelledError("The transfer was stopped")
        item = self._news.get(timeout=_TICK)
        if item is None:
            self._running -= 1
        elif isinstance(item, _Failed):
            raise item.error
        else:
            self._on_bytes(item)


class _Work:
    """What is still to be fetched. Thread-safe."""

    def __init__(self, backend: Backend, requests: Sequence[Request]) -> None:
        self._backend = backend
        self._left = deque(requests)
        self._lock = threading.Lock()
        self.stopped = False

    def take(self) -> Request | None:
        """Return the next request; None when there is none.

        From a server that ignores ranges each request gets the whole pack, so all that is left of it becomes one.
        """
        with self._lock:
            if self.stopped or not self._left:
                return None
            request = self._left.popleft()
            if getattr(self._backend, "ignores_ranges", False):
                same = [other for other in self._left if other.pack == request.pack]
                self._left = deque(other for other in self._left if other.pack != request.pack)
                request = join_requests([request, *same])
            return request

    def stop(self) -> None:
        """Hand out nothing more, and let running requests end soon."""
        self.stopped = True


def _run(backend: Backend, work: _Work, keeper: Keeper, news: _News) -> None:
    try:
        while (request := work.take()) is not None:
            _fetch(backend, request, keeper, news, work)
    except BaseException as error:  # noqa: BLE001  # handed to the caller's thread, which raises it
        work.stop()
        news.put(_Failed(error))
    else:
        news.put(None)


def _fetch(backend: Backend, request: Request, keeper: Keeper, news: _News, work: _Work) -> None:
    cutter = _Cutter(request)
    for data in backend.read(object_key(request.kind, request.pack), request.offset, request.length):
        for piece, found in cutter.feed(data):
            keeper.add(piece.pack, piece.offset, found)
        news.put(len(data))
        if work.stopped:
            return


class _Cutter:
    """Cuts the pieces of a request out of its stream; gaps are dropped as they arrive, and nothing is copied twice."""

    def __init__(self, request: Request) -> None:
        self._pieces = deque(request.pieces)
        self._at = request.offset  # in the pack, of the next byte
        self._held: list[memoryview] = []  # of the first piece
        self._size = 0

    def feed(self, data: bytes) -> Iterator[tuple[Piece, bytes]]:
        """Take the next bytes; yield every piece that they complete."""
        view = memoryview(data)
        while view and self._pieces:
            piece = self._pieces[0]
            gap = min(max(piece.offset - self._at, 0), len(view)) if not self._size else 0
            part = view[gap : gap + piece.length - self._size] if self._at + gap >= piece.offset else view[:0]
            view = view[gap + len(part) :]
            self._at += gap + len(part)
            if part:
                self._held.append(part)
                self._size += len(part)
            if self._size == piece.length:
                found = b"".join(self._held)
                self._pieces.popleft()
                self._held, self._size = [], 0
                yield piece, found
