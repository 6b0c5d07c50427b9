"""The screen's server over real sockets, with a device that does what a test wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catsync_plugins.web.access import Access
from catsync_plugins.web.application import make_application
from catsync_plugins.web.feed import Feed
from catsync_plugins.web.guard import Site
from catsync_plugins.web.rows import Row
from catsync_plugins.web.server import WebServer, listen_at
from support.screen import LINKS, FakeDevice, Screen


@pytest.fixture(scope="module")
def server() -> Iterator[Screen]:
    """One server for all tests of a module: starting and closing one takes a while."""
    device = FakeDevice()
    feed = Feed(device, tick=0.01)
    listening = listen_at("127.0.0.1", 0, 0)
    port = listening.getsockname()[1]
    site = Site((f"127.0.0.1:{port}", f"localhost:{port}"), secure=False, cookie=f"catsync-{port}")
    with WebServer(make_application(device, feed, site, Access(b"s" * 32, LINKS)), listening):
        yield Screen(port, device, feed)
        feed.close()


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
