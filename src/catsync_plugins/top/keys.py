"""What the keys do: from a key and what is shown to what is shown next and what is to be done. Pure functions."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from catsync_plugins.web.device import Command, Name
from catsync_plugins.web.rows import Row

__all__ = ["HELP", "View", "press"]

HELP = (
    "↑ ↓ choose   o offline/online   u update   p pause/resume   a auto-sync   v verify   r repair   c check   q quit"
)
_BUSY = ("downloading", "updating", "repairing", "waiting")
_RESTING = ("paused", "failed", "update_failed", "incomplete")
_PLAIN: dict[str, Name] = {"u": "update", "v": "verify", "r": "repair"}


class View(msgspec.Struct, frozen=True):
    """What is shown besides the rows.

    Attributes:
        chosen: Id of the row that keys are about; empty for the first one.
        message: One line; empty for none.
        asking: The command that waits for a yes.
        command: What is to be done now.
        check: Whether repositories are to be asked for updates now.
        ended: Whether it is over.
    """

    chosen: str = ""
    message: str = ""
    asking: Command | None = None
    command: Command | None = None
    check: bool = False
    ended: bool = False


def press(view: View, key: str, rows: list[Row]) -> View:
    """Return what follows from a key.

    Args:
        view: What is shown.
        key: A character, ``up`` or ``down``.
        rows: In their order.
    """
    asking, view = view.asking, replace(view, message="", asking=None, command=None, check=False)
    if asking is not None:
        return replace(view, command=asking) if key == "y" else replace(view, message="Nothing was changed")
    if key == "q":
        return replace(view, ended=True)
    if key == "c":
        return replace(view, check=True, message="Checking for updates ...")
    place = next((place for place, row in enumerate(rows) if row.id == view.chosen), 0)
    if key in {"up", "down"} and rows:
        place = min(max(place + (1 if key == "down" else -1), 0), len(rows) - 1)
        return replace(view, chosen=rows[place].id)
    return _command(view, key, rows[place]) if rows else view


def _command(view: View, key: str, row: Row) -> View:
    def command(name: Name, *, consent: bool = False, on: bool = False) -> View:
        return replace(view, chosen=row.id, command=Command(name, row.id, row.revision, consent=consent, on=on))

    if key == "o" and row.mode != "offline":
        return command("offline")
    if key == "o" and row.installed_version is None:
        return command("cancel")
    if key == "o":
        question = f"Delete the copy of {row.title} on this device, and read it online again? (y/n)"
        return replace(view, asking=Command("online", row.id, row.revision), message=question)
    if key == "p" and row.label in (*_BUSY, *_RESTING):
        consent = row.job is not None and row.job.gate not in {"", "user_pause", "queue"}
        return command("resume", consent=consent) if row.label in _RESTING or consent else command("pause")
    if key == "a":
        return command("auto-sync", on=not row.auto_sync)
    return command(_PLAIN[key]) if key in _PLAIN else view
