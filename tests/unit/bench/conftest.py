from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The benchmarks are scripts of this checkout, not part of the installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


@pytest.fixture(autouse=True)
def _unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured here is thrown away, so nothing need settle before."""
    monkeypatch.setattr("bench._race.settle", lambda: None)
