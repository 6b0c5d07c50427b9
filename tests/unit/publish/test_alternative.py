"""What the publisher foresees of a device without a patch is what that device then fetches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from catsync_core.client.client import Client
from catsync_core.format.manifest import Manifest, write_manifest, write_plain
from catsync_core.format.table import SignatureShape
from catsync_core.hookspecs import BackendEntry, hookimpl
from catsync_core.plan import requests
from catsync_core.plan.model import Via
from catsync_core.plugins import PluginRecord, Plugins
from catsync_core.publish import draft
from catsync_core.publish.alternative import Alternative
from catsync_core.publish.draft import OldVersion
from catsync_core.publish.effort import Effort
from catsync_core.publish.patch import root_of
from catsync_core.publish.previous import Previous
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer.reader import ContentReader

if TYPE_CHECKING:
    from unit.publish.conftest import Shop, Tree, Write

TEXT = Random(1).randbytes(60_000).hex().encode()
FILM = Random(2).randbytes(90_000)


def edition(number: int) -> Tree:
    """A tree in which every version changes a text, a film and a small file, renames one and adds one."""
    at = 3000 * number
    return {
        "film.mp4": FILM[:at] + Random(number).randbytes(500) + FILM[at:],
        "list.json": TEXT[:at] + b"edition %d" % number + TEXT[at:],
        "same.txt": TEXT[:5000],
        "small.txt": b"edition %d" % number,
        f"renamed-{number}.txt": TEXT[::-1],
        f"added-{number}.bin": Random(100 + number).randbytes(3000),
    }


@pytest.fixture(autouse=True)
def _no_detours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_LEAST_DETOUR", 0)
    monkeypatch.setattr(requests, "_MOST_DETOUR", 0)
    monkeypatch.setattr(requests, "_MOST_GAP", requests._LEAST_GAP)


class Devices:
    """Devices of one repository."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        assert isinstance(shop.backend.inner, MemoryBackend)
        self._objects = shop.backend.inner.objects
        self._folder = folder

    @hookimpl
    def catsync_backends(self) -> list[BackendEntry]:
        backend = MemoryBackend(self._objects)
        return [BackendEntry("memory", open=lambda _: backend, redact=lambda url: url)]

    def open(self, name: str) -> Client:
        plugins = Plugins()
        plugins.add(PluginRecord("memory", "tests", "1"), lambda: self)
        client = Client(self._folder / name, plugins=plugins)
        client.add("memory://shop")
        return client

    def install(self, name: str) -> None:
        with self.open(name) as client:
            client.catalog("shoes").go_offline(via=Via.BLOCKS)

    def fetched(self, name: str, via: Via) -> int:
        """Return the bytes that an update or a first download takes behind the index, in which the head stands."""
        with self.open(name) as client:
            client.check()
            return client.catalog("shoes").plan(via=via).bytes_received


def old_version(previous: Previous | None, catalog: str = "shoes") -> OldVersion:
    if previous is None:
        return OldVersion(Manifest(catalog, 0, (), (), ()), lambda *_: (), b"")

    return OldVersion(previous.manifest, previous.read, write_plain(previous.manifest))


def foresee(shop: Shop, old: OldVersion) -> tuple[float, int]:
    manifest = shop.manifest()
    reader = ContentReader(shop.repository, manifest)
    tables = [reader.table(pack) for pack in range(len(manifest.packs))]
    summary = shop.summary()
    assert summary is not None
    newest = Previous(shop.repository, summary.head, "shoes", summary.version)

    def read(pack: int, shape: SignatureShape) -> bytes:
        return newest.read_signature(tables[pack], shape)

    alternative = Alternative(manifest, len(write_manifest(manifest)), tables, read)
    return alternative.least(old), alternative.measure(old)


def versions(shop: Shop) -> Iterator[Previous]:
    """Yield all versions, the newest first."""
    summary = shop.summary()
    assert summary is not None
    newest = Previous(shop.repository, summary.head, "shoes", summary.version)
    return newest.older(range(1, summary.version + 1))


def test_what_is_foreseen_of_old_versions_is_what_devices_fetch(shop: Shop, write: Write, tmp_path: Path) -> None:
    devices = Devices(shop, tmp_path / "devices")
    for number in range(1, 6):
        shop.publisher.publish(write(edition(number)), "shoes", effort=Effort.FAST)
        devices.install(str(number))
    for version in list(versions(shop))[1:]:
        least, measured = foresee(shop, old_version(version))
        fetched = devices.fetched(str(version.manifest.version), Via.BLOCKS)
        assert measured == fetched
        assert 0 < least < measured < devices.fetched(str(version.manifest.version), Via.FULL)


def test_what_is_foreseen_of_first_downloads_is_what_devices_fetch(shop: Shop, write: Write, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        shop.publisher.publish(write(edition(number)), "shoes", effort=Effort.FAST)
    least, measured = foresee(shop, old_version(None))
    assert measured == Devices(shop, tmp_path / "devices").fetched("new", Via.FULL)
    assert measured * 0.9 < least <= measured


def test_a_patch_is_not_published_where_a_much_older_device_finds_more_blocks_than_it(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "_OUTPUT", 8000)
    monkeypatch.setattr(draft, "_SLACK", 500)  # what moved further is not found by a patch, but by block matching
    moved = TEXT[60_000:] + TEXT[:60_000]
    for number, text in enumerate((TEXT, moved, moved), 1):
        shop.publisher.publish(write({"list.json": text, "small.txt": b"edition %d" % number}), "shoes")
    second, first = list(versions(shop))[1:]
    summary = shop.summary()
    assert summary is not None
    head = shop.repository.head(summary.head, "shoes", 3)
    assert [ref.base for ref in head.patches] == [root_of(second.manifest)]
    assert foresee(shop, old_version(first))[1] < 10_000
