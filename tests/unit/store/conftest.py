from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, write_manifest
from catsync_core.format.objects import ObjectRef
from catsync_core.store.commit import commit
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import Installed, read_pointer
from catsync_core.store.records import VersionRecord
from catsync_core.store.tree import StagingTree

MTIME = 1_700_000_000

Build = Callable[[int, dict[str, bytes | None]], tuple[VersionRecord, bytes]]
Install = Callable[[int, dict[str, bytes | None]], Installed]


@pytest.fixture
def store(tmp_path: Path) -> CatalogStore:
    store = CatalogStore(tmp_path / "home", "shoes")
    store.prepare()
    return store


@pytest.fixture
def build() -> Build:
    """Make the record and the manifest of a version; None stands for an empty folder."""

    def run(version: int, tree: dict[str, bytes | None]) -> tuple[VersionRecord, bytes]:
        contents: dict[bytes, Content] = {}
        entries = []
        for path, data in sorted(tree.items()):
            if data is None:
                entries.append(Entry(path, 0, None))
                continue
            digest = hashlib.sha256(data).digest()
            contents.setdefault(digest, Content(digest, len(data), 0, len(contents)))
            entries.append(Entry(path, MTIME, list(contents).index(digest)))
        ref = ObjectRef("0" * 64, 1)
        packs = (PackRef(ref, ref),) if contents else ()
        data = write_manifest(Manifest("shoes", version, packs, tuple(contents.values()), tuple(entries)))
        return VersionRecord(version, ObjectRef.of(data), ObjectRef.of(b"head"), 1_700_000_000, 1_700_000_100), data

    return run


@pytest.fixture
def install(store: CatalogStore, build: Build) -> Install:
    """Build and commit a version, linking what the current one has already."""

    def run(version: int, tree: dict[str, bytes | None]) -> Installed:
        record, data = build(version, tree)
        current = read_pointer(store)
        with StagingTree(store, version, record.manifest) as staging:
            for path, content in tree.items():
                if content is None:
                    staging.make_directory(path)
                    continue
                digest = hashlib.sha256(content).digest()
                old = store.version_path(current.version) / path if current else None
                if old is not None and old.is_file() and old.read_bytes() == content:
                    staging.link(path, old, size=len(content), sha256=digest, mtime=MTIME)
                else:
                    staging.write(path, [content], size=len(content), sha256=digest, mtime=MTIME)
            return commit(store, staging, record, data)

    return run
