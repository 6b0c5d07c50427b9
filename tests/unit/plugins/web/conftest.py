"""The screen's server over real sockets, with a device that does what a test wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catsync_plugins.web.rows import Row
from support.screen import FakeDevice, Screen, serve_screen


@pytest.fixture(scope="module")
def server() -> Iterator[Screen]:
    """One server for all tests of a module: starting and closing one takes a while."""
    with serve_screen(FakeDevice()) as screen:
        yield screen


@pytest.fixture
def stranger(server: Screen) -> Screen:
    """The server with one catalog, seen by somebody without a session."""
    server.device.reset([Row("shoes", "Shoes", "online", "online")])
    server.feed.look_now()
    return Screen(server.port, server.device, server.feed)


@pytest.fixture
def screen(stranger: Screen) -> Screen:
    """A server, seen by its user."""
    stranger.log_in()
    return stranger
