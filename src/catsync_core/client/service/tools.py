"""Call the system's tools, and read and write the files that they go by."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from catsync_core.store.beneath import open_beneath
from catsync_core.store.durable import replace_durably
from catsync_core.store.failures import Attempt

__all__ = ["MISSING", "Done", "read_plain", "run_tool", "write_plain"]

MISSING = 127
"""Exit code of a program that does not exist, as a shell has it."""
_PATIENCE = 120.0  # seconds: more than a unit has for its end


class Done(msgspec.Struct, frozen=True):
    """What a tool did.

    Attributes:
        code: Its exit code; :data:`MISSING` where it could not be run.
        data: What it printed.
        problem: Why it failed, on one line; empty when it did not.
    """

    code: int
    data: bytes
    problem: str

    @property
    def output(self) -> str:
        """What it printed, as text."""
        return self.data.decode("utf-8", "replace").strip()


def run_tool(environment: Mapping[str, str], program: str, *words: str) -> Done:
    """Run a tool of the system to its end, without a shell.

    Args:
        environment: All variables that it gets; ``PATH`` says where it is.
        program: Its name.
        *words: What it is told.
    """
    found = shutil.which(program, path=environment.get("PATH"))
    if found is None:
        return Done(MISSING, b"", f"there is no program {program}")
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, called without a shell
            [found, *words], env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Done(1, b"", f"{program} {words[0]} did not end within {_PATIENCE:g} seconds")
    except OSError as error:
        return Done(MISSING, b"", f"{program} cannot be run: {error.strerror or error}")
    said = " ".join(done.stderr.decode("utf-8", "replace").split())
    return Done(done.returncode, done.stdout, "" if done.returncode == 0 else said or f"exit code {done.returncode}")


def read_plain(path: Path) -> bytes | None:
    """Return what a plain file holds; None where there is none.

    What is no plain file, such as a link, is nobody's: no bytes.

    Raises:
        LocalError: (local) it cannot be read.
    """
    with Attempt("read", path):
        if not path.exists() and not path.is_symlink():
            return None
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""


def write_plain(path: Path, data: bytes) -> None:
    """Write a file as a whole, in place of whatever stands there; a link is replaced and not followed.

    Raises:
        DiskFullError: (local) no space is left; the old file is untouched.
        LocalError: (local) it cannot be written, or its folder is a link.
    """
    with Attempt("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_beneath(path.parent) as beneath:
            replace_durably(beneath, path.name, data)
