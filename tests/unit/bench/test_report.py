from __future__ import annotations

import json

import pytest
from bench._catsync import read_summary
from bench._measure import Cost
from bench._race import Outcome, Sample
from bench._report import Occasion, render_chart, render_page, render_tables
from bench._traffic import Traffic

SUMMARY = {
    "schema": 1,
    "bytes_received": 1_000,
    "requests": 3,
    "actions": {
        "keep": {"files": 1_200, "bytes": 9},
        "copy": {"files": 0, "bytes": 0},
        "patch": {"files": 7, "bytes": 5},
    },
}
OCCASION = Occasion("python bench/peers.py", "2026-01-02", "2 cores", 3, {"rsync": "3.5.0"})


def sample(tool: str, size: int, *, wall: float = 1.0, requests: int = 0, output: str = "") -> Sample:
    return Sample(tool, Traffic(size // 10, size - size // 10, requests, 1), Cost(wall, wall / 2, 5_000_000), output)


def outcome(pair: str, *updates: Sample, installs: tuple[Sample, ...] = ()) -> Outcome:
    return Outcome(pair, files=10, size=2_000_000, updates=updates, installs=installs, patch=500, solid=4_000)


PEERS_ONLY = [
    outcome("one", sample("zsync", 200_000, requests=2), sample("rsync", 100_000)),
    outcome("two", sample("rsync", 3_000), sample("zsync", 4_000, requests=5)),
]
WITH_CATSYNC = [
    outcome(
        "one",
        sample("rsync", 100_000),
        sample("catsync", 900, requests=4, output=json.dumps(SUMMARY)),
        installs=(sample("catsync", 5_000, requests=6),),
    )
]


def rows(text: str, title: str) -> list[list[str]]:
    """The table of a section, without its rule."""
    section = text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(set(cell) <= {"-", ":"} for cell in table.pop(1))
    return table


def test_bytes_stand_by_catalog_and_tool_with_the_yardstick_and_a_sum() -> None:
    assert rows(render_tables(PEERS_ONLY), "Bytes on the wire") == [
        ["catalog", "rsync", "zsync", "zstd patch"],
        ["one (2.0 MB)", "100,000", "200,000", "500"],
        ["two (2.0 MB)", "3,000", "4,000", "500"],
        ["**sum**", "**103,000**", "**204,000**", "**1,000**"],
    ]


def test_requests_of_a_tool_that_makes_none_are_a_dash() -> None:
    assert rows(render_tables(PEERS_ONLY), "Requests")[1:] == [
        ["one (2.0 MB)", "-", "2"],
        ["two (2.0 MB)", "-", "5"],
        ["**sum**", "**-**", "**7**"],
    ]


def test_figures_are_medians() -> None:
    runs = [sample("rsync", size, wall=wall) for size, wall in ((10, 9.0), (1_000, 1.0), (20, 2.0))]
    text = render_tables([outcome("one", *runs)])
    assert rows(text, "Bytes on the wire")[1][1] == "20"
    assert rows(text, "Wall time, seconds")[1][1] == "2.00"
    assert rows(text, "CPU time, seconds")[1][1] == "1.00"
    assert rows(text, "Peak memory, MB")[1][1] == "5.0"


def test_without_catsync_there_is_nothing_about_it() -> None:
    page = render_page(PEERS_ONLY, OCCASION, "benchmarks/a.svg")
    assert "## First download" not in page
    assert "## What catsync says" not in page
    assert "- **zsync**: " in page
    assert "- **casync**: " not in page


def test_first_download_is_set_against_the_solid_tar() -> None:
    table = rows(render_tables(WITH_CATSYNC), "First download")
    assert table[1] == ["one", "2,000,000", "4,000", "5,000", "1.250", "6", "1.00", "5.0"]
    assert table[2][:5] == ["**sum**", "**2,000,000**", "**4,000**", "**5,000**", "**1.250**"]


def test_page_says_how_it_came_about_and_what_catsync_said() -> None:
    page = render_page(WITH_CATSYNC, OCCASION, "benchmarks/a.svg")
    assert page.startswith("# ")
    for fact in ("`python bench/peers.py` wrote", "2026-01-02", "2 cores", "rsync 3.5.0", "median of 3 runs"):
        assert fact in page
    assert "](benchmarks/a.svg)" in page
    details = rows(page, "What catsync says of its updates")
    assert details[1] == ["one", "catsync", "1,000", "810", "3", "4", "keep 1,200, patch 7"]


def test_chart_has_a_bar_for_every_tool_and_the_yardstick() -> None:
    chart = render_chart(PEERS_ONLY)
    for label in ("one, rsync: 100,000 B", "one, zsync: 200,000 B", "two, zsync: 4,000 B", "two, zstd patch: 500 B"):
        assert f"<title>{label}</title>" in chart


@pytest.mark.parametrize(
    "output", [json.dumps(SUMMARY), json.dumps(SUMMARY, indent=2), f'{{"event": "start"}}\n{json.dumps(SUMMARY)}\n']
)
def test_summary_is_one_document_or_the_last_line(output: str) -> None:
    assert read_summary(output) == SUMMARY


@pytest.mark.parametrize("output", ["", "done\n", "[1]"])
def test_output_without_a_summary_is_an_error(output: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting value|not a summary"):
        read_summary(output)
