"""What a command costs the machine that runs it: wall time, CPU time, peak memory."""

from __future__ import annotations

import mmap
import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Cost", "FailedCommandError", "measure", "measure_all", "run", "settle"]

# A process started by this one would inherit this one's peak memory as its own floor (Linux keeps the mark across
# exec), so a small program starts it and reads the mark.
_GNU_TIME = "/usr/bin/time"
_MEMORY = 1 << 30  # bytes: more than any job here takes, for itself and in the page cache
_ZEROS = bytes(1 << 20)


class FailedCommandError(RuntimeError):
    """A command that must succeed did not."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one or more commands, one after the other."""

    wall: float = 0.0
    """Seconds."""
    cpu: float = 0.0
    """User and system seconds of the whole process tree."""
    memory: int = 0
    """Peak resident bytes of the largest process in the tree."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory))


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command to its end and return its standard output.

    Raises:
        FailedCommandError: When it exits with anything but 0; the message holds what it said.
    """
    done = subprocess.run(
        command, env=env, cwd=cwd, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise FailedCommandError(f"{' '.join(command)} exited with {done.returncode}:\n{said}")
    return done.stdout


def measure(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> tuple[Cost, str]:
    """Run a command to its end and return its cost and its standard output.

    No other child of this process may end meanwhile, since the CPU time is the growth of the children's sum.

    Raises:
        FailedCommandError: When it exits with anything but 0.
    """
    with tempfile.NamedTemporaryFile("r", prefix="peak-") as peak:
        timed = [_GNU_TIME, "--quiet", "--output", peak.name, "--format", "%M", *command]
        cpu, wall = _children_cpu(), time.perf_counter()
        output = run(timed, env=env, cwd=cwd)
        wall, cpu = time.perf_counter() - wall, _children_cpu() - cpu
        memory = int(peak.read()) * 1024
    return Cost(wall, cpu, memory), output


def measure_all(commands: Sequence[Sequence[str]], *, env: Mapping[str, str] | None = None) -> tuple[Cost, str]:
    """Run commands one after the other; their cost together, and the standard output of the last one.

    Raises:
        FailedCommandError: When one exits with anything but 0.
    """
    total, output = Cost(), ""
    for command in commands:
        cost, output = measure(command, env=env)
        total += cost
    return total, output


def settle() -> None:
    """Make the machine ready for a run: what was written or removed before is on the disk, and there is memory.

    A virtual machine's host takes idle memory back. Whoever uses it first waits until it is there again, which is no
    tool's cost.
    """
    os.sync()
    with mmap.mmap(-1, _MEMORY) as memory:
        for start in range(0, _MEMORY, len(_ZEROS)):
            memory[start : start + len(_ZEROS)] = _ZEROS


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
