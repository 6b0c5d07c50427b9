from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from bench._behind import Lag, Lags, present_lags
from bench._casync import CasyncSmall
from bench._catsync import Catsync, read_summary
from bench._comparison import compare
from bench._effort import EFFORTS, present_efforts
from bench._goals import compare_with_possible
from bench._links import compare_links
from bench._measure import Cost
from bench._method import explain
from bench._page import Occasion, Part, picture, write_page
from bench._race import Job, Outcome, Sample
from bench._rsync import Rsync
from bench._shape import FAST, LOOPBACK, SLOW
from bench._traffic import Traffic
from bench._yardsticks import Yardsticks
from bench._zsync import Zsync

if TYPE_CHECKING:
    from pathlib import Path

    from bench._shape import Profile
    from bench._tools import Tool

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


def sample(
    tool: type[Tool],
    size: int,
    job: Job = Job.UPDATE,
    *,
    wall: float = 1.0,
    requests: int = 0,
    over: Profile = LOOPBACK,
) -> Sample:
    traffic = Traffic(size // 10, size - size // 10, requests, 1, body=size // 2)
    output = json.dumps(SUMMARY) if issubclass(tool, Catsync) else ""
    return Sample(tool.name, job, over.name, traffic, Cost(wall, wall / 2, 5_000_000), output)


def outcome(
    pair: str, tools: tuple[type[Tool], ...], *samples: Sample, left_out: dict[str, str] | None = None
) -> Outcome:
    deltas = {"zstd patch": 500, "xdelta3": 600, "bsdiff": 700}
    kept = {name: size for name, size in deltas.items() if name not in (left_out or {})}
    return Outcome(pair, 10, 2_000_000, 500_000, tools, samples, Yardsticks(4_000, kept, left_out or {}))


PEERS_ONLY = [
    outcome("one", (Rsync, Zsync), sample(Zsync, 200_000, requests=2), sample(Rsync, 100_000)),
    outcome(
        "two",
        (Rsync, Zsync),
        sample(Rsync, 3_000),
        sample(Zsync, 4_000, requests=5),
        left_out={"bsdiff": "it was not done after 600 s"},
    ),
]


def rows(text: str, title: str) -> list[list[str]]:
    """The table of a section, without its rule."""
    section = text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(set(cell) <= {"-", ":"} for cell in table.pop(1))
    return table


def test_bytes_stand_by_catalog_and_tool_with_the_yardsticks_and_a_sum() -> None:
    part = compare(PEERS_ONLY)
    assert rows(part.text, "Bytes on the wire") == [
        ["catalog", "rsync", "zsync", "zstd patch", "xdelta3", "bsdiff"],
        ["one (2.0 MB)", "100,000", "200,000", "500", "600", "700"],
        ["two (2.0 MB)", "3,000", "4,000", "500", "600", "-"],
        ["**sum**", "**103,000**", "**204,000**", "**1,000**", "**1,200**", "**-**"],
    ]
    assert "- bsdiff was left out for two: it was not done after 600 s." in part.text
    labels = ("one, rsync: 100,000 B", "two, zsync: 4,000 B", "two, zstd patch: 500 B", "one, bsdiff: 700 B")
    for label in labels:
        assert f"<title>{label}</title>" in part.charts["wire-bytes"]


def test_requests_of_a_tool_that_makes_none_are_a_dash() -> None:
    assert rows(compare(PEERS_ONLY).text, "Requests")[1:] == [
        ["one (2.0 MB)", "-", "2"],
        ["two (2.0 MB)", "-", "5"],
        ["**sum**", "**-**", "**7**"],
    ]


def test_figures_are_medians() -> None:
    runs = [sample(Rsync, size, wall=wall) for size, wall in ((10, 9.0), (1_000, 1.0), (20, 2.0))]
    text = compare([outcome("one", (Rsync,), *runs)]).text
    assert rows(text, "Bytes on the wire")[1][1] == "20"
    assert rows(text, "Wall time, seconds")[1][1] == "2.00"
    assert rows(text, "CPU time, seconds")[1][1] == "1.00"
    assert rows(text, "Peak memory, MB")[1][1] == "5.0"


def test_jobs_and_links_do_not_mix() -> None:
    samples = [
        sample(Rsync, 10),
        sample(Rsync, 30, Job.CHECK),
        sample(Rsync, 700, Job.INSTALL),
        sample(Rsync, 11, Job.PUBLISH, wall=7.0),
        sample(Rsync, 12, over=SLOW, wall=5.0),
        sample(Rsync, 13, Job.CHECK, over=SLOW, wall=6.0),
        sample(Rsync, 14, Job.INSTALL, over=SLOW, wall=9.0),
    ]
    measured = [outcome("one", (Rsync, CasyncSmall), *samples)]
    text = compare(measured).text
    assert rows(text, "Bytes on the wire")[1][1] == "10"
    assert rows(text, "A check when nothing is new")[1][1] == "30"
    assert rows(text, "Publishing, seconds")[1][1] == "7.00"
    assert rows(compare_with_possible(measured).text, "First download by tool")[1] == ["one (2.0 MB)", "700", "4,000"]
    slow = compare_links(measured, [SLOW])
    link = "slow link (2 Mbit/s, 200 ms)"
    assert rows(slow.text, f"Update over the {link}")[1] == ["one (2.0 MB)", "5.00"]
    assert rows(slow.text, f"First download over the {link}")[1] == ["one (2.0 MB)", "9.00"]
    assert rows(slow.text, f"Check over the {link}, when nothing is new")[1] == ["one (2.0 MB)", "6.00"]
    assert "casync-8k is left out here" in slow.text
    assert "<title>one, rsync: 5 s</title>" in slow.charts["time-slow"]


def test_every_link_has_its_tables_and_its_chart() -> None:
    part = compare_links(
        [outcome("one", (Rsync,), sample(Rsync, 1, over=FAST), sample(Rsync, 1, over=SLOW))], [FAST, SLOW]
    )
    assert list(part.charts) == ["time-fast", "time-slow"]
    for name in part.charts:
        assert f"](benchmarks/{name}.svg)" in part.text


def test_bodies_are_set_against_the_zstd_patch_and_the_wire_against_rsync() -> None:
    pairs = ("caniuse-lite", "airportsdata", "simple-icons", "openmoji")
    samples = sample(Rsync, 9_000), sample(Catsync, 900, requests=3), sample(Catsync, 5_000, Job.INSTALL)
    few = [outcome(pair, (Rsync, Catsync), *samples) for pair in pairs]
    table = rows(compare_with_possible(few).text, "Bodies of an update")
    assert table[1] == ["caniuse-lite", "450", "3", "500", "0.900", "2,086", "10.0"]
    assert table[5] == ["**sum of four**", "**1,800**", "", "**2,000**", "**0.900**", "", ""]
    other = rows(compare_with_possible(few[:3]).text, "Bodies of an update")
    assert [line[0] for line in other] == ["catalog", *pairs[:3]]


def test_first_download_is_set_against_the_solid_tar() -> None:
    measured = [
        outcome(pair, (Catsync,), sample(Catsync, 900), sample(Catsync, size, Job.INSTALL, requests=6))
        for pair, size in (("one", 5_000), ("two", 3_000))
    ]
    table = rows(compare_with_possible(measured).text, "First download")
    assert table[1] == ["one", "2,000,000", "4,000", "2,500", "5,000", "1.250", "6", "1.00", "5.0"]
    assert table[3][:6] == ["**sum**", "**4,000,000**", "**8,000**", "**4,000**", "**8,000**", "**1.000**"]


def test_without_catsync_there_is_nothing_about_it() -> None:
    text = compare_with_possible(PEERS_ONLY).text + explain(PEERS_ONLY).text
    assert "## First download\n" not in text
    assert "## Bodies" not in text
    assert "## What catsync says" not in text
    assert "- **zsync**: " in text
    assert "- **casync**: " not in text


def test_method_names_what_each_tool_did_and_what_catsync_said_of_it() -> None:
    text = explain([outcome("one", (Rsync, Catsync), sample(Rsync, 10), sample(Catsync, 900, requests=4))]).text
    for tool in (Rsync, Catsync):
        for how in (tool.how, tool.how_to_install, tool.how_to_check):
            assert how in text
    details = rows(text, "What catsync says of its updates")
    assert details[1] == ["one", "catsync", "1,000", "450", "3", "4", "keep 1,200, patch 7"]


def test_efforts_stand_with_what_they_cost_and_what_they_buy() -> None:
    samples = [
        each
        for wall, size, tool in zip((1.0, 2.0, 4.0), (4_000, 2_000, 1_000), EFFORTS, strict=True)
        for each in (
            sample(tool, 1, Job.PUBLISH, wall=wall),
            sample(tool, size),
            sample(tool, 10 * size, Job.INSTALL),
        )
    ]
    part = present_efforts([outcome("one", EFFORTS, *samples)])
    assert rows(part.text, "Publishing effort")[1:] == [
        ["one", "fast", "1.00", "0.50", "1.0", "5", "2,000", "4.000", "20,000", "5.000"],
        ["one", "default", "2.00", "1.00", "0.5", "5", "1,000", "2.000", "10,000", "2.500"],
        ["one", "best", "4.00", "2.00", "0.2", "5", "500", "1.000", "5,000", "1.250"],
    ]
    assert "<title>one, best: 4 s, 1</title>" in part.charts["effort-update"]
    assert "<title>one, fast: 1 s, 5</title>" in part.charts["effort-install"]


def test_lags_are_set_against_blocks_and_a_first_download() -> None:
    lags = tuple(
        Lag(behind, f"1.{8 - behind}", Traffic(0, 100 * behind, 3), Traffic(0, 400, 6)) for behind in (1, 2, 3)
    )
    part = present_lags([Lags("thing", "1.8", lags, Traffic(0, 1_000, 4))])
    table = rows(part.text, "Several versions behind: thing to 1.8")
    assert table[1] == ["1", "1.7", "100", "3", "400", "0.250", "1,000", "0.100"]
    assert table[3] == ["3", "1.5", "300", "3", "400", "0.750", "1,000", "0.300"]
    assert "](benchmarks/behind-thing.svg)" in part.text
    assert "<title>update: 3, 300 B</title>" in part.charts["behind-thing"]


def test_page_says_how_it_came_about_and_has_its_charts_beside_it(tmp_path: Path) -> None:
    parts = [Part(f"## One\n\n{picture('a', 'all')}", {"a": "<svg/>"}), Part("## Two")]
    write_page(parts, Occasion("python bench/peers.py", "2026-01-02", "2 cores", 3, {"rsync": "3.5.0"}), tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert page.startswith("# ")
    for fact in ("`python bench/peers.py` wrote", "2026-01-02", "2 cores", "rsync 3.5.0", "median of 3 runs"):
        assert fact in page
    assert page.index("## One") < page.index("![all](benchmarks/a.svg)") < page.index("## Two")
    assert (tmp_path / "benchmarks/a.svg").read_text() == "<svg/>"


@pytest.mark.parametrize(
    "output", [json.dumps(SUMMARY), json.dumps(SUMMARY, indent=2), f'{{"event": "start"}}\n{json.dumps(SUMMARY)}\n']
)
def test_summary_is_one_document_or_the_last_line(output: str) -> None:
    assert read_summary(output) == SUMMARY


@pytest.mark.parametrize("output", ["", "done\n", "[1]"])
def test_output_without_a_summary_is_an_error(output: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting value|not a summary"):
        read_summary(output)
