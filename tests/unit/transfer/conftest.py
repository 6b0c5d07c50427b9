from __future__ import annotations

import os
import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from catsync_core.backends.metering import MeteredBackend
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import LocalFile, Piece, Plan, Via
from catsync_core.plan.requests import Link
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.faults import FaultyBackend
from catsync_core.transfer.fetch import fetch_requests
from catsync_core.transfer.prepare import Preparation
from catsync_core.transfer.repository import Repository

Tree = dict[str, bytes | None]

LINK = Link(round_trip=0.0, bandwidth=1.0, connections=2)


class Bench:
    """A repository with one catalog, a device's old files, and everything between plan and spool."""

    def __init__(self, folder: Path, backend: FaultyBackend) -> None:
        self.backend = backend
        self.meter = MeteredBackend(backend)
        self.repository = Repository(self.meter)
        self.kept: dict[Piece, bytes] = {}
        self._folder = folder
        self._publisher = Publisher(backend)
        self._publisher.init()

    def publish(self, tree: Tree) -> None:
        self._publisher.publish(_write(tree, self._folder / "source"), "shoes")
        self.backend.calls.clear()

    def old_files(self, tree: Tree) -> list[LocalFile]:
        """Put files on the device; returns them as the installed version's would be."""
        root = _write(tree, self._folder / "device")
        return [
            LocalFile(path, root / path, len(data), 0, sha256(data).digest())
            for path, data in tree.items()
            if data is not None
        ]

    def prepare(self, installed: Tree, *, via: Via = Via.AUTO, link: Link = LINK) -> Preparation:
        index = self.repository.index().index
        assert index is not None
        offered = index.catalogs["shoes"]
        manifest, _ = self.repository.manifest(self.repository.head(offered.head, "shoes", offered.version))
        return Preparation(self.repository, manifest, Inventory(self.old_files(installed)), lambda: link, via)

    def plan(self, preparation: Preparation) -> Plan:
        return preparation.plan(1, self.kept.__contains__)

    def fetch(self, plan: Plan) -> tuple[int, int]:
        """Fetch a plan; returns requests and bytes as the meter counted them."""
        requests, arrived = self.meter.requests, self.meter.bytes_received
        fetch_requests(self.meter, plan.requests, self, lambda _: None)
        return self.meter.requests - requests, self.meter.bytes_received - arrived

    def add(self, pack_sha256: str, offset: int, data: bytes) -> None:
        self.kept[Piece(pack_sha256, offset, len(data))] = data

    def calls(self) -> Counter[str]:
        """Count the calls since this was last asked."""
        counted = Counter(f"{method} {key.partition('/')[0]}" for method, key in self.backend.calls)
        self.backend.calls.clear()
        return counted


def _write(tree: Tree, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, data in tree.items():
        location = folder / path
        location.parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            location.mkdir()
        else:
            location.write_bytes(data)
            os.utime(location, (1_600_000_000, 1_600_000_000))
    return folder


@pytest.fixture
def bench(tmp_path: Path, faulty_backend: FaultyBackend) -> Bench:
    return Bench(tmp_path, faulty_backend)


@pytest.fixture
def small_detours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let signatures of small files be worth a request."""
    monkeypatch.setattr("catsync_core.plan.requests._LEAST_DETOUR", 0)
    monkeypatch.setattr("catsync_core.plan.requests._MOST_DETOUR", 0)
