"""Time and memory on a large catalog: 464 MB of JSON, from nginx over loopback, beside rsync in the same run."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest
from bench._catsync import Catsync
from bench._measure import Cost, measure_all, run, settle
from bench._ready import require_ready
from bench._servers import serve_files, serve_rsync
from bench._tools import Site
from bench._trees import require_same, stage
from bench.catalogs import LARGE, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_benchmark.fixture import BenchmarkFixture

MEMORY_LIMIT = 256 << 20
ROUNDS = 16  # an even number, so that both are first equally often


class LargeCatsync(Catsync):
    """catsync as anyone publishes who says nothing about effort."""

    effort = "default"

    def clear(self) -> None:
        """Delete the device's home, as the mirror is: half a gigabyte for each run must not pile up."""
        if self._home.exists():
            run(["chmod", "-R", "u+w", str(self._home)])
            shutil.rmtree(self._home)


@pytest.fixture(scope="module")
def catsync() -> Iterator[LargeCatsync]:
    """A repository with both versions, and a device that has the old one."""
    require_ready()
    trees = fetch(LARGE)
    cache = trees[0].parents[1]
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix="large-") as name, ExitStack() as stack:
        work = Path(name)
        web, state = work / "web", work / "state"
        web.mkdir()
        state.mkdir()
        old, new = stage(*trees, work)
        # No relay here: copying half a gigabyte through it would be measured too.
        http, rsync = stack.enter_context(serve_files(web, state)), stack.enter_context(serve_rsync(new, state))
        site = Site(
            old=old,
            new=new,
            web=web,
            url=f"http://127.0.0.1:{http}",
            rsync_url=f"rsync://127.0.0.1:{rsync}/tree/",
            device=work / "device",
        )
        tool = LargeCatsync(site)
        tool.publish()
        yield tool


def test_install(benchmark: BenchmarkFixture, catsync: LargeCatsync) -> None:
    """The first download, against `rsync -a --fsync` of the same tree: both leave it flushed to the disk."""
    copy = catsync.site.device.parent / "rsync"
    mirror = ["rsync", "-a", "--fsync", catsync.site.rsync_url, f"{copy}/"]

    add, offline = catsync.install()
    peer: list[float] = []

    # Who writes second finds the disk still busy with the first, so each is first in every other round.
    before_or_after = itertools.cycle([True, False, False, True])

    def race() -> None:
        if next(before_or_after):
            shutil.rmtree(copy, ignore_errors=True)
            settle()
            peer.append(measure_all([mirror])[0].wall)
            require_same(catsync.site.new, copy)

    def prepare() -> None:
        race()
        catsync.clear()
        # rsync was told its source once and for all, too: to know the repository is not part of an install.
        measure_all([add], env=catsync.env)

    costs = _repeat(benchmark, catsync, [offline], before=prepare, after=race)
    _note(benchmark, costs)
    benchmark.extra_info["rsync -a --fsync, seconds"] = round(median(peer), 3)
    benchmark.extra_info["install / rsync"] = round(median(cost.wall for cost in costs) / median(peer), 3)


def test_update(benchmark: BenchmarkFixture, catsync: LargeCatsync) -> None:
    """Update from the version before."""
    _note(benchmark, _repeat(benchmark, catsync, catsync.update(), before=catsync.reset))


def _repeat(
    benchmark: BenchmarkFixture,
    catsync: LargeCatsync,
    commands: Sequence[Sequence[str]],
    *,
    before: Callable[[], None],
    after: Callable[[], None] = lambda: None,
) -> list[Cost]:
    costs: list[Cost] = []

    def setup() -> None:
        before()
        settle()

    def work() -> None:
        costs.append(measure_all(commands, env=catsync.env)[0])

    benchmark.pedantic(work, setup=setup, teardown=after, rounds=ROUNDS)  # type: ignore[no-untyped-call] # the plugin's own lack
    catsync.verify()
    return costs


def _note(benchmark: BenchmarkFixture, costs: Sequence[Cost]) -> None:
    peak = max(cost.memory for cost in costs)
    benchmark.extra_info["peak memory, MiB"] = round(peak / (1 << 20), 1)
    benchmark.extra_info["CPU, seconds"] = round(median(cost.cpu for cost in costs), 3)
    assert peak < MEMORY_LIMIT
