"""What all tests share. The fixtures for backends and servers come with catsync's own pytest plugin."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Tests count work and never time it: how long an example takes depends on what else the machine does.
settings.register_profile("catsync", deadline=None)
settings.load_profile("catsync")

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the proxies of the machine that runs the tests."""
    for name in list(os.environ):
        if name.lower() in PROXY_VARIABLES:
            monkeypatch.delenv(name)
