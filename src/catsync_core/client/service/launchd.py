"""The launchd of a user's session, on macOS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from catsync_core.client.service.files import LABEL, Service, render_plist
from catsync_core.client.service.supervisor import Running
from catsync_core.client.service.tools import MISSING, Done, read_plain, run_tool, write_plain
from catsync_core.store.failures import Attempt

__all__ = ["Launchd"]


class Launchd(msgspec.Struct, frozen=True):
    """The launchd of a user's session.

    Attributes:
        library: The user's folder ``Library``.
        uid: The user's number.
        environment: Says where programs are.
    """

    library: Path
    uid: int
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """For people."""
        return "launchd"

    @property
    def place(self) -> str:
        """The property list's path."""
        return str(self._path)

    def render(self, service: Service) -> bytes:
        """Return the property list."""
        return render_plist(service, str(self.library / "Logs" / "catsync-agent.log"))

    def read(self) -> bytes | None:
        """Return the list that is there."""
        return read_plain(self._path)

    def is_same(self, found: bytes, wanted: bytes) -> bool:
        """Byte by byte."""
        return found == wanted

    def write(self, data: bytes) -> None:
        """Write the list."""
        write_plain(self._path, data)

    def start(self, *, changed: bool) -> str:
        """Load it; it starts by itself."""
        if changed:
            self._call("bootout", self._target)  # fails where nothing was loaded, as the first time
        elif self._call("print", self._target).code == 0:
            return ""
        return self._call("enable", self._target).problem or self._call("bootstrap", self._domain, self.place).problem

    def stop(self) -> str:
        """Unload it, where it was loaded."""
        if self._call("print", self._target).code not in {0, MISSING}:
            return ""
        return self._call("bootout", self._target).problem

    def remove(self) -> None:
        """Remove the list."""
        with Attempt("remove", self.place):
            self._path.unlink(missing_ok=True)

    def look(self) -> Running:
        """Ask whether it is loaded and runs."""
        printed = self._call("print", self._target)
        if printed.code == MISSING:
            return Running(None, None, printed.problem)
        return Running(printed.code == 0, "state = running" in printed.output)

    def commands(self, *, install: bool) -> tuple[str, ...]:
        """What to type."""
        if install:
            return (f"launchctl bootstrap {self._domain} '{self.place}'",)
        return (f"launchctl bootout {self._target}",)

    @property
    def _path(self) -> Path:
        return self.library / "LaunchAgents" / f"{LABEL}.plist"

    @property
    def _domain(self) -> str:
        return f"gui/{self.uid}"

    @property
    def _target(self) -> str:
        return f"{self._domain}/{LABEL}"

    def _call(self, *words: str) -> Done:
        return run_tool(self.environment, "launchctl", *words)
