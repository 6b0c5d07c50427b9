"""Whatever the layout: the missing bytes are covered exactly, by stored pieces that do not get in each other's way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core.format.frames import Codec
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame, Table
from catsync_core.plan.cover import _REQUEST_COST as REQUEST_COST
from catsync_core.plan.cover import Cover
from catsync_core.plan.model import FramePart, Part, RawPart
from catsync_core.plan.requests import find_pieces

PACK = ObjectRef("a" * 64, 1 << 30)


@dataclass(frozen=True)
class Layout:
    """A pack's stream, the pack itself and its table; a frame is stored as its bytes backwards, or raw as they are."""

    stream: bytes
    stored: bytes
    table: Table

    def read(self, part: Part) -> bytes:
        if isinstance(part, RawPart):
            return self.stored[part.offset : part.offset + part.length]
        assert isinstance(part, FramePart)
        frame = part.frame
        whole = b"".join(self.stream[start : start + length] for start, length in frame.ranges)
        return whole[part.start : part.start + part.length]


def lay_out(sizes: tuple[int, ...], coarse: list[tuple[int, bool]], fine: list[list[tuple[int, int]]]) -> Layout:
    """Build a pack: fine frames first, as long as half their yield; then coarse ones of (size, raw)."""
    stream = Random(len(sizes)).randbytes(sum(sizes))
    stored, frames = bytearray(), []
    for ranges in fine:
        length = max(sum(size for _, size in ranges) // 2, 1)
        frames.append(Frame(len(stored), length, Codec.ZSTD, tuple(ranges), fine=True))
        stored += bytes(length)
    at = 0
    for size, raw in coarse:
        data = stream[at : at + size] if raw else bytes(max(size // 2, 1))
        frames.append(Frame(len(stored), len(data), Codec.RAW if raw else Codec.ZSTD, ((at, size),), b"x" * 8 * raw))
        stored += data
        at += size
    assert at == len(stream)
    return Layout(stream, bytes(stored), Table(sizes, tuple(frames), {}))


def cover(layout: Layout, wanted: dict[int, list[tuple[int, int]] | None]) -> dict[int, list[Part]]:
    """Return the parts of each wanted content; None for a whole one."""
    chosen = Cover(PACK, layout.table)
    for number, ranges in wanted.items():
        if ranges is None:
            chosen.take_whole(number)
    chosen.choose((number, ranges) for number, ranges in wanted.items() if ranges is not None)
    whole = {
        number: [(0, layout.table.sizes[number])] if ranges is None else ranges for number, ranges in wanted.items()
    }
    return {number: list(chosen.parts(number, ranges)) for number, ranges in whole.items()}


@st.composite
def cuts(draw: st.DrawFn, total: int, most: int) -> list[tuple[int, int]]:
    """Cut a range into pieces: (offset, length)."""
    edges = sorted({0, total, *draw(st.lists(st.integers(0, total), max_size=most))})
    return [(begin, end - begin) for begin, end in pairwise(edges)]


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    sizes = tuple(draw(st.lists(st.integers(0, 3000), min_size=1, max_size=5)))
    total = sum(sizes)
    coarse = [(length, draw(st.booleans())) for _, length in draw(cuts(total, 6))]
    ranges = [piece for piece in draw(cuts(total, 12)) if draw(st.booleans())]
    dealt = [draw(st.integers(0, 3)) for _ in ranges]
    fine = [[piece for piece, to in zip(ranges, dealt, strict=True) if to == number] for number in range(4)]
    return lay_out(sizes, coarse, [ranges for ranges in fine if ranges])


@settings(max_examples=200, deadline=None)
@given(layout=layouts(), data=st.data())
def test_parts_yield_exactly_what_is_missing(layout: Layout, data: st.DataObject) -> None:
    wanted: dict[int, list[tuple[int, int]] | None] = {}
    for number, size in enumerate(layout.table.sizes):
        if size and data.draw(st.booleans()):
            every_other = data.draw(cuts(size, 6))[data.draw(st.integers(0, 1)) :: 2]
            wanted[number] = None if data.draw(st.booleans()) else every_other
    parts = cover(layout, wanted)
    for number, ranges in wanted.items():
        start, size = layout.table.starts[number], layout.table.sizes[number]
        missing = [(0, size)] if ranges is None else ranges
        expected = b"".join(layout.stream[start + at : start + at + length] for at, length in missing)
        assert b"".join(layout.read(part) for part in parts[number]) == expected

    pieces, _ = find_pieces(part for several in parts.values() for part in several)
    ordered = sorted(pieces)
    assert all(before.offset + before.length <= after.offset for before, after in pairwise(ordered))
    below = [
        frame
        for number, ranges in wanted.items()
        for at, length in ([(0, layout.table.sizes[number])] if ranges is None else ranges)
        for frame in layout.table.coarse_over(layout.table.starts[number] + at, length)
    ]
    plain = sum({frame.offset: frame.length for frame in below}.values())
    assert sum(piece.length for piece in pieces) <= plain + REQUEST_COST * len(below)


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
