from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsync_core.format.objects import ObjectRef
from catsync_core.plan import requests
from catsync_core.plan.model import Piece, Request
from catsync_core.plan.requests import Link, join_requests, merge_pieces

PACKS = {name * 64: ObjectRef(name * 64, 1 << 30) for name in "ab"}
KIB = 1 << 10
MIB = 1 << 20


@st.composite
def disjoint_pieces(draw: st.DrawFn) -> set[Piece]:
    pieces = set()
    for pack in PACKS:
        at = 0
        for gap, length in draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 5 * MIB)), max_size=12)):
            pieces.add(Piece(pack, at + gap, length))
            at += gap + length
    return pieces


@given(pieces=disjoint_pieces(), gap=st.integers(0, 2500))
def test_requests_cover_all_pieces_and_no_more_than_short_gaps(pieces: set[Piece], gap: int) -> None:
    merged = merge_pieces(pieces, PACKS, gap)
    assert [piece for request in merged for piece in request.pieces] == sorted(pieces)
    for request in merged:
        first, last = request.pieces[0], request.pieces[-1]
        assert {piece.pack for piece in request.pieces} == {request.pack.sha256}
        assert (request.offset, request.length) == (first.offset, last.offset + last.length - first.offset)
        assert all(after.offset - before.offset - before.length <= gap for before, after in pairwise(request.pieces))
    for before, after in pairwise(merged):
        if before.pack == after.pack:
            apart = after.offset - before.offset - before.length
            assert apart >= 0
            # Two neighbours were only kept apart because they are far from each other, or the first is long already.
            assert apart > gap or before.length >= requests._REQUEST


@given(pieces=disjoint_pieces(), gap=st.integers(0, 2500))
def test_joined_requests_ask_for_the_same_pieces(pieces: set[Piece], gap: int) -> None:
    for pack in PACKS:
        several = [request for request in merge_pieces(pieces, PACKS, gap) if request.pack.sha256 == pack]
        if several:
            joined = join_requests(several[::-1])
            assert joined.pieces == tuple(piece for request in several for piece in request.pieces)
            assert joined.offset == several[0].offset
            assert joined.offset + joined.length == several[-1].offset + several[-1].length


def test_a_long_stretch_is_shared_by_several_connections() -> None:
    pieces = [Piece("a" * 64, at, MIB) for at in range(0, 40 * MIB, MIB)]
    assert [request.length for request in merge_pieces(pieces, PACKS, 0)] == [8 * MIB] * 5


def test_nothing_to_fetch_needs_no_request() -> None:
    assert merge_pieces([], PACKS, 100) == ()


@pytest.mark.parametrize(
    ("link", "gap", "detour"),
    [
        (Link(0.0, 1e9, 1), 512, 8 * KIB),
        (Link(0.1, 1e5, 1), 10_000, 10_000),
        (Link(0.1, 1e5, 4), 2500, 10_000),
        (Link(1.0, 1e9, 1), 16 * KIB, 256 * KIB),
    ],
)
def test_gap_and_detour_are_round_trip_times_bandwidth_within_bounds(link: Link, gap: int, detour: int) -> None:
    assert (link.gap, link.detour) == (gap, detour)


@pytest.mark.parametrize(
    ("round_trip", "length", "streams"),
    [(0.0, 4 << 20, 1), (0.004, 1 << 20, 1), (0.006, 4 << 20, 3), (0.0, 100 * KIB, 3), (0.5, 100 * KIB, 3)],
)
def test_long_requests_to_a_near_backend_are_made_one_after_the_other(
    round_trip: float, length: int, streams: int
) -> None:
    requests = [Request(PACKS["a" * 64], at * length, length, ()) for at in range(4)]
    assert Link(round_trip, 1e6, 3).count_streams(requests) == streams
