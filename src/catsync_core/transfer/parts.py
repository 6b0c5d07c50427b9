"""The bytes of a plan's parts: local files, raw pieces, and frames that are decoded ahead on other threads."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from catsync_core.errors import ContentError, IntegrityError, NotFoundError
from catsync_core.format.objects import ObjectRef
from catsync_core.format.prefix import decompress_after
from catsync_core.plan.model import FramePart, LocalPart, Part, PatchPart, Piece, RawPart
from catsync_core.plan.requests import SEGMENT, patch_pieces
from catsync_core.store.durable import read_pieces
from catsync_core.store.spool import Spool
from catsync_core.transfer.fetch import Fetching
from catsync_core.transfer.frame_cache import Decoded, FrameCache
from catsync_core.transfer.repository import decode_frame

__all__ = ["BadPieceError", "PartSource", "read_segments"]

_WORKERS = 2  # at most
_AHEAD = 8 << 20  # bytes of memory for frames that are decoded ahead, or one frame if that takes more


class BadPieceError(ContentError):
    """A fetched piece is damaged.

    Args:
        piece: Which one.
        cause: What is wrong with it.
    """

    def __init__(self, piece: Piece, cause: Exception) -> None:
        super().__init__(str(cause))
        self.piece = piece


class PartSource:
    """Yields the bytes of parts, while one or two threads decode ahead.

    Thread model: one thread reads anything; others only what is at hand.

    Args:
        spool: Holds the fetched pieces.
        parts: All parts in the order in which they will be read.
        fetching: Brings what is not here yet; None when everything is.
        decoded: Keeps decoded frames that may be used again, by another source too; by default only by this one.
    """

    def __init__(
        self,
        spool: Spool,
        parts: Iterable[Part],
        fetching: Fetching | None = None,
        decoded: FrameCache[Decoded] | None = None,
    ) -> None:
        self._spool = spool
        self._fetching = fetching
        self._decoded = FrameCache[Decoded]() if decoded is None else decoded
        frames = [part for part in parts if isinstance(part, FramePart | PatchPart)]
        self._uses = Counter(_key(part) for part in frames)
        self._coming = iter({_key(part): part for part in frames}.values())
        self._next: FramePart | PatchPart | None = None  # the frame that is decoded next, once it has arrived
        self._pool = ThreadPoolExecutor(_count_workers(frames), thread_name_prefix="catsync-decode")
        self._ahead: dict[tuple[str, int], tuple[Future[Decoded], int]] = {}
        self._ahead_bytes = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give back the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def lend(self, work: Callable[[], None]) -> Future[None]:
        """Run something else on a thread that decodes; meanwhile, who reads decodes where nobody has done so."""
        return self._pool.submit(work)

    def is_at_hand(self, parts: Iterable[Part]) -> bool:
        """Whether another thread may read parts: without waiting, and in little memory, which no patch takes."""
        return all(not isinstance(part, PatchPart) and self._is_here(_find_piece(part)) for part in parts)

    def read(self, part: Part) -> Iterator[bytes | memoryview]:
        """Yield a part's bytes.

        Raises:
            BadPieceError: (content) the piece that holds them is damaged or was lost.
            IntegrityError: (content) the local file became shorter, or cannot be read any more.
        """
        if isinstance(part, LocalPart):
            yield from _read_local(part)
        elif isinstance(part, RawPart):
            piece = _piece_of(part)
            self._await(piece)
            yield self._load(piece)
        else:
            yield memoryview(self._frame(part))[part.start : part.start + part.length]

    def _frame(self, part: FramePart | PatchPart) -> Decoded:
        data = self._find(part)
        with self._lock:
            self._uses[_key(part)] -= 1
            if isinstance(part, FramePart) and not self._uses[_key(part)]:
                self._decoded.drop(_key(part))  # nobody will ask again: its memory is for the next ones
        return data

    def _find(self, part: FramePart | PatchPart) -> Decoded:
        key = _key(part)
        data = self._decoded.get(key)
        if data is not None:
            return data
        future = self._take_ahead(key)
        if future is not None and not future.cancel():
            data = future.result()
        else:  # not begun: the threads that decode have something else to do
            self._await(_find_piece(part))
            data = self._decode(part)
        with self._lock:
            self._look_ahead()
        self._decoded.put(key, data)
        return data

    def _take_ahead(self, key: tuple[str, int]) -> Future[Decoded] | None:
        with self._lock:
            self._look_ahead()
            future, size = self._ahead.pop(key, (None, 0))
            self._ahead_bytes -= size
            return future

    def _look_ahead(self) -> None:
        while self._ahead_bytes < _AHEAD:
            part = self._next or next(self._coming, None)
            self._next = part
            if part is None or not self._is_here(_find_piece(part)):
                return
            self._next = None
            key, size = _key(part), _weigh(part)
            if key in self._decoded or not self._uses[key]:
                continue
            self._ahead[key] = (self._pool.submit(self._decode, part), size)
            self._ahead_bytes += size

    def _await(self, piece: Piece | None) -> None:
        if self._fetching is not None and piece is not None:
            self._fetching.wait_until(lambda: self._is_here(piece))

    def _is_here(self, piece: Piece | None) -> bool:
        if piece is None or self._fetching is None or self._fetching.done:
            return True
        return self._spool.has(piece.pack, piece.offset, piece.length)

    def _decode(self, part: FramePart | PatchPart) -> Decoded:
        if isinstance(part, PatchPart):
            return self._decode_patch(part)
        piece = _piece_of(part)
        try:
            return decode_frame(part.frame, self._load(piece), f"A frame of pack {piece.pack[:12]}")
        except ContentError as error:
            raise BadPieceError(piece, error) from error

    def _decode_patch(self, part: PatchPart) -> Decoded:
        stored = read_segments(self._spool, part.patch, part.frame.offset, part.frame.length)
        return decompress_after(
            stored, _read_prefix(part), part.frame.size, f"A frame of patch {part.patch.sha256[:12]}"
        )

    def _load(self, piece: Piece) -> bytes:
        try:
            return self._spool.read(piece.pack, piece.offset, piece.length)
        except NotFoundError as error:
            raise BadPieceError(piece, error) from error


def _count_workers(frames: Sequence[FramePart | PatchPart]) -> int:
    """Return how many threads are to decode.

    Who reads the bytes hashes and writes them meanwhile, so on two cores one thread is enough, and another would only
    be in the way of both. But the frames of a patch are large, and the reader waits for the first of them.
    """
    large = any(isinstance(part, PatchPart) for part in frames)
    return _WORKERS if large else min(_WORKERS, max(1, (os.cpu_count() or 1) - 1))


def read_segments(spool: Spool, patch: ObjectRef, offset: int, length: int) -> bytes:
    """Return a range of a fetched patch; patches are kept in segments of one size.

    Raises:
        IntegrityError: (content) a segment is not there.
    """
    found = bytearray()
    for piece in patch_pieces(patch)[offset // SEGMENT : -(-(offset + length) // SEGMENT)]:
        try:
            data = spool.read(piece.pack, piece.offset, piece.length)
        except NotFoundError as error:
            raise IntegrityError(f"A segment of patch {patch.sha256[:12]} is missing") from error
        found += data[max(offset - piece.offset, 0) : offset + length - piece.offset]
    return bytes(found)


def _piece_of(part: FramePart | RawPart) -> Piece:
    place = part.frame if isinstance(part, FramePart) else part
    return Piece(part.pack.sha256, place.offset, place.length)


def _find_piece(part: Part) -> Piece | None:
    """Return what must have arrived before a part can be read; a patch is all here before any of it is read."""
    return _piece_of(part) if isinstance(part, FramePart | RawPart) else None


def _read_prefix(part: PatchPart) -> bytearray:
    # Of the right size from the start: it is large, and to let it grow would take as much again.
    prefix, done = bytearray(sum(size for _, size in part.frame.prefix)), 0
    for old in (old for span in part.frame.prefix for old in part.old.locate(*span)):
        for data in _read_local(old):
            prefix[done : done + len(data)] = data
            done += len(data)
    return prefix


def _weigh(part: FramePart | PatchPart) -> int:
    """Return the bytes of memory that decoding a frame takes, more or less."""
    prefix = sum(size for _, size in part.frame.prefix) if isinstance(part, PatchPart) else 0
    return part.frame.size + prefix


def _key(part: FramePart | PatchPart) -> tuple[str, int]:
    owner = part.patch if isinstance(part, PatchPart) else part.pack
    return (owner.sha256, part.frame.offset)


def _read_local(part: LocalPart) -> Iterator[bytes]:
    missing = part.length
    try:
        for data in read_pieces(part.location, part.offset, part.length):
            missing -= len(data)
            yield data
    except OSError as error:
        raise IntegrityError(f"{part.location} cannot be read any more ({error.strerror})") from error
    if missing:
        raise IntegrityError(f"{part.location} has become shorter")
