"""A publisher with a web server whose downloads stop where a test wants, and a device with the real sync screen."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catsync_core import Client, Publisher
from catsync_core.backends.serve import Answer, RequestHandler, Served, Server
from catsync_core.plugins import load_plugins
from catsync_plugins.web.options import Options
from catsync_plugins.web.presence import Presence
from catsync_plugins.web.serving import serve

__all__ = ["CONTENT", "Outlet", "draw_square", "open_screen", "run_screen"]

CONTENT = ("packs/", "patches/")
_HELD = 500_000  # bytes of an answer that pass while downloads are held, in whole pieces of 256 KiB


class Outlet:
    """A repository with the catalogs ``shoes`` (some MB) and ``hats`` (small)."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "repository"
        self.gate = threading.Event()
        self.gate.set()
        self.served: list[Served] = []
        self._random = random.Random(7)
        self._source = folder / "source"
        publisher = Publisher.open(self.repository)
        publisher.init()
        for catalog, title in (("shoes", "Schuhe 2026"), ("hats", "Hüte")):
            (self._source / catalog / "Bilder").mkdir(parents=True)
            (self._source / catalog / "Bilder" / "rot.png").write_bytes(draw_square())
            (self._source / catalog / "preise.json").write_text('{"rot": 10}')
            (self._source / catalog / "seite.html").write_text("<h1>Willkommen</h1><script>top.hacked = 1</script>")
            publisher.publish(self._source / catalog, catalog, title=title, note="Die erste")
        self.film = self._random.randbytes(3_000_000)
        self.publish(film=self.film)
        self._server = self._start(0)
        self.url = self._server.url

    def publish(self, catalog: str = "shoes", note: str = "Mit Film", **files: bytes) -> None:
        """Change some files of a catalog and publish its next version."""
        for name, data in files.items():
            (self._source / catalog / f"{name}.bin").write_bytes(data)
        Publisher.open(self.repository).publish(self._source / catalog, catalog, note=note)

    def hold(self) -> None:
        """Let no more than the first part of any content pass."""
        self.gate.clear()

    def release(self) -> None:
        """Let everything pass."""
        self.gate.set()

    def disappear(self) -> None:
        """Be away from the network."""
        self._server.close()
        self.gate.set()  # whoever is held finds its connection cut

    def appear(self) -> None:
        """Be back at the same address."""
        self._server = self._start(int(self.url.rpartition(":")[2]))

    def content_bytes(self) -> int:
        """Return the bytes of content that were sent since the last :meth:`forget`; the rest is metadata."""
        return sum(served.body for served in self.served if served.key.startswith(CONTENT))

    def forget(self) -> None:
        """Count from zero again."""
        self.served.clear()

    def _start(self, port: int) -> Server:
        gate = self.gate

        class Handler(RequestHandler):
            """Waits within content while downloads are held."""

            def send(self, key: str, answer: Answer) -> None:
                if key.startswith(CONTENT):
                    answer.body = hold(answer.body)
                super().send(key, answer)

        def hold(body: Iterator[bytes]) -> Iterator[bytes]:
            sent = 0
            for piece in body:
                if sent >= _HELD:
                    gate.wait()
                sent += len(piece)
                yield piece

        return Server(self.repository, port=port, on_request=self.served.append, handler=Handler)


@contextmanager
def run_screen(home: Path, *arguments: str, port: int = 0) -> Iterator[str]:
    """Run ``catsync ui`` as a process of its own, which is killed at the end; gives its link."""
    command = [sys.executable, "-m", "catsync_core.cli.main", "ui", "--no-browser", "--port", str(port), *arguments]
    environment = os.environ | {"CATSYNC_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@contextmanager
def open_screen(home: Path, repository: str = "", port: int = 0) -> Iterator[str]:
    """Serve the sync screen of a device, as ``catsync ui`` does; gives a link."""
    plugins = load_plugins()
    if repository:
        with Client(home, plugins=plugins) as client:
            client.add(repository)
    stop = threading.Event()
    with Presence(home) as presence, serve(home, plugins, Options(port=port), presence, stop):
        yield presence.link()


def draw_square(size: int = 96, colour: bytes = b"\xc8\x3a\x2e") -> bytes:
    """Return a PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = (b"\0" + colour * size) * size
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
