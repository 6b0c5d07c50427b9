"""Run tools side by side on one pair: the same trees, the same servers, the same relays and links, in turns."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bench._measure import measure_all, settle
from bench._servers import serve_files, serve_rsync
from bench._shape import LOOPBACK, Profile
from bench._tools import Site, Tool
from bench._traffic import Traffic
from bench._trees import changed_size, list_files, make_apart, stage, tree_size
from bench._wire import Relay
from bench._yardsticks import Yardsticks, measure_yardsticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench._measure import Cost

__all__ = ["RUNS_OF_SMALL", "SMALL", "Job", "Outcome", "Sample", "count_runs", "race"]

SMALL = 10_000_000
"""Bytes of a catalog of which a single time is too short to say much."""
RUNS_OF_SMALL = 5


class Job(StrEnum):
    """What is measured of a tool."""

    PUBLISH = "publish"
    UPDATE = "update"
    INSTALL = "first download"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Sample:
    """One job, done once by one tool."""

    tool: str
    job: Job
    link: str
    """The name of the link's profile."""
    traffic: Traffic
    cost: Cost
    output: str = ""
    """What the last command printed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was measured on one pair."""

    pair: str
    files: int
    size: int
    """Bytes of the new tree."""
    changed: int
    """Bytes of those files in it that the old one has not under the same path."""
    tools: tuple[type[Tool], ...]
    samples: tuple[Sample, ...]
    yardsticks: Yardsticks

    def select(self, job: Job, link: str = LOOPBACK.name) -> dict[str, list[Sample]]:
        """Return the samples of one job over one link by tool, in the tools' order, without tools that have none."""
        found: dict[str, list[Sample]] = {tool.name: [] for tool in self.tools}
        for sample in self.samples:
            if (sample.job, sample.link) == (job, link):
                found[sample.tool].append(sample)
        return {name: samples for name, samples in found.items() if samples}


@dataclass(frozen=True, slots=True)
class _Ground:
    old: Path
    new: Path
    work: Path
    http: Relay
    rsync: Relay

    def site(self, name: str) -> Site:
        web = self.work / "web" / name
        web.mkdir()
        return Site(
            old=self.old,
            new=self.new,
            web=web,
            url=f"http://127.0.0.1:{self.http.port}/{name}",
            rsync_url=f"rsync://127.0.0.1:{self.rsync.port}/tree/",
            device=self.work / "devices" / name,
        )

    def lay(self, profile: Profile) -> None:
        self.http.link = self.rsync.link = profile.lay()

    def take(self) -> Traffic:
        return self.http.take() + self.rsync.take()


def count_runs(runs: int, size: int) -> int:
    """Return how often to run on a catalog of ``size`` bytes, where ``runs`` was asked for."""
    return max(runs, RUNS_OF_SMALL) if size < SMALL else runs


def race(
    pair: str,
    trees: tuple[Path, Path],
    tools: Sequence[type[Tool]],
    runs: int,
    work: Path,
    *,
    profiles: Sequence[Profile] = (LOOPBACK,),
) -> Outcome:
    """Let each tool publish once, and then update a device, check, and download for the first time, over each link.

    The tools take turns, in an order that is reversed every other time, so that none always comes first. A check
    follows each update. Over a link with a rate a first download takes minutes, nearly all of them the link's own,
    and is run once.

    Args:
        pair: The pair's name.
        trees: The old and the new tree.
        tools: The tools to compare.
        runs: How often each one runs.
        work: An empty directory for everything, on a real disk.
        profiles: The links.

    Raises:
        FailedCommandError: When a command fails.
        DifferentTreeError: When a tool is done and the device has not the new version.
    """
    with _prepare(trees, work) as ground:
        entrants = [tool(ground.site(tool.name)) for tool in tools]
        samples = [_publish(tool, ground) for tool in entrants]
        for profile in profiles:
            print(f"  {profile.name}", file=sys.stderr, flush=True)
            ground.lay(profile)
            for tool in _turns(entrants, profile, runs):
                samples += _update(tool, ground, profile)
            for tool in _turns(entrants, profile, runs if profile is LOOPBACK else 1):
                samples.append(_install(tool, ground, profile))
        return Outcome(
            pair=pair,
            files=len(list_files(ground.new)),
            size=tree_size(ground.new),
            changed=changed_size(ground.old, ground.new),
            tools=tuple(tools),
            samples=tuple(samples),
            yardsticks=measure_yardsticks(*trees),
        )


@contextlib.contextmanager
def _prepare(trees: tuple[Path, Path], work: Path) -> Iterator[_Ground]:
    web, state = work / "web", work / "state"
    web.mkdir()
    state.mkdir()
    make_apart(work / "devices")
    old, new = stage(*trees, work)
    with contextlib.ExitStack() as stack:
        http = Relay(stack.enter_context(serve_files(web, state)), http=True)
        rsync = Relay(stack.enter_context(serve_rsync(new, state)), http=False)
        yield _Ground(old, new, work, stack.enter_context(http), stack.enter_context(rsync))


def _turns(entrants: Sequence[Tool], profile: Profile, runs: int) -> list[Tool]:
    ready = [tool for tool in entrants if profile is LOOPBACK or tool.crosses_links]
    return [tool for turn in range(runs) for tool in (ready if turn % 2 == 0 else ready[::-1])]


def _publish(tool: Tool, ground: _Ground) -> Sample:
    cost = tool.publish()
    ground.take()  # catsync's device gets the old version meanwhile
    return Sample(tool.name, Job.PUBLISH, LOOPBACK.name, Traffic(), cost)


def _update(tool: Tool, ground: _Ground, profile: Profile) -> list[Sample]:
    tool.reset()
    update = _sample(tool, Job.UPDATE, tool.update(), ground, profile)
    tool.verify()
    return [update, _sample(tool, Job.CHECK, tool.check(), ground, profile)]


def _install(tool: Tool, ground: _Ground, profile: Profile) -> Sample:
    tool.clear()
    sample = _sample(tool, Job.INSTALL, tool.install(), ground, profile)
    tool.verify()
    return sample


def _sample(tool: Tool, job: Job, commands: Sequence[Sequence[str]], ground: _Ground, profile: Profile) -> Sample:
    settle()
    cost, output = measure_all(commands, env=tool.env)
    return Sample(tool.name, job, profile.name, ground.take(), cost, output)
