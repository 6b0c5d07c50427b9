"""Whatever the layout: the missing bytes are covered exactly, by stored pieces that do not get in each other's way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core.plan.cover import Cover
from catsync_core.plan.model import FramePart, Part, RawPart
from catsync_core.plan.requests import find_pieces
from unit.plan.layouts import PACK, Layout, lay_out, layouts, wishes


def cover(layout: Layout, missing: dict[int, list[tuple[int, int]] | None]) -> dict[int, list[Part]]:
    """Return the parts of each content of which something is missing; None for all of it."""
    chosen = Cover(PACK, layout.table, missing)
    return {number: [part for _, part in chosen.parts(number)] for number in missing}


@settings(max_examples=200, deadline=None)
@given(layout=layouts(), data=st.data())
def test_parts_yield_exactly_what_is_missing(layout: Layout, data: st.DataObject) -> None:
    missing = data.draw(wishes(layout.table.sizes))
    parts = cover(layout, missing)
    for number, ranges in missing.items():
        start, size = layout.table.starts[number], layout.table.sizes[number]
        expected = b"".join(
            layout.stream[start + at : start + at + length]
            for at, length in ([(0, size)] if ranges is None else ranges)
        )
        assert b"".join(layout.read(part) for part in parts[number]) == expected

    pieces, _ = find_pieces(part for several in parts.values() for part in several)
    ordered = sorted(pieces)
    assert all(before.offset + before.length <= after.offset for before, after in pairwise(ordered))


def test_pieces_of_one_raw_frame_never_overlap() -> None:
    layout = lay_out((1000,), [(1000, True)], [])
    parts = cover(layout, {0: [(0, 50), (100, 900)]})[0]
    assert [layout.read(part) for part in parts] == [layout.stream[:50], layout.stream[100:]]
    pieces = sorted(find_pieces(parts)[0])
    assert len({piece.offset for piece in pieces}) == len(pieces)


def test_a_small_range_of_a_raw_frame_is_fetched_alone() -> None:
    layout = lay_out((1000,), [(1000, True)], [])
    assert cover(layout, {0: [(100, 20)]})[0] == [RawPart(PACK, 100, 20)]


def test_fine_frames_are_taken_where_they_are_cheaper() -> None:
    layout = lay_out((9000,), [(9000, False)], [[(0, 100), (500, 100)]])
    parts = cover(layout, {0: [(0, 100), (520, 80)]})[0]
    assert [part.frame.fine for part in parts if isinstance(part, FramePart)] == [True, True]
    assert sum(piece.length for piece in find_pieces(parts)[0]) == layout.table.fine[0].length


def test_a_coarse_frame_is_taken_where_fine_ones_leave_a_gap() -> None:
    layout = lay_out((9000,), [(9000, False)], [[(0, 100)]])
    parts = cover(layout, {0: [(0, 101)]})[0]
    assert [part.frame.fine for part in parts if isinstance(part, FramePart)] == [False]


@pytest.mark.parametrize("whole", [0, 1])
def test_a_coarse_frame_that_a_neighbour_needs_serves_both(whole: int) -> None:
    layout = lay_out((500, 500), [(1000, False)], [[(0, 10)], [(500, 10)]])
    parts = cover(layout, {whole: None, 1 - whole: [(0, 10)]})
    assert len(find_pieces(part for several in parts.values() for part in several)[0]) == 1


def test_a_fine_frame_over_packed_and_raw_content_is_fetched_for_both_or_for_neither() -> None:
    layout = lay_out((1000, 9000), [(1000, False), (9000, True)], [[(0, 10), (1000, 2000)]])
    parts = cover(layout, {0: [(0, 10)], 1: [(0, 2000)]})
    pieces = find_pieces(part for several in parts.values() for part in several)[0]
    assert [piece.length for piece in pieces] == [1005]


def test_a_raw_frame_that_is_fetched_whole_pays_for_no_fine_frame() -> None:
    layout = lay_out((1000, 9000), [(1000, False), (9000, True)], [[(0, 10), (1000, 2000)]])
    parts = cover(layout, {0: [(0, 10)], 1: None})
    pieces = find_pieces(part for several in parts.values() for part in several)[0]
    assert sorted(piece.length for piece in pieces) == [500, 9000]
