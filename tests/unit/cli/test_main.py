from __future__ import annotations

import subprocess
import sys

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
