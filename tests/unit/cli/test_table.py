from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsync_core.cli.table import Cell, Column, display_width, lay_out

COLUMNS = (
    Column("Catalog", flexible=True),
    Column("Status"),
    Column("Size", right=True, spare=1),
    Column("Checked", spare=2),
)
ROWS = [
    [Cell("Running shoes of the year", " (shoes)"), Cell("Offline"), Cell("1.6 MB"), Cell("just now")],
    [Cell("Bags", " (bags)"), Cell("Online"), Cell("480 MB"), Cell("3 days ago")],
]


def show(width: int | None) -> list[str]:
    return ["".join(cell.text for cell in line) for line in lay_out(COLUMNS, ROWS, width)]


def test_without_a_bound_everything_is_shown_and_nothing_follows_it() -> None:
    assert show(None) == [
        "Catalog                            Status     Size  Checked",
        "Running shoes of the year (shoes)  Offline  1.6 MB  just now",
        "Bags (bags)                        Online   480 MB  3 days ago",
    ]


def test_the_text_gives_way_and_the_tail_stays() -> None:
    assert show(50)[1] == "Running shoe… (shoes)  Offline  1.6 MB  just now"


def test_columns_that_matter_least_are_left_out_first() -> None:
    assert show(40)[0].split() == ["Catalog", "Status", "Size"]
    assert show(30)[0].split() == ["Catalog", "Status"]
    assert show(20)[1] == "Ru… (shoes)  Offline"


def test_wide_characters_count_twice_and_combining_ones_not_at_all() -> None:
    assert [display_width(text) for text in ("shoes", "靴", "e\u0301", "")] == [5, 2, 1, 0]


def test_names_from_outside_are_escaped() -> None:
    (_, line) = lay_out([Column("Name")], [[Cell("a\x1b[2J\u202eb", "\n")]], None)
    assert line[0].text == r"a\x1b[2J\u202eb\n"


def test_colour_stays_with_its_cell() -> None:
    (_, line) = lay_out([Column("Name"), Column("Status")], [[Cell("a"), Cell("b", color="red")]], None)
    assert [cell.color for cell in line] == [None, "red"]


@given(
    texts=st.lists(st.text(max_size=40), min_size=1, max_size=5),
    width=st.integers(min_value=30, max_value=120),
)
def test_no_line_is_wider_than_the_terminal(texts: list[str], width: int) -> None:
    rows = [[Cell(text, " (id)"), Cell("Update available"), Cell("1 MB"), Cell("now")] for text in texts]
    for line in lay_out(COLUMNS, rows, width):
        assert sum(display_width(cell.text) for cell in line) <= width


@pytest.mark.parametrize("width", [1, 5, 12])
def test_what_cannot_fit_is_shown_as_short_as_it_goes(width: int) -> None:
    assert all("(shoes)" in line or "(bags)" in line for line in show(width)[1:])
