"""catsync as its users run it: through the command line, with a home directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench._measure import measure, run
from bench._tools import Site, Tool
from bench._trees import require_same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench._measure import Cost

__all__ = ["Catsync", "CatsyncBlocks", "CatsyncDefault", "CatsyncFast", "find_catsync", "read_summary"]

_CATALOG = "catalog"


def find_catsync() -> str | None:
    """Return the `catsync` beside this Python, or None while it is not installed."""
    return shutil.which("catsync", path=str(Path(sys.executable).parent))


def read_summary(output: str) -> Mapping[str, Any]:
    """Return the summary that a job printed with `--json`: one document, or the last of many lines.

    Raises:
        ValueError: When the output ends in no JSON object.
    """
    try:
        summary = json.loads(output)
    except json.JSONDecodeError:
        lines = output.strip().splitlines() or [""]
        summary = json.loads(lines[-1])
    if not isinstance(summary, dict):
        raise ValueError(f"not a summary: {summary!r}")  # noqa: TRY004 - the content is wrong, not a caller's type
    return summary


class Catsync(Tool):
    """catsync, taking whichever way it finds cheapest."""

    name = "catsync"
    colour = "#2f9e63"
    how = (
        "`catsync update` alone, which asks by itself what the newest version is; published with `--effort best`. It "
        "checks every file's SHA-256, keeps the old version for rollback, and is done only when everything is flushed "
        "to the disk"
    )
    how_to_install = "`catsync add` and `catsync offline`, two commands"
    how_to_check = "`catsync check`, one conditional request for all catalogs of a repository"
    via: ClassVar[str] = "auto"
    effort: ClassVar[str] = "best"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._home = site.device / "home"
        self._start = site.device / "start"
        # An installed program has its bytecode on the disk; a developer's setting must not keep it from there.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.env = environment | {"CATSYNC_HOME": str(self._home)}
        self._publisher = environment | {"CATSYNC_HOME": str(site.device / "publisher")}
        program = find_catsync()
        if program is None:
            raise FileNotFoundError("catsync is not installed beside this Python")
        self._program = program

    def publish(self) -> Cost:
        """Publish the old version, let the device keep it offline, publish the new version."""
        self.init()
        self.publish_version(self.site.old)
        self.put_aside(self._start)
        return self.publish_version(self.site.new)

    def init(self) -> None:
        """Make the repository."""
        self._empty_device()
        run([self._program, "init", str(self.site.web)], env=self._publisher)

    def publish_version(self, tree: Path) -> Cost:
        """Publish a tree as the next version, and return what that cost."""
        what = ["publish", str(tree), str(self.site.web), "--catalog", _CATALOG, "--effort", self.effort]
        cost, _ = measure([self._program, *what], env=self._publisher)
        return cost

    def clear(self) -> None:
        """Put the device's home away."""
        self._put_away(self._home)

    def install(self) -> Sequence[Sequence[str]]:
        """Return the commands that bring a new device to the repository's current version."""
        return [
            [self._program, "add", self.site.url],
            [self._program, "offline", _CATALOG, "--via", self.via, "--json"],
        ]

    def put_aside(self, home: Path) -> None:
        """Let a new device keep the current version offline, and put its home aside for `take_up`."""
        self.clear()
        for command in self.install():
            run(command, env=self.env)
        self._home.rename(home)

    def take_up(self, home: Path) -> None:
        """Make the device one that was put aside: copy its home, links among its files included."""
        self.clear()
        run(["cp", "-a", str(home), str(self._home)])

    def reset(self) -> None:
        """Take up the device that has the old version."""
        self.take_up(self._start)

    def update(self) -> Sequence[Sequence[str]]:
        """Update, which includes to ask for the newest version."""
        return [[self._program, "update", _CATALOG, "--via", self.via, "--json"]]

    def check(self) -> Sequence[Sequence[str]]:
        """Ask for news."""
        return [[self._program, "check"]]

    def verify(self) -> None:
        """Compare the tree that `catsync path` names."""
        found = run([self._program, "path", _CATALOG], env=self.env)
        require_same(self.site.new, Path(found.strip()))


class CatsyncBlocks(Catsync):
    """catsync with nothing but signatures and blocks."""

    name = "catsync-blocks"
    colour = "#86c79d"
    how = "the same with `--via blocks`: signatures and blocks only, as for a device that no patch fits"
    how_to_install = "the same with `--via blocks`: without the patch from nothing"
    how_to_check = "as for catsync"
    via = "blocks"


class CatsyncDefault(Catsync):
    """catsync as anyone publishes who says nothing about effort."""

    name = "catsync-default"
    how = "the same, published with `--effort default`"
    effort = "default"


class CatsyncFast(Catsync):
    """catsync for publishers in a hurry."""

    name = "catsync-fast"
    how = "the same, published with `--effort fast`"
    effort = "fast"
