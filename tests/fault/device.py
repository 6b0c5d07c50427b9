"""A device, the backend between it and a publisher, and what a test makes go wrong with either."""

from __future__ import annotations

import math
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catsync_core.backends.protocol import Backend
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.client.catalog import Catalog
from catsync_core.client.client import Client
from catsync_core.client.report import Summary
from catsync_core.errors import CatsyncError
from catsync_core.events import Event, Warned
from catsync_core.hookspecs import BackendEntry, hookimpl
from catsync_core.plan.model import Via
from catsync_core.plugins import PluginRecord, Plugins
from catsync_core.publish.publisher import Publisher
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import read_pointer
from catsync_core.testing.faults import FaultyBackend
from catsync_core.testing.memory import MemoryBackend

__all__ = [
    "DAMAGES",
    "Device",
    "Kill",
    "KilledError",
    "Tree",
    "attempt",
    "objects",
    "publish",
    "scribble",
]

Tree = dict[str, bytes]


class Kill(BackendWrapper):
    """Ends the process once so many bytes of packs and patches have arrived."""

    def __init__(self, inner: Backend, most: float = math.inf) -> None:
        super().__init__(inner)
        self.arrived = 0
        self.most = most
        self._lock = threading.Lock()

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        for data in self.inner.read(key, offset, length):
            with self._lock:
                self.arrived += len(data) * key.startswith(("packs/", "patches/"))
                over = self.arrived > self.most
            yield data
            if over:
                raise KilledError


class KilledError(BaseException):
    """The process ended here."""


class Device:
    """A device with one repository, and the backend between them that a test makes fail."""

    def __init__(self, home: Path, backend: Backend) -> None:
        self.home = home
        self.backend = backend
        self.warnings: list[str] = []

    @hookimpl
    def catsync_backends(self) -> Sequence[BackendEntry]:
        return [BackendEntry("memory", open=lambda _: Stay(self.backend), redact=lambda url: url)]

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        plugins = Plugins()
        plugins.add(PluginRecord("memory", "tests", "1"), lambda: self)
        with Client(self.home, listener=self._listen, plugins=plugins) as client:
            if not client.repositories():
                client.add("memory://shop")
            client.check()
            yield client.catalog("shoes")

    def _listen(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warnings.append(event.message)

    def update(self, via: Via) -> Summary:
        with self.catalog() as catalog:
            return catalog.update(via=via)

    def read(self) -> Tree:
        """Return the installed version, compared with its hashes."""
        with self.catalog() as catalog:
            report = catalog.verify()
            assert (report.damaged, report.missing, report.foreign) == ((), (), ())
            root = catalog.path()
        return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}

    def version(self) -> int:
        installed = read_pointer(CatalogStore(self.home, "shoes"))
        assert installed is not None
        return installed.version

    def root(self) -> Path:
        return CatalogStore(self.home, "shoes").version_path(self.version())


class Stay(BackendWrapper):
    """Does not close the backend that a test goes on using."""

    def close(self) -> None:
        """Leave it open."""


def attempt(device: Device, via: Via) -> CatsyncError | None:
    """Update; return what went wrong."""
    try:
        device.update(via)
    except CatsyncError as error:
        return error
    return None


def objects(shop: FaultyBackend) -> dict[str, bytes]:
    """Return what a repository in memory holds, by key."""
    assert isinstance(shop.inner, MemoryBackend)
    return shop.inner.objects


def publish(backend: Backend, folder: Path, tree: Tree) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, data in tree.items():
        (folder / path).write_bytes(data)
        os.utime(folder / path, (1_600_000_000, 1_600_000_000))
    Publisher(backend).publish(folder, "shoes")


def scribble(file: Path) -> None:
    """Change content but neither size nor time of change."""
    times = file.stat()
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    file.chmod(0o444)


def _resize(file: Path, size: int) -> None:
    file.chmod(0o644)
    os.truncate(file, size)


def _swap_for_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/hostname")


def _swap_for_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "scribbled": scribble,
    "cut": lambda file: _resize(file, file.stat().st_size // 3),
    "emptied": lambda file: _resize(file, 0),
    "gone": lambda file: file.unlink(),
    "link": _swap_for_link,
    "folder": _swap_for_folder,
}
"""What may become of a file on a device."""
