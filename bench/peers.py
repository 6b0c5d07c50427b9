"""Compare catsync with rsync, zsync and casync on real catalogs, side by side in one run.

Prints tables, and writes them with notes on method to `docs/benchmarks.md` and charts beside it. The parts are the
comparison on loopback, the same over links with a rate and a round trip, what a publisher's effort buys, and what it
costs to be several versions behind. Some of them, some pairs or some tools alone are for work on this benchmark.

    python bench/peers.py [--runs N] [--parts A,B] [--pairs A,B] [--tools A,B] [--into DIR | --no-write]
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench._behind import Lags, measure_lags, present_lags
from bench._casync import Casync, CasyncSmall
from bench._catsync import Catsync, CatsyncBlocks, find_catsync
from bench._comparison import compare
from bench._effort import EFFORTS, present_efforts
from bench._goals import compare_with_possible
from bench._links import compare_links
from bench._method import explain
from bench._packages import ensure_programs, find_program
from bench._page import Occasion, Part, write_page
from bench._race import Outcome, count_runs, race
from bench._rsync import Rsync, RsyncStrong
from bench._shape import FAST, LOOPBACK, SLOW, Profile
from bench._tools import Tool
from bench._trees import tree_size
from bench._variants import VARIANTS
from bench._zsync import Zsync
from bench.catalogs import PAIRS, SERIES, Pair, Series, fetch, fetch_series

ROOT = Path(__file__).resolve().parents[1]
TOOLS: tuple[type[Tool], ...] = (Rsync, RsyncStrong, Zsync, Casync, CasyncSmall, Catsync, CatsyncBlocks)
LINKS = (FAST, SLOW)
PARTS = ("loopback", "links", "effort", "behind")

_T = TypeVar("_T")


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison."""
    options = _parse(arguments)
    ensure_programs()
    if find_catsync() is None:
        raise SystemExit("catsync is not installed beside this Python: `make install` does that")
    occasion = _occasion(options.runs)
    print(occasion.machine, file=sys.stderr)
    parts = []
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    # Nothing is deleted before the end: see `put_away`.
    with tempfile.TemporaryDirectory(dir=cache, prefix="peers-") as work:
        for part in _measure(options, Path(work)):
            print(part.text, end="\n\n", flush=True)
            parts.append(part)
    if not options.no_write:
        write_page(parts, occasion, options.into)
    return 0


def _measure(options: argparse.Namespace, work: Path) -> Iterator[Part]:
    profiles = [*[LOOPBACK] * ("loopback" in options.parts), *LINKS * ("links" in options.parts)]
    outcomes = _race_all(options, work / "race", profiles) if profiles else []
    if "loopback" in options.parts:
        yield compare(outcomes)
        yield compare_with_possible(outcomes)
    if "links" in options.parts:
        yield compare_links(outcomes, LINKS)
    if "effort" in options.parts:
        yield present_efforts([_race(pair, EFFORTS, 1, work / "effort", [LOOPBACK]) for pair in options.pairs])
    if "behind" in options.parts:
        yield present_lags([_fall_behind(series, work / "behind") for series in SERIES])
    if outcomes:
        yield explain(outcomes)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare delta tools on real catalogs.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs per tool and pair (default: 3)")
    for name, known, default in (
        ("parts", {part: part for part in PARTS}, PARTS),
        ("pairs", {pair.name: pair for pair in PAIRS}, PAIRS),
        ("tools", {tool.name: tool for tool in (*TOOLS, *VARIANTS)}, TOOLS),
    ):
        parser.add_argument(
            f"--{name}",
            type=functools.partial(_choose, known),
            default=default,
            metavar="A,B",
            help=f"of {', '.join(known)} (default: the first {len(default)})",
        )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--into", type=Path, default=ROOT / "docs", metavar="DIR", help="where the page goes")
    where.add_argument("--no-write", action="store_true", help="print the tables and write no page")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def _choose(known: Mapping[str, _T], text: str) -> list[_T]:
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"no such name: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def _race_all(options: argparse.Namespace, work: Path, profiles: Sequence[Profile]) -> list[Outcome]:
    """Race on the last of them first, which are the largest: meanwhile what was deleted before the run is forgotten."""
    return [_race(pair, options.tools, options.runs, work, profiles) for pair in reversed(options.pairs)][::-1]


def _race(pair: Pair, tools: Sequence[type[Tool]], runs: int, work: Path, profiles: Sequence[Profile]) -> Outcome:
    print(f"{pair.name}: {pair.old.version} -> {pair.new.version}", file=sys.stderr)
    trees = fetch(pair)
    return race(
        pair.name, trees, tools, count_runs(runs, tree_size(trees[1])), _make_room(work / pair.name), profiles=profiles
    )


def _fall_behind(series: Series, work: Path) -> Lags:
    print(f"{series.name}: {len(series.versions)} versions", file=sys.stderr)
    trees = [(tree.name, tree) for tree in fetch_series(series)]
    return measure_lags(series.name, trees, _make_room(work / series.name))


def _make_room(work: Path) -> Path:
    work.mkdir(parents=True)
    return work


def _occasion(runs: int) -> Occasion:
    cores = os.cpu_count()
    return Occasion(
        command=" ".join(["python", "bench/peers.py", *sys.argv[1:]]),
        date=dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=f"{cores} cores, {_cpu_model()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load average at the start {os.getloadavg()[0]:.1f}",
        runs=runs,
        versions={
            "rsync": _version(["rsync", "--version"]),
            "zsync": _version(["zsync", "-V"]),
            "casync": _version(["casync", "--version"]),
            "zstd": _version(["zstd", "--version"]),
            "xdelta3": _version(["xdelta3", "-V"]),
            "nginx": _version([find_program("nginx") or "nginx", "-v"]),
        },
    )


def _version(command: list[str]) -> str:
    """Return the first number with dots, or else the first number, that a program says of its version."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    said = done.stdout + done.stderr
    found = re.search(r"\d+(\.\d+)+", said) or re.search(r"\d+", said)
    return found[0] if found else "of unknown version"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
