"""Runs commands for test_full_disk.py, each in a fork of its own, on a disk that becomes full at a given call."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence

import catsync_core
import catsync_plugins
from catsync_core.cli.main import cli
from catsync_core.testing import __name__ as testing

FULL_DISK = ctypes.CDLL(None)  # preloaded


def main() -> None:
    """Read ``{home, arguments, first, last}`` from each line; answer ``{code, stderr, calls}`` in one."""
    for package in (catsync_core, catsync_plugins):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(testing):  # for those who test, with what they have installed
                importlib.import_module(module.name)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(fork(asked["home"], asked["arguments"], asked["first"], asked["last"])), flush=True)  # noqa: T201


def fork(home: str, arguments: Sequence[str], first: int, last: int) -> dict[str, object]:
    """Run a command whose calls number ``first`` to ``last`` that take space fail."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.environ["CATSYNC_HOME"] = home
        with open(os.devnull, "w") as sys.stdout, os.fdopen(tell, "w") as sys.stderr:  # noqa: PTH123  # no path of ours
            FULL_DISK.full_disk_begin(first, last)
            code = run(arguments)
            sys.stderr.write(f"\n{FULL_DISK.full_disk_calls()}")
        os._exit(code)
    os.close(tell)
    with os.fdopen(told) as stream:
        stderr, _, calls = stream.read().rpartition("\n")
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "stderr": stderr, "calls": int(calls)}


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        cli.main([*arguments, "--json"], prog_name="catsync")
    except SystemExit as left:
        return int(left.code or 0)
    except BaseException:  # noqa: BLE001  # whatever it is, the test is told
        traceback.print_exc()
    return 99


if __name__ == "__main__":
    main()
