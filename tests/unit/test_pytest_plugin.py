from __future__ import annotations

import subprocess
import sys

PROBE = """
import sys
before = set(sys.modules)
import pytest
pytest_alone = set(sys.modules)
import catsync_core.testing.pytest_plugin
print(*sorted(name for name in set(sys.modules) - pytest_alone if "." not in name or name.startswith("catsync")))
"""


def test_the_pytest_plugin_loads_next_to_nothing() -> None:
    """It is loaded by every pytest run in an environment that has catsync."""
    run = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) <= {
        "catsync_core",
        "catsync_core.testing",
        "catsync_core.testing.pytest_plugin",
    }
