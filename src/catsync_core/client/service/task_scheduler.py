"""The task scheduler of Windows, which keeps the task itself."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from catsync_core.client.service.files import Service, read_task_action, render_task
from catsync_core.client.service.supervisor import Running
from catsync_core.client.service.tools import MISSING, Done, run_tool
from catsync_core.errors import LocalError
from catsync_core.store.failures import Attempt

__all__ = ["TaskScheduler"]

TASK = r"\catsync\agent"


class TaskScheduler(msgspec.Struct, frozen=True):
    r"""The task scheduler of Windows, which keeps the task itself.

    Attributes:
        user: As ``DOMAIN\name``.
        environment: Says where programs are.
    """

    user: str
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """For people."""
        return "the task scheduler"

    @property
    def place(self) -> str:
        """The task's name."""
        return TASK

    def render(self, service: Service) -> bytes:
        """Return the task."""
        return render_task(service, self.user)

    def read(self) -> bytes | None:
        """Return the task as the scheduler tells it."""
        done = self._call("/Query", "/TN", TASK, "/XML")
        return done.data if done.code == 0 else None

    def is_same(self, found: bytes, wanted: bytes) -> bool:
        """By what it runs."""
        try:
            return read_task_action(found) == read_task_action(wanted)
        except ValueError:
            return False

    def write(self, data: bytes) -> None:
        """Hand the task to the scheduler."""
        with Attempt("make", "a folder for the task"), tempfile.TemporaryDirectory(prefix="catsync-") as folder:
            file = Path(folder) / "agent.xml"
            file.write_bytes(data)
            problem = self._call("/Create", "/TN", TASK, "/XML", str(file), "/F").problem
        if problem:
            raise LocalError(f"The task scheduler refused the task {TASK}: {problem}")

    def start(self, *, changed: bool) -> str:
        """Run it now; with every session it starts by itself."""
        if changed:
            self._call("/End", "/TN", TASK)  # fails where it does not run, as the first time
        return self._call("/Run", "/TN", TASK).problem

    def stop(self) -> str:
        """End it."""
        return self._call("/End", "/TN", TASK).problem

    def remove(self) -> None:
        """Have the scheduler forget it."""
        problem = self._call("/Delete", "/TN", TASK, "/F").problem
        if problem:
            raise LocalError(f"The task scheduler did not remove the task {TASK}: {problem}")

    def look(self) -> Running:
        """Ask for its state; the words are in the system's language, and only numbers are not."""
        done = self._call("/Query", "/TN", TASK)
        return Running(done.code == 0 if done.code != MISSING else None, None, done.problem)

    def commands(self, *, install: bool) -> tuple[str, ...]:
        """What to type."""
        return (f"schtasks {'/Run' if install else '/End'} /TN {TASK}",)

    def _call(self, *words: str) -> Done:
        return run_tool(self.environment, "schtasks", *words)
