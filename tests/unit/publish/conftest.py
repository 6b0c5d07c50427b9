from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core.events import Event, Listener, ignore
from catsync_core.format.index import CatalogSummary
from catsync_core.format.manifest import Manifest
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.faults import FaultyBackend
from catsync_core.transfer.reader import ContentReader
from catsync_core.transfer.repository import Repository

Tree = dict[str, bytes | None]
Write = Callable[[Tree], Path]


class Shop:
    """A repository with one catalog, and what was asked of its backend."""

    def __init__(self, backend: FaultyBackend, cache: Path) -> None:
        self.backend = backend
        self.repository = Repository(backend)
        self.listener: Listener = ignore
        self.publisher = Publisher(backend, cache=cache, listener=self._listen)
        self.publisher.init()
        backend.calls.clear()

    def _listen(self, event: Event) -> None:
        self.listener(event)

    def calls(self) -> Counter[str]:
        """Count the calls since this was last asked: ``put packs``, ``get index.json``."""
        counted = Counter(f"{method} {key.partition('/')[0]}" for method, key in self.backend.calls)
        self.backend.calls.clear()
        return counted

    def summary(self) -> CatalogSummary | None:
        index = self.repository.index().index
        assert index is not None
        return index.catalogs.get("shoes")

    def manifest(self) -> Manifest:
        summary = self.summary()
        assert summary is not None
        return self.repository.manifest(self.repository.head(summary.head, "shoes", summary.version))[0]

    def read(self) -> Tree:
        """Read the published version whole."""
        manifest = self.manifest()
        reader = ContentReader(self.repository, manifest)
        tree: Tree = {entry.path: None for entry in manifest.entries}
        return tree | {path: b"".join(reader.read_content(content)) for path, content in manifest.files().items()}


@pytest.fixture
def shop(faulty_backend: FaultyBackend, tmp_path: Path) -> Shop:
    return Shop(faulty_backend, tmp_path / "cache")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the folder to publish anew; None stands for an empty folder."""
    folder = tmp_path / "source"

    def run(tree: Tree) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path, data in tree.items():
            location = folder / path
            if data is None:
                location.mkdir(parents=True)
            else:
                location.parent.mkdir(parents=True, exist_ok=True)
                location.write_bytes(data)
        return folder

    return run
