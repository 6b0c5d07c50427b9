"""What block matching will save is known before a signature is fetched, where the publisher compared."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from catsync_core.format.manifest import Content
from catsync_core.format.table import SignatureShape
from catsync_core.plan.forecast import blocks_cost, forecast_saving, whole_cost
from catsync_core.plan.requests import Tariff
from unit.plan.layouts import PACK, Layout, lay_out

GAP = 16
TARIFF = Tariff(GAP, lambda _: False)


def shape(length: int, offset: int = 0) -> SignatureShape:
    return SignatureShape(offset, block_size=512, weak_bytes=2, strong_bytes=3, blocks=length // 5)


def contents(layout: Layout) -> Mapping[int, Content]:
    return {number: Content(b"", size, 0, number) for number, size in enumerate(layout.table.sizes)}


def test_what_will_be_missing_is_known_exactly() -> None:
    layout = lay_out((9000,), [(9000, False)], [[(0, 100), (100, 200), (4000, 100)]], {0: shape(45)})
    content = contents(layout)[0]
    assert whole_cost(content, layout.table) == 4500
    assert blocks_cost(content, layout.table) == 200 + 45
    forecast = forecast_saving(PACK, layout.table, contents(layout), [0], TARIFF)
    assert (forecast.asked, forecast.saving) == ((0,), (4500 + GAP) - (200 + GAP) - (45 + GAP))


@pytest.mark.parametrize(("length", "pays"), [(4280, True), (4285, False)])
def test_a_signature_is_asked_for_where_it_pays_with_its_request(length: int, pays: bool) -> None:  # noqa: FBT001
    layout = lay_out((9000,), [(9000, False)], [[(0, 400)]], {0: shape(length)})
    forecast = forecast_saving(PACK, layout.table, contents(layout), [0], TARIFF)
    assert (bool(forecast.asked), forecast.saving > 0) == (pays, pays)


def test_a_frame_that_is_fetched_for_a_neighbour_saves_nothing() -> None:
    layout = lay_out((5000, 4000), [(9000, False)], [[(0, 100)]], {0: shape(45)})
    both, alone = contents(layout), {0: contents(layout)[0]}
    assert forecast_saving(PACK, layout.table, both, [0], TARIFF).asked == ()
    assert forecast_saving(PACK, layout.table, alone, [0], TARIFF).asked == (0,)


def test_where_nothing_is_new_blocks_cost_the_signature() -> None:
    layout = lay_out((9000,), [(9000, False)], [[(0, 9000)]], {0: shape(45)})
    frames = tuple(
        replace(frame, offset=0 if not frame.fine else 4500)
        for frame in sorted(layout.table.frames, key=lambda f: f.fine)
    )
    table = replace(layout.table, frames=frames)
    assert blocks_cost(contents(layout)[0], table) == 45
    assert forecast_saving(PACK, table, contents(layout), [0], TARIFF).asked == (0,)


@pytest.mark.parametrize(("length", "asked"), [(85, (0,)), (90, ())])
def test_where_nobody_compared_only_a_small_signature_is_worth_the_gamble(length: int, asked: tuple[int, ...]) -> None:
    layout = lay_out((9000,), [(9000, False)], [], {0: shape(length)})
    assert blocks_cost(contents(layout)[0], layout.table) is None
    assert forecast_saving(PACK, layout.table, contents(layout), [0], TARIFF).asked == asked


def test_a_content_without_a_signature_or_an_old_file_is_not_asked_for() -> None:
    layout = lay_out((9000, 9000), [(18_000, False)], [[(0, 100), (9000, 100)]], {0: shape(45)})
    assert forecast_saving(PACK, layout.table, contents(layout), [1], TARIFF).asked == ()
    assert forecast_saving(PACK, layout.table, contents(layout), [], TARIFF).asked == ()
