from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from bench import peers
from bench._behind import Lag, Lags
from bench._catsync import Catsync
from bench._measure import Cost
from bench._race import Job, Outcome, Sample
from bench._traffic import Traffic
from bench._yardsticks import Yardsticks
from bench.catalogs import PAIRS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench._pins import Pair, Series
    from bench._shape import Profile
    from bench._tools import Tool

RACE = peers._race
SUMMARY = '{"bytes_received": 1, "requests": 3, "actions": {}}'


@pytest.fixture(autouse=True)
def races(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], int, list[str]]]:
    """Replaces every measurement, and lists what was to be measured."""
    asked: list[tuple[str, list[str], int, list[str]]] = []
    places: list[Path] = []

    def race(pair: Pair, tools: Sequence[type[Tool]], runs: int, work: Path, profiles: Sequence[Profile]) -> Outcome:
        places.append(work / pair.name)
        asked.append((pair.name, [tool.name for tool in tools], runs, [profile.name for profile in profiles]))
        samples = tuple(
            Sample(tool.name, job, profile.name, Traffic(1, 2, 3, 1, 1), Cost(1, 1, 1), SUMMARY)
            for profile in profiles
            for tool in tools
            for job in Job
        )
        yardsticks = Yardsticks(1, {"zstd patch": 1})
        return Outcome(pair.name, 1, 1, 1, tuple(tools), samples, yardsticks)

    def fall_behind(series: Series, work: Path) -> Lags:
        places.append(work / series.name)
        assert len(set(places)) == len(places)
        assert work.parent.is_dir()
        return Lags(series.name, "2", (Lag(1, "1", Traffic(1, 1), Traffic(1, 2)),), Traffic(1, 3))

    monkeypatch.setattr(peers, "ensure_programs", lambda: None)
    monkeypatch.setattr(peers, "find_catsync", lambda: "catsync")
    monkeypatch.setattr(peers, "_race", race)
    monkeypatch.setattr(peers, "_fall_behind", fall_behind)
    monkeypatch.setattr(peers, "_version", lambda _: "1")
    return asked


def test_one_run_measures_everything_and_writes_the_page_with_all_its_charts(
    tmp_path: Path, races: list[tuple[str, list[str], int, list[str]]]
) -> None:
    assert peers.main(["--into", str(tmp_path)]) == 0
    pairs = ["caniuse-lite", "airportsdata", "simple-icons", "botocore", "pyproj", "openmoji"]
    tools = ["rsync", "rsync-19", "zsync", "casync", "casync-8k", "catsync", "catsync-blocks"]
    efforts = ["catsync-fast", "catsync-default", "catsync"]
    assert races == [
        *((pair, tools, 3, ["loopback", "fast", "slow"]) for pair in reversed(pairs)),
        *((pair, efforts, 1, ["loopback"]) for pair in pairs),
    ]
    page = (tmp_path / "benchmarks.md").read_text()
    table = page.partition("## Bytes on the wire\n")[2].partition("\n## ")[0]
    assert [pair for pair in re.findall(r"\n\| ([a-z-]+) ", table) if pair in pairs] == pairs
    titles = [
        "Bytes on the wire",
        "Bodies of an update",
        "First download",
        "Over a network",
        "Publishing effort",
        "Several versions behind: caniuse-lite to 2",
        "How it was measured",
    ]
    places = [page.index(f"## {title}\n") for title in titles]
    assert places == sorted(places)
    shown = set(re.findall(r"\]\((benchmarks/[a-z-]+\.svg)\)", page))
    assert shown == {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "benchmarks").iterdir()}
    assert len(shown) == 7


@pytest.mark.parametrize(
    ("size", "runs", "expected"), [(9_999_999, 1, 5), (9_999_999, 7, 7), (10_000_000, 1, 1), (10_000_000, 7, 7)]
)
def test_small_catalogs_run_more_often(
    size: int, runs: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(peers, "fetch", lambda _: (tmp_path, tmp_path))
    monkeypatch.setattr(peers, "tree_size", lambda _: size)
    monkeypatch.setattr(peers, "race", lambda *arguments, **_: asked.append(arguments[3]))
    RACE(PAIRS[0], [], runs, tmp_path, [])
    assert asked == [expected]


def test_parts_pairs_and_tools_can_be_chosen(
    capsys: pytest.CaptureFixture[str], races: list[tuple[str, list[str], int, list[str]]]
) -> None:
    chosen = ["--parts", "links", "--pairs", "openmoji", "--tools", "catsync,zsync-1k", "--runs", "2", "--no-write"]
    assert peers.main(chosen) == 0
    assert races == [("openmoji", ["catsync", "zsync-1k"], 2, ["fast", "slow"])]
    printed = capsys.readouterr().out
    assert "## Update over the slow link" in printed
    assert "## Bytes on the wire" not in printed
    assert f"- **{Catsync.name}**: " in printed


@pytest.mark.parametrize(
    "arguments", [["--runs", "0"], ["--pairs", "nothing"], ["--parts", "loopback,all"], ["--tools", ""]]
)
def test_what_does_not_exist_cannot_be_chosen(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        peers.main(arguments)


def test_without_catsync_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_catsync", lambda: None)
    with pytest.raises(SystemExit, match="make install"):
        peers.main(["--no-write"])
