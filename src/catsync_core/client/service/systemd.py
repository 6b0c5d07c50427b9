"""The systemd of a user, on Linux."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from catsync_core.client.service.files import Service, render_unit
from catsync_core.client.service.supervisor import Running
from catsync_core.client.service.tools import Done, read_plain, run_tool, write_plain
from catsync_core.store.failures import Attempt

__all__ = ["Systemd"]

UNIT = "catsync-agent.service"


class Systemd(msgspec.Struct, frozen=True):
    """A user's own systemd.

    Attributes:
        folder: Of its units.
        environment: Says how to reach it.
    """

    folder: Path
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """For people."""
        return "systemd"

    @property
    def place(self) -> str:
        """The unit's path."""
        return str(self.folder / UNIT)

    def render(self, service: Service) -> bytes:
        """Return the unit."""
        return render_unit(service)

    def read(self) -> bytes | None:
        """Return the unit that is there."""
        return read_plain(self.folder / UNIT)

    def is_same(self, found: bytes, wanted: bytes) -> bool:
        """Byte by byte."""
        return found == wanted

    def write(self, data: bytes) -> None:
        """Write the unit."""
        write_plain(self.folder / UNIT, data)

    def start(self, *, changed: bool) -> str:
        """Enable and start it."""
        return (
            self._call("daemon-reload").problem
            or self._call("enable", "--now", UNIT).problem
            or (self._call("restart", UNIT).problem if changed else "")
        )

    def stop(self) -> str:
        """Stop and disable it."""
        return self._call("disable", "--now", UNIT).problem

    def remove(self) -> None:
        """Remove the unit, and what enables it where systemd could not be reached to do so."""
        with Attempt("remove", self.place):
            (self.folder / UNIT).unlink(missing_ok=True)
            wanted = self.folder / "default.target.wants" / UNIT
            if wanted.is_symlink():
                wanted.unlink()
        self._call("daemon-reload")  # where it cannot be reached there is nothing to reload

    def look(self) -> Running:
        """Ask whether it is enabled and active."""
        enabled = self._call("is-enabled", UNIT)
        active = self._call("is-active", UNIT)
        return Running(
            enabled.output.startswith("enabled") if enabled.output else None,
            active.output in {"active", "activating", "reloading"} if active.output else None,
            "" if active.output else active.problem,
        )

    def commands(self, *, install: bool) -> tuple[str, ...]:
        """What to type."""
        if install:
            return ("systemctl --user daemon-reload", f"systemctl --user enable --now {UNIT}")
        return (f"systemctl --user stop {UNIT}", "systemctl --user daemon-reload")

    def _call(self, *words: str) -> Done:
        return run_tool(self.environment, "systemctl", "--user", *words)
