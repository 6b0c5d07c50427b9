"""The command line under test: in this process for speed, as a process of its own where signals and streams matter."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from catsync_core.cli.main import cli

__all__ = ["CommandLine", "ProcessLine", "read_lines"]


@dataclass
class CommandLine:
    """Runs ``catsync`` on a device of its own."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: object, code: int = 0, typed: str | None = None) -> Result:
        """Run a command to its end and expect its exit code."""
        words = [str(argument) for argument in arguments]
        environment = {"CATSYNC_HOME": str(self.home), **self.env}
        result = CliRunner().invoke(cli, words, input=typed, env=environment, prog_name="catsync")
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    def document(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run a command with ``--json`` and return its one document."""
        document: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code).stdout)
        return document

    def lines(self, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
        """Run a job with ``--json`` and return its lines."""
        return read_lines(self.run(*arguments, "--json", code=code).stdout)

    def error(self, *arguments: object, code: int) -> dict[str, Any]:
        """Run a command with ``--json`` that fails, and return the error."""
        return read_lines(self.run(*arguments, "--json", code=code).stderr)[-1]

    def start(self, *arguments: object, stream: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Start a command as a process, with its streams as pipes or all on one terminal."""
        return subprocess.Popen(
            self._command(arguments), env=self._environment(), stdin=stream, stdout=stream, stderr=stream
        )

    def interact(self, *arguments: object, typed: bytes = b"") -> tuple[int, str]:
        """Run a command on a terminal of its own; return its exit code and everything that it showed."""
        screen, terminal = pty.openpty()
        with self.start(*arguments, stream=terminal) as process:
            os.close(terminal)
            os.write(screen, typed)
            shown = b"".join(_read_all(screen))
        os.close(screen)
        return process.returncode, shown.decode()

    def _command(self, arguments: Iterable[object]) -> list[str]:
        return [sys.executable, "-m", "catsync_core.cli.main", *(str(argument) for argument in arguments)]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"CATSYNC_HOME": str(self.home)} | self.env


@dataclass
class ProcessLine(CommandLine):
    """Runs each command as a process of its own, by another program that sets the scene where one is named."""

    launcher: tuple[str, ...] = ()

    def run(self, *arguments: object, code: int = 0, typed: str | None = None) -> Result:
        """Run a command to its end and expect its exit code."""
        done = subprocess.run(
            self._command(arguments),
            env=self._environment(),
            input=(typed or "").encode(),
            capture_output=True,
            check=False,
        )
        shown = [stream.decode(errors="replace") for stream in (done.stdout, done.stderr)]
        assert done.returncode == code, "\n".join([f"{arguments}: {done.returncode}", *shown])
        return Result(CliRunner(), done.stdout, done.stderr, done.stdout, None, done.returncode, None)

    def _command(self, arguments: Iterable[object]) -> list[str]:
        return [*self.launcher, *super()._command(arguments)]


def read_lines(text: str) -> list[dict[str, Any]]:
    """Return what stands in lines of JSON."""
    return [json.loads(line) for line in text.splitlines()]


def _read_all(descriptor: int) -> Iterator[bytes]:
    with suppress(OSError):  # the way in which Linux says that the other end is closed
        while piece := os.read(descriptor, 4096):
            yield piece
