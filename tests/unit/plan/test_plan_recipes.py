"""Contents are made of blocks where that is cheaper, and never cost more than whole."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core.chunking import Copy, Delta
from catsync_core.format.manifest import Content
from catsync_core.plan.model import FramePart, LocalFile, LocalPart, Part
from catsync_core.plan.recipes import find_recipes
from catsync_core.plan.requests import Tariff, find_pieces
from unit.plan.layouts import PACK, Layout, lay_out, layouts, wishes

OLD = LocalFile("old", Path("/device/old"), 1 << 20, 0)
Ranges = list[tuple[int, int]]


def recipes(layout: Layout, missing: dict[int, Ranges | None], tariff: Tariff) -> dict[int, tuple[Part, ...]]:
    """Return the parts of contents of which something is missing; the rest lies in an old file at the same place."""
    sizes = layout.table.sizes
    wanted = {number: Content(b"", sizes[number], 0, number) for number in missing}
    matches = {
        number: (delta(sizes[number], ranges), (OLD,)) for number, ranges in missing.items() if ranges is not None
    }
    return find_recipes(PACK, layout.table, wanted, matches, tariff)


def delta(size: int, missing: Ranges) -> Delta:
    copies, at = [], 0
    for begin, length in [*missing, (size, 0)]:
        if begin > at:
            copies.append(Copy(at, 0, at, begin - at))
        at = begin + length
    return Delta(size, tuple(copies), tuple(missing))


def all_parts(found: dict[int, tuple[Part, ...]]) -> list[Part]:
    return [part for parts in found.values() for part in parts]


@settings(max_examples=200, deadline=None)
@given(layout=layouts(), data=st.data(), gap=st.sampled_from((0, 16, 500)))
def test_blocks_never_cost_more_than_whole_contents(layout: Layout, data: st.DataObject, gap: int) -> None:
    missing = data.draw(wishes(layout.table.sizes))
    nothing_kept = Tariff(gap, lambda _: False)
    pieces = sorted(find_pieces(all_parts(recipes(layout, dict.fromkeys(missing), nothing_kept)))[0])
    kept = {piece for piece in pieces if data.draw(st.integers(0, 4)) == 4}
    tariff = Tariff(gap, kept.__contains__)
    found = recipes(layout, missing, tariff)
    assert tariff.cost(all_parts(found)) <= tariff.cost(all_parts(recipes(layout, dict.fromkeys(missing), tariff)))
    for number, parts in found.items():
        start = layout.table.starts[number]
        whole = layout.stream[start : start + layout.table.sizes[number]]
        made = b""
        for part in parts:
            made += whole[part.offset :][: part.length] if isinstance(part, LocalPart) else layout.read(part)
        assert made == whole


def test_blocks_are_taken_where_they_are_cheaper() -> None:
    layout = lay_out((9000,), [(9000, False)], [[(0, 100)]])
    found = recipes(layout, {0: [(0, 100)]}, Tariff(16, lambda _: False))
    assert [type(part).__name__ for part in found[0]] == ["FramePart", "LocalPart"]


def test_what_an_earlier_attempt_left_is_cheaper_than_blocks() -> None:
    layout = lay_out((9000,), [(9000, False)], [[(0, 100)]])
    (coarse,) = layout.table.coarse
    found = recipes(layout, {0: [(0, 100)]}, Tariff(16, lambda piece: piece.offset == coarse.offset))
    assert found[0] == (FramePart(PACK, coarse, 0, 9000),)
