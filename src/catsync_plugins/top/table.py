"""The table: rows as a terminal shows them, a part of them where there are more than lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from catsync_core.quantities import show_bytes
from catsync_plugins.top.keys import HELP, View
from catsync_plugins.web.files import read_static
from catsync_plugins.web.rows import DeviceLine, Row

__all__ = ["draw"]

_COLOURS = {
    "offline": "green",
    "update_available": "cyan",
    "downloading": "cyan",
    "updating": "cyan",
    "repairing": "cyan",
    "verifying": "cyan",
    "stale": "yellow",
    "expired": "yellow",
    "incomplete": "yellow",
    "gone": "yellow",
    "failed": "red",
    "update_failed": "red",
    "damaged": "red",
    "untrusted": "red",
}
_AROUND = 5  # lines that are no rows: title, head, message, keys, and one to spare
_BAR = 10  # characters


def draw(rows: Sequence[Row], line: DeviceLine, view: View, *, height: int, now: float) -> RenderableType:
    """Return what to show.

    Args:
        rows: In their order.
        line: About the device.
        view: What is chosen and said.
        height: Lines of the terminal.
        now: Seconds since 1970.
    """
    place = next((place for place, row in enumerate(rows) if row.id == view.chosen), 0)
    lines = max(height - _AROUND, 1)
    first = min(max(place - lines // 2, 0), max(len(rows) - lines, 0))
    table = Table(box=None, expand=True, pad_edge=False)
    table.add_column("", width=1)
    table.add_column("Catalog", ratio=2, no_wrap=True)
    table.add_column("State", ratio=3, no_wrap=True)
    table.add_column("Progress", width=_BAR + 5)
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("Auto", no_wrap=True)
    for number, row in enumerate(rows[first : first + lines], first):
        chosen = number == place
        table.add_row(
            ">" if chosen else "",
            Text(_plain(row.title), style="bold" if chosen else ""),
            Text(_status(row, now), style=_COLOURS.get(row.label, "")),
            _progress(row),
            show_bytes(row.installed_bytes or row.bytes),
            "on" if row.auto_sync else "off",
        )
    connection = "No connection" if line.unreachable else "Connected"
    title = f"catsync {line.version}   {connection}   {show_bytes(line.used)} used, {show_bytes(line.free)} free"
    body = table if rows else Text("No catalogs yet: `catsync add REPO` adds a repository")
    return Group(Text(title, style="bold"), body, Text(_plain(view.message), style="yellow"), Text(HELP, style="dim"))


def _progress(row: Row) -> str:
    job = row.job
    if job is None or not job.total:
        return ""
    share = min(job.done / job.total, 1.0)
    return f"{'#' * int(share * _BAR):-<{_BAR}} {share:4.0%}"


def _status(row: Row, now: float) -> str:
    """Return the state in the words of the sync screen."""
    texts, job = _texts(), row.job
    if row.label == "waiting" and job is not None:
        key = f"waiting.{job.gate}"
        if job.gate == "queue":
            return _fill(texts["waiting.queue"], n=job.position)
        if job.gate in {"retry", "window"}:
            return job.reason or _fill(texts["waiting.other"])
        return _fill(texts.get(key, texts["waiting.other"]))
    if row.label == "offline" and not row.checked_at:
        return _fill(texts["status.offline-unchecked"])
    if row.label == "expired":
        return "Expired"
    days = int((now - row.checked_at) // 86400)
    return _fill(texts[f"status.{row.label}"], n=days, version=row.installed_version)


def _fill(text: str | dict[str, str], **values: object) -> str:
    if isinstance(text, dict):
        text = text["one" if values.get("n") == 1 else "other"]
    return text.format(**values)


def _plain(text: str) -> str:
    """Return a title or message without what would command a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


@cache
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = json.loads(read_static()["en.json"])
    return texts
