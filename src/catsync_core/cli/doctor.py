"""``catsync doctor``: whether everything that catsync needs is there, and what to do where it is not."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click
import msgspec

from catsync_core import __version__
from catsync_core.chunking import KernelError, kernel
from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.table import Cell
from catsync_core.cli.words import show_bytes, show_count
from catsync_core.client.client import Client
from catsync_core.client.home import home_folder
from catsync_core.errors import CatsyncError
from catsync_core.plugins import Plugins, load_plugins
from catsync_core.store.space import free_bytes

__all__ = ["Finding", "doctor_command", "examine"]

_LIBRARIES = ("click", "cronsim", "filelock", "msgspec", "pluggy", "rich", "watchdog", "xxhash", "zstandard")
_LITTLE_SPACE = 1_000_000_000  # bytes
_FICLONE = 0x40049409  # from linux/fs.h


class Finding(msgspec.Struct, frozen=True):
    """One thing that was examined.

    Attributes:
        check: What was examined.
        status: ``ok``; ``note`` where it could be better; ``problem`` where something will not work.
        detail: What was found.
        advice: What to do; empty when there is nothing to do.
    """

    check: str
    status: Literal["ok", "note", "problem"]
    detail: str
    advice: str = ""


_COLORS = {"ok": "green", "note": "yellow", "problem": "red"}


@click.command(cls=CatsyncCommand)
@json_option
@pass_screen
def doctor_command(screen: Screen) -> None:
    """Examine this installation and its connections.

    Example: catsync doctor

    Each repository is asked for news. The exit code is 1 when something will not work.
    """
    plugins = load_plugins()
    findings = list(examine(home_folder(), plugins))
    problems = sum(finding.status == "problem" for finding in findings)
    if screen.json:
        screen.document({"schema": 1, "version": __version__, "findings": findings})
    else:
        _show(screen, findings)
        screen.say(f"{show_count(problems, 'problem')} found." if problems else "Everything works.")
    if problems:
        raise click.exceptions.Exit(1)


def examine(home: Path, plugins: Plugins) -> Iterator[Finding]:
    """Examine one thing after the other.

    Args:
        home: Where catalogs and state lie.
        plugins: Those of this process.
    """
    yield Finding("catsync", "ok", __version__)
    yield Finding("Python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield _examine_kernel()
    yield from _examine_libraries()
    yield from _examine_home(home)
    yield from _examine_plugins(plugins)
    yield from _examine_repositories(home, plugins)


def _examine_kernel() -> Finding:
    try:
        name = kernel.name
    except KernelError as error:
        return Finding("Block matching", "problem", str(error), "Install catsync again")
    if name == "c":
        return Finding("Block matching", "ok", "in C")
    return Finding(
        "Block matching",
        "note",
        "in Python, which is slow",
        "Unless CATSYNC_KERNEL asks for it: install catsync again, with a C compiler at hand",
    )


def _examine_libraries() -> Iterator[Finding]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding("Libraries", "problem", f"{name} is missing", f"pip install {name}")
    yield Finding("Libraries", "ok", ", ".join(found))


def _examine_home(home: Path) -> Iterator[Finding]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=home) as scratch:
            links, reflinks = _can_link(Path(scratch)), _can_reflink(Path(scratch))
    except OSError as error:
        advice = "Give this user the folder, or set CATSYNC_HOME to one that can be written to"
        yield Finding("Folder", "problem", f"{home} cannot be written to: {error.strerror}", advice)
        return
    yield Finding("Folder", "ok", str(home))
    free = free_bytes(home)
    if free < _LITTLE_SPACE:
        yield Finding(
            "Free space", "note", show_bytes(free), "Large catalogs will not fit; `catsync online` frees space"
        )
    else:
        yield Finding("Free space", "ok", show_bytes(free))
    ways = [way for way, possible in (("hard links", links), ("shared blocks", reflinks)) if possible]
    if ways:
        yield Finding("Unchanged files", "ok", f"take no space twice ({' and '.join(ways)})")
    else:
        advice = "Set CATSYNC_HOME to a file system with hard links to save time and space"
        yield Finding("Unchanged files", "note", "are copied at each update", advice)


def _can_link(folder: Path) -> bool:
    (folder / "file").write_bytes(b"catsync")
    try:
        (folder / "link").hardlink_to(folder / "file")
    except OSError:
        return False
    return True


def _can_reflink(folder: Path) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl  # noqa: PLC0415  # not on every platform

    (folder / "source").write_bytes(b"catsync")
    with (folder / "source").open("rb") as source, (folder / "clone").open("wb") as clone:
        try:
            fcntl.ioctl(clone, _FICLONE, source.fileno())
        except OSError:
            return False
    return True


def _examine_plugins(plugins: Plugins) -> Iterator[Finding]:
    try:
        plugins.backends()
    except CatsyncError as error:
        yield Finding("Plugins", "problem", error.message, error.hint)
    for record in plugins.records:
        origin = f"{record.distribution} {record.version}"
        name = f"Plugin {record.name}"
        if record.status == "broken":
            advice = f"Mend or remove {record.distribution}, or set CATSYNC_DISABLE_PLUGINS={record.name}"
            yield Finding(name, "problem", f"of {origin}: {record.error}", advice)
        else:
            yield Finding(name, "ok", f"{record.status}, of {origin}")


def _examine_repositories(home: Path, plugins: Plugins) -> Iterator[Finding]:
    try:
        with Client(home, plugins=plugins) as client:
            checked = client.check()
    except CatsyncError as error:
        yield Finding("State", "problem", error.message, error.hint)
        return
    if not checked:
        yield Finding("Repositories", "note", "none was added", "`catsync add REPO` adds one")
    for found in checked:
        if found.error:
            yield Finding("Repository", "problem", f"{found.repository}: {found.error}", found.hint)
        else:
            yield Finding("Repository", "ok", f"{found.repository} answers")


def _show(screen: Screen, findings: list[Finding]) -> None:
    rows = []
    for finding in findings:
        rows.append(
            (finding.check, Cell(finding.detail, color=None if finding.status == "ok" else _COLORS[finding.status]))
        )
        if finding.advice:
            rows.append(("", Cell(f"-> {finding.advice}")))
    screen.pairs(rows)
