"""What tests of hours and days need: a time zone of their own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def central_europe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The rules of Central Europe as the system's time zone, spelt out: a machine may lack the names of zones."""
    if sys.platform == "win32":
        pytest.skip("the time zone of a process cannot be set there")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
