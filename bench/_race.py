"""Run tools side by side on one pair: the same trees, the same server, the same relay, in turns."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench._catsync import Catsync
from bench._measure import measure_all
from bench._servers import serve_files, serve_rsync
from bench._tools import Site, Tool
from bench._traffic import Traffic
from bench._trees import list_files, pack_tar, stage, tree_size
from bench._wire import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench._measure import Cost

__all__ = ["Outcome", "Sample", "race"]

_ZSTD = ["zstd", "-q", "-19", "--long=27", "-c"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one tool."""

    tool: str
    traffic: Traffic
    cost: Cost
    output: str
    """What the last command printed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was measured on one pair."""

    pair: str
    files: int
    size: int
    """Bytes of the new tree."""
    updates: tuple[Sample, ...]
    installs: tuple[Sample, ...]
    """First downloads of the new version, by catsync."""
    patch: int
    """Bytes of a zstd patch between the two tars: no tool transfers it, it shows what is possible."""
    solid: int
    """Bytes of the new tree's tar, compressed by zstd."""


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

    def take(self) -> Traffic:
        return self.http.take() + self.rsync.take()


def race(pair: str, trees: tuple[Path, Path], tools: Sequence[type[Tool]], runs: int, work: Path) -> Outcome:
    """Let each tool update a device from the old tree to the new one, several times.

    The tools take turns, in an order that is reversed every other time, so that none always comes first.

    Args:
        pair: The pair's name.
        trees: The old and the new tree.
        tools: The tools to compare.
        runs: How often each one runs.
        work: An empty directory for everything, on a real disk.

    Raises:
        FailedCommandError: When a command fails.
        DifferentTreeError: When a tool is done and the device has not the new version.
    """
    with _prepare(trees, work) as ground:
        entrants = [tool(ground.site(tool.name)) for tool in tools]
        for tool in entrants:
            tool.publish()
        ground.take()
        turns = [tool for turn in range(runs) for tool in (entrants if turn % 2 == 0 else entrants[::-1])]
        updates = tuple(_update(tool, ground) for tool in turns)
        first = [tool for tool in entrants if isinstance(tool, Catsync) and tool.via == "auto"]
        installs = tuple(_install(tool, ground) for tool in first * runs)
        patch, solid = _compress(ground)
        return Outcome(
            pair=pair,
            files=len(list_files(ground.new)),
            size=tree_size(ground.new),
            updates=updates,
            installs=installs,
            patch=patch,
            solid=solid,
        )


@contextlib.contextmanager
def _prepare(trees: tuple[Path, Path], work: Path) -> Iterator[_Ground]:
    web, state = work / "web", work / "state"
    web.mkdir()
    state.mkdir()
    old, new = stage(*trees, work)
    with contextlib.ExitStack() as stack:
        http = Relay(stack.enter_context(serve_files(web, state)), http=True)
        rsync = Relay(stack.enter_context(serve_rsync(new, state)), http=False)
        yield _Ground(old, new, work, stack.enter_context(http), stack.enter_context(rsync))


def _update(tool: Tool, ground: _Ground) -> Sample:
    tool.reset()
    sample = _sample(tool, tool.update(), ground)
    tool.verify()
    return sample


def _install(tool: Catsync, ground: _Ground) -> Sample:
    tool.clear()
    sample = _sample(tool, tool.install(), ground)
    tool.verify()
    return sample


def _sample(tool: Tool, commands: Sequence[Sequence[str]], ground: _Ground) -> Sample:
    os.sync()  # what the reset wrote is not this run's to flush
    cost, output = measure_all(commands, env=tool.env)
    return Sample(tool.name, ground.take(), cost, output)


def _compress(ground: _Ground) -> tuple[int, int]:
    old, new = ground.work / "old.tar", ground.work / "new.tar"
    pack_tar(ground.old, old)
    pack_tar(ground.new, new)
    return _length([*_ZSTD, f"--patch-from={old}", str(new)]), _length([*_ZSTD, str(new)])


def _length(command: Sequence[str]) -> int:
    return len(subprocess.run(command, check=True, capture_output=True).stdout)
