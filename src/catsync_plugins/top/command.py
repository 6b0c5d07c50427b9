"""What ``catsync top`` does: show, read keys, and command the device."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace
from rich.console import Console
from rich.live import Live

from catsync_core import CatsyncError, Client
from catsync_core.errors import UsageError
from catsync_core.plugins import load_plugins
from catsync_core.quantities import show_count
from catsync_plugins.top.keys import View, press
from catsync_plugins.top.table import draw
from catsync_plugins.web.engine import EngineDevice
from catsync_plugins.web.feed import Feed
from catsync_plugins.web.rows import DeviceLine
from catsync_plugins.web.worker import Worker

__all__ = ["run_top"]

_EVERY = 0.25  # seconds between pictures
_ARROWS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down", b"k": "up", b"j": "down"}


def run_top() -> None:
    """Show until the user ends it.

    Raises:
        UsageError: (local) there is no terminal with keys.
        ConfigError: (local) the configuration makes no sense.
    """
    if os.name == "nt" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "`catsync top` needs a terminal",
            hint="`catsync list` and `catsync jobs` show the same once, also with --json",
        )
    plugins = load_plugins()
    with Client(plugins=plugins) as client:
        home = client.home
    device = EngineDevice(home, plugins)
    with Worker(home, plugins, device.listen) as worker:
        feed = Feed(device)
        try:
            _show(device, feed, worker)
        except KeyboardInterrupt:
            return  # the same as q
        finally:
            feed.close()
            device.close()


def _show(device: EngineDevice, feed: Feed, worker: Worker) -> None:
    console = Console()
    view = View()
    line = feed.since(0).device or DeviceLine("")
    serial, server = 0, ""
    found: list[str] = []
    with _reading_keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while not view.ended:
            worker.raise_failure()
            if found:
                view = replace(view, message=found.pop())
            news = feed.since(serial, server)
            serial, server, line = news.serial, news.server, news.device or line
            live.update(draw(feed.rows(), line, view, height=console.height, now=time.time()), refresh=True)
            for key in keys():
                view = press(view, key, feed.rows())
                if view.check:
                    threading.Thread(target=_check, args=[device, found], name="catsync-check", daemon=True).start()
                elif view.command is not None:
                    try:
                        device.obey(view.command)
                        feed.look_now()
                    except CatsyncError as error:
                        view = replace(view, message=str(error))
                if view.ended:
                    break


def _check(device: EngineDevice, found: list[str]) -> None:
    """Ask all repositories for updates, and say in one line what came of it."""
    checked = device.check(())
    updates = sum(len(each.updates) for each in checked)
    errors = [each.error for each in checked if each.error]
    found.append(
        errors[0] if errors else f"{show_count(updates, 'update')} found" if updates else "Everything is up to date"
    )


@contextmanager
def _reading_keys() -> Iterator[Callable[[], list[str]]]:
    """Let keys come one by one and unseen; gives a function that waits a moment and returns those that came."""
    import termios  # noqa: PLC0415 - there is none on Windows
    import tty  # noqa: PLC0415 - likewise

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSADRAIN)  # what was typed already counts

    def read() -> list[str]:
        if not select.select([descriptor], [], [], _EVERY)[0]:
            return []
        data = os.read(descriptor, 64)
        if not data:
            return ["q"]  # the terminal has gone
        if data in _ARROWS:
            return [_ARROWS[data]]
        return [_ARROWS.get(bytes([byte]), chr(byte)) for byte in data if byte < 128]

    try:
        yield read
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
