"""The sync screen without an engine: rows as a test sets them, commands as it was given them, and requests to it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import msgspec

from catsync_core import CatalogInfo, CatsyncError, Changes, Checked
from catsync_core.errors import NotFoundError
from catsync_plugins.web.access import Access, make_link_token
from catsync_plugins.web.application import make_application
from catsync_plugins.web.device import Command
from catsync_plugins.web.feed import Feed
from catsync_plugins.web.guard import Site
from catsync_plugins.web.rows import DeviceLine, Row
from catsync_plugins.web.server import WebServer, listen_at

__all__ = ["LINKS", "FakeDevice", "Reply", "Screen", "serve_screen"]

LINKS = b"l" * 32


class FakeDevice:
    """Shows what it is told to show."""

    def __init__(self, rows: Sequence[Row] = (), line: DeviceLine | None = None) -> None:
        self._lock = threading.Lock()
        self.reset(rows, line)

    def reset(self, rows: Sequence[Row], line: DeviceLine | None = None) -> None:
        """Begin anew."""
        self._rows = {row.id: row for row in rows}
        self._line = line or DeviceLine("0.1.0", repositories=1)
        self._changed = True
        self.looks = 0
        self.commands: list[Command] = []
        self.checks: list[tuple[str, ...]] = []
        self.added: list[str] = []
        self.error: CatsyncError | None = None
        self.checked: list[Checked] = []
        self.news: dict[str, Changes] = {}
        self.infos: dict[str, CatalogInfo] = {}
        self.react: Callable[[Command], None] = lambda command: None

    def show(self, *rows: Row) -> None:
        """Add or replace rows."""
        with self._lock:
            self._rows |= {row.id: row for row in rows}
            self._changed = True

    def change(self, catalog: str, **fields: object) -> None:
        """Change some fields of a row."""
        with self._lock:
            self._rows[catalog] = msgspec.structs.replace(self._rows[catalog], **fields)
            self._changed = True

    def hide(self, catalog: str) -> None:
        """Take a row away."""
        with self._lock:
            del self._rows[catalog]
            self._changed = True

    def tell(self, **fields: object) -> None:
        """Change some fields of the device's line."""
        with self._lock:
            self._line = msgspec.structs.replace(self._line, **fields)
            self._changed = True

    def changed(self) -> bool:
        with self._lock:
            changed, self._changed = self._changed, False
            return changed

    def rows(self) -> list[Row]:
        with self._lock:
            self.looks += 1
            return [self._rows[name] for name in sorted(self._rows)]

    def line(self) -> DeviceLine:
        with self._lock:
            return self._line

    def obey(self, command: Command) -> None:
        if self.error is not None:
            raise self.error
        self.commands.append(command)
        self.react(command)

    def check(self, catalogs: Sequence[str]) -> list[Checked]:
        if self.error is not None:
            raise self.error
        self.checks.append(tuple(catalogs))
        return self.checked

    def info(self, catalog: str) -> CatalogInfo:
        if catalog not in self.infos:
            raise NotFoundError(f"There is no catalog {catalog!r}")
        return self.infos[catalog]

    def changes(self, catalog: str) -> Changes:
        if self.error is not None:
            raise self.error
        return self.news[catalog]

    def add(self, repository: str) -> None:
        if self.error is not None:
            raise self.error
        self.added.append(repository)


@dataclass
class Reply:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the server says
        return json.loads(self.body)


@dataclass
class Screen:
    """A server and a browser that has, or has not, a session."""

    port: int
    device: FakeDevice
    feed: Feed
    cookie: str = ""
    origin: str = field(init=False)

    def __post_init__(self) -> None:
        self.origin = f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: object = None, **headers: str | None) -> Reply:
        """Send what a browser would, with other header fields as a test wants."""
        fields: dict[str, str | None] = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie or None}
        data: bytes | None = None
        if method == "POST":
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            fields |= {"Content-Type": "application/json", "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True)
        for name, value in fields.items():
            if value is not None:
                connection.putheader(name, value)
        if data is not None and "Content-Length" not in headers:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        response = connection.getresponse()
        reply = Reply(response.status, {key.lower(): value for key, value in response.getheaders()}, response.read())
        connection.close()
        return reply

    def log_in(self) -> None:
        reply = self.ask("POST", "/api/session", {"token": self.token()})
        assert reply.status == 204
        self.cookie = reply.headers["set-cookie"].partition(";")[0]

    def offline(self) -> dict[str, object]:
        """Return the command that takes the catalog offline, as the page would give it now."""
        row = self.feed.row("shoes")
        assert row
        return {"name": "offline", "catalog": "shoes", "revision": row.revision}

    def token(self) -> str:
        return make_link_token(LINKS, time.time())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@contextmanager
def serve_screen(
    device: FakeDevice, content: tuple[str, ...] = (), port: int = 0, tick: float = 0.01
) -> Iterator[Screen]:
    """Serve a device that has no engine; nobody has a session yet."""
    feed = Feed(device, tick=tick)
    listening = listen_at("127.0.0.1", port, 0)
    port = listening.getsockname()[1]
    site = Site((f"127.0.0.1:{port}", f"localhost:{port}"), secure=False, cookie=f"catsync-{port}", content=content)
    with WebServer(make_application(device, feed, site, Access(b"s" * 32, LINKS)), listening):
        yield Screen(port, device, feed)
        feed.close()
