"""How long it takes until the command line says something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("list",)], ids=" ".join)
def test_startup(benchmark: BenchmarkFixture, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Run a whole process, as a shell does."""
    command = [sys.executable, "-m", "catsync_core.cli.main", *words]
    environment = os.environ | {"CATSYNC_HOME": str(tmp_path)}
    benchmark(subprocess.run, command, env=environment, capture_output=True, check=True)
