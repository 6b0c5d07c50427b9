"""Merge the pieces that must be fetched into few requests.

Two pieces become one request when the gap between them costs less to fetch than another request: up to round trip x
bandwidth. Ranges are single, never multipart: many servers and proxies get those wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import SignatureShape, Table
from catsync_core.plan.model import FramePart, Part, Piece, RawPart, Request

__all__ = [
    "SEGMENT",
    "Link",
    "Tariff",
    "find_pieces",
    "join_requests",
    "merge_pieces",
    "patch_pieces",
    "patch_requests",
    "signature_requests",
]

SEGMENT = 1 << 20  # bytes of a patch that are kept together
_LEAST_GAP = 512  # bytes: about what a request's own headers take
_MOST_GAP = 16 << 10
_LEAST_DETOUR = 8 << 10
_MOST_DETOUR = 256 << 10
_REQUEST = 8 << 20  # bytes: long stretches are cut, so that several connections share them
_NEAR = 0.005  # seconds: a round trip on one machine or in one building
_LONG = 1 << 20  # bytes of a request, in which such a round trip counts for nothing


class Link(msgspec.Struct, frozen=True):
    """What is known of the way to the backend.

    Attributes:
        round_trip: Seconds.
        bandwidth: Bytes a second.
        connections: Requests at a time.
    """

    round_trip: float
    bandwidth: float
    connections: int

    @property
    def gap(self) -> int:
        """Bytes that are cheaper to fetch and drop than to make another request.

        Requests run side by side, so each waits only its share of a round trip; and bytes cost money on some lines,
        whatever the line's speed, so there is an upper bound.
        """
        return int(min(max(self.round_trip * self.bandwidth / self.connections, _LEAST_GAP), _MOST_GAP))

    @property
    def request(self) -> int:
        """Bytes that a request costs which others wait for: those that travel during a round trip, within bounds."""
        return int(min(max(self.round_trip * self.bandwidth, _LEAST_GAP), _MOST_GAP))

    @property
    def detour(self) -> int:
        """Bytes that one more request, which others wait for, must save to be worth making."""
        return int(min(max(self.round_trip * self.bandwidth, _LEAST_DETOUR), _MOST_DETOUR))

    def count_streams(self, requests: Sequence[Request]) -> int:
        """Return how many requests to have under way at a time.

        Side by side they hide each other's round trips. Where there is next to nothing to hide, one after the other
        is as fast, and better: what is put together first arrives first, and is worked on while the rest arrives.
        """
        long = sum(request.length for request in requests) >= _LONG * len(requests)
        return 1 if long and self.round_trip < _NEAR else self.connections


class Tariff(msgspec.Struct, frozen=True):
    """What fetching costs, in bytes: those that travel, and for each request those that are fetched to save one.

    Attributes:
        gap: What a request costs.
        is_kept: Whether an earlier attempt left a piece here, so that it costs nothing.
    """

    gap: int
    is_kept: Callable[[Piece], bool]

    def requests(self, parts: Iterable[Part]) -> tuple[Request, ...]:
        """Return the requests for what parts need and is not here."""
        pieces, packs = find_pieces(parts)
        return merge_pieces({piece for piece in pieces if not self.is_kept(piece)}, packs, self.gap)

    def cost(self, parts: Iterable[Part]) -> int:
        """Return what fetching parts costs."""
        return self.cost_of(self.requests(parts))

    def cost_of(self, requests: Iterable[Request]) -> int:
        """Return what requests cost."""
        return sum(request.length + self.gap for request in requests)


def find_pieces(parts: Iterable[Part]) -> tuple[set[Piece], dict[str, ObjectRef]]:
    """Return the distinct stored pieces that parts need, and the packs by SHA-256."""
    pieces: set[Piece] = set()
    packs: dict[str, ObjectRef] = {}
    for part in parts:
        if isinstance(part, FramePart):
            pieces.add(Piece(part.pack.sha256, part.frame.offset, part.frame.length))
            packs[part.pack.sha256] = part.pack
        elif isinstance(part, RawPart):
            pieces.add(Piece(part.pack.sha256, part.offset, part.length))
            packs[part.pack.sha256] = part.pack
    return pieces, packs


def merge_pieces(pieces: Collection[Piece], packs: Mapping[str, ObjectRef], gap: int) -> tuple[Request, ...]:
    """Return the requests that fetch all pieces, in the order of packs and offsets."""
    by_pack: dict[str, list[Piece]] = defaultdict(list)
    for piece in sorted(pieces):
        by_pack[piece.pack].append(piece)
    return tuple(
        Request(packs[pack], run[0].offset, max(piece.offset + piece.length for piece in run) - run[0].offset, run)
        for pack, ordered in by_pack.items()
        for run in _runs(ordered, gap, _REQUEST)
    )


def patch_pieces(patch: ObjectRef) -> tuple[Piece, ...]:
    """Return the segments in which a patch is kept, so that an interrupted fetch goes on from the last of them."""
    return tuple(
        Piece(patch.sha256, offset, min(SEGMENT, patch.length - offset)) for offset in range(0, patch.length, SEGMENT)
    )


def patch_requests(patch: ObjectRef, is_kept: Callable[[Piece], bool]) -> tuple[Request, ...]:
    """Return the requests for what is missing of a patch: one, when nothing of it is here."""
    missing = [piece for piece in patch_pieces(patch) if not is_kept(piece)]
    return tuple(
        Request(patch, run[0].offset, run[-1].offset + run[-1].length - run[0].offset, run, "patches")
        for run in _runs(missing, 0, patch.length)
    )


def signature_requests(table: Table, shapes: Iterable[SignatureShape], gap: int) -> tuple[Request, ...]:
    """Return the requests for signatures of a table; none when it has none."""
    ref = table.signatures
    if ref is None:
        return ()
    pieces = {Piece(ref.sha256, shape.offset, shape.length) for shape in shapes}
    return tuple(
        msgspec.structs.replace(request, kind="signatures") for request in merge_pieces(pieces, {ref.sha256: ref}, gap)
    )


def join_requests(requests: Sequence[Request]) -> Request:
    """Return one request for everything that requests for one pack ask for."""
    offset = min(request.offset for request in requests)
    end = max(request.offset + request.length for request in requests)
    pieces = tuple(sorted(piece for request in requests for piece in request.pieces))
    return Request(requests[0].pack, offset, end - offset, pieces, requests[0].kind)


def _runs(ordered: list[Piece], gap: int, most: int) -> Iterator[tuple[Piece, ...]]:
    run: list[Piece] = []
    end = 0
    for piece in ordered:
        if run and (piece.offset - end > gap or end - run[0].offset >= most):
            yield tuple(run)
            run = []
        run.append(piece)
        end = max(end, piece.offset + piece.length)
    if run:
        yield tuple(run)
