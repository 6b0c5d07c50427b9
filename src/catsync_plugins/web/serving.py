"""Put the screen together: the page, the content beside it, the device, and who does the work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from catsync_core import Client
from catsync_core.plugins import Plugins
from catsync_plugins.gateway.server import Gateway
from catsync_plugins.web.access import Access, load_key
from catsync_plugins.web.application import make_application
from catsync_plugins.web.engine import EngineDevice
from catsync_plugins.web.feed import Feed
from catsync_plugins.web.guard import Site
from catsync_plugins.web.options import Options
from catsync_plugins.web.presence import Presence
from catsync_plugins.web.server import WebServer, listen_at
from catsync_plugins.web.worker import Worker

__all__ = ["PORT", "serve"]

PORT = 8769
_LOCAL = ("127.0.0.1", "localhost")


@contextmanager
def serve(
    home: Path, plugins: Plugins, options: Options, presence: Presence, stop: threading.Event
) -> Iterator[Worker]:
    """Serve the screen of a home until the context is left.

    Args:
        home: Where catalogs and state lie.
        plugins: Of this process.
        options: Where to listen.
        presence: Is told where the screen is.
        stop: Ends reads from slow repositories when it is set.

    Raises:
        LocalError: (local) it cannot be listened there, or the certificate cannot be used.
    """
    with ExitStack() as stack:
        listening = listen_at(options.host, options.port, PORT)
        stack.callback(listening.close)
        port = listening.getsockname()[1]
        secure = bool(options.certificate)
        hosts = options.hosts(port)
        content = _serve_content(stack, home, plugins, hosts, stop) if options.local and not secure else ""
        origins = tuple(f"http://{name}:{content}" for name in _LOCAL) if content else ()
        site = Site(hosts, secure, f"catsync-{port}", origins)
        device = EngineDevice(home, plugins, content)
        stack.callback(device.close)
        feed = Feed(device)
        stack.callback(feed.close)
        worker = stack.enter_context(Worker(home, plugins, device.listen))
        application = make_application(device, feed, site, Access(load_key(home / "ui.key"), presence.key))
        stack.enter_context(WebServer(application, listening, options.certificate, options.key))
        stack.callback(feed.close)  # first of all, so that streams end and the server need not wait for them
        presence.announce(f"{'https' if secure else 'http'}://{hosts[0]}")
        stack.callback(stop.set)
        yield worker


def _serve_content(
    stack: ExitStack, home: Path, plugins: Plugins, hosts: tuple[str, ...], stop: threading.Event
) -> str:
    """Serve catalogs' content at a port of its own, where nothing of it can act; returns the port."""
    client = stack.enter_context(Client(home, plugins=plugins, cancelled=stop))
    gateway = stack.enter_context(Gateway(client, 0, tuple(f"http://{host}" for host in hosts)))
    return gateway.url.rpartition(":")[2]
