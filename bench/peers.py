"""Compare catsync with rsync, zsync and casync on real catalogs, side by side in one run.

Prints tables, and writes them with notes on method to `docs/benchmarks.md` and a chart beside it.

    python bench/peers.py [--runs N] [--pairs A,B] [--tools A,B] [--no-write]
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench._catsync import CATSYNC, find_catsync
from bench._packages import ensure_programs, find_program
from bench._race import Outcome, race
from bench._report import Occasion, render_chart, render_page, render_tables
from bench._tools import PEERS, Tool
from bench.catalogs import PAIRS, Pair, fetch

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "benchmarks" / "wire-bytes.svg"

_T = TypeVar("_T")


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison."""
    options = _parse(arguments)
    ensure_programs()
    tools = _available(options.tools)
    occasion = _occasion(options.runs)
    print(occasion.machine, file=sys.stderr)
    outcomes = [_race(pair, tools, options.runs) for pair in options.pairs]
    print(render_tables(outcomes))
    if not options.no_write:
        CHART.parent.mkdir(parents=True, exist_ok=True)
        CHART.write_text(render_chart(outcomes))
        chart = CHART.relative_to(PAGE.parent).as_posix()
        PAGE.write_text(render_page(outcomes, occasion, chart))
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare delta tools on real catalogs.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs per tool and pair (default: 3)")
    parser.add_argument(
        "--pairs",
        type=lambda text: _choose(text, {pair.name: pair for pair in PAIRS}),
        default=list(PAIRS),
        metavar="A,B",
        help=f"of {', '.join(pair.name for pair in PAIRS)} (default: all)",
    )
    parser.add_argument(
        "--tools",
        type=lambda text: _choose(text, {tool.name: tool for tool in (*PEERS, *CATSYNC)}),
        default=[*PEERS, *CATSYNC],
        metavar="A,B",
        help=f"of {', '.join(tool.name for tool in (*PEERS, *CATSYNC))} (default: all)",
    )
    parser.add_argument("--no-write", action="store_true", help="print the tables and write no page")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def _choose(text: str, known: dict[str, _T]) -> list[_T]:
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"no such name: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def _available(tools: list[type[Tool]]) -> list[type[Tool]]:
    if find_catsync() is not None:
        return tools
    left = [tool for tool in tools if tool not in CATSYNC]
    if left != tools:
        print("catsync is not installed beside this Python: `make install` does that. Without it:", file=sys.stderr)
    if not left:
        raise SystemExit("nothing is left to compare")
    return left


def _race(pair: Pair, tools: list[type[Tool]], runs: int) -> Outcome:
    print(f"{pair.name}: {pair.old.version} -> {pair.new.version}", file=sys.stderr)
    trees = fetch(pair)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix="race-") as work:
        return race(pair.name, trees, tools, runs, Path(work))


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
