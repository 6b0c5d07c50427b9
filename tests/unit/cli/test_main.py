from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import atexit, sys
from catsync_core.cli.main import main
atexit.register(lambda: print("the end"))
sys.argv = ["catsync", *{arguments!r}]
main()
"""


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["no-such-command"], 2)])
def test_the_process_ends_with_the_exit_code_and_everything_is_printed(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(arguments=arguments)], check=False, capture_output=True, text=True
    )
    assert done.returncode == code
    assert done.stdout.splitlines()[-1] == "the end"
    assert ("catsync 0" in done.stdout) == (code == 0)
    assert ("no-such-command" in done.stderr) == (code != 0)


def test_a_command_looks_for_rubbish_only_after_many_objects(tmp_path: Path) -> None:
    # `list` imports some 300 modules; with Python's own setting it collects 40 times.
    counting = """
import atexit, gc, sys
from catsync_core.cli.main import main
before = gc.get_stats()[0]["collections"]
atexit.register(lambda: print("collected", gc.get_stats()[0]["collections"] - before, file=sys.stderr))
sys.argv[1:] = ["list"]
main()
"""
    environment = os.environ | {"CATSYNC_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", counting], capture_output=True, text=True, check=True, env=environment)
    assert int(done.stderr.split()[-1]) <= 5
