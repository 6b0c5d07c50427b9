"""Whatever a backend or the device's disk does during an update: the old version or the new one, never another tree."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from catsync_core.backends import retry
from catsync_core.backends.protocol import Backend
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.errors import ContentError, MissingObjectError, RemoteError
from catsync_core.plan import requests
from catsync_core.plan.model import Via
from catsync_core.store.spool import Spool
from catsync_core.testing.faults import Fault, FaultyBackend, FlipBit, Reset, Status, Truncate, WebPage, WrongRange
from fault.device import DAMAGES, Device, Kill, KilledError, Tree, attempt, objects, scribble

HEX = Random(1).randbytes(60_000).hex().encode()
FILM = Random(2).randbytes(90_000)
OLD: Tree = {
    "list.json": HEX,
    "film.mp4": FILM,
    "same.txt": b"the same",
    **{f"photo{number}.jpg": Random(number).randbytes(8000) for number in range(4)},
}
NEW: Tree = {
    **OLD,
    "list.json": HEX[:30_000] + b"new " * 99 + HEX[30_000:],
    "film.mp4": FILM[:50_000] + Random(3).randbytes(3000) + FILM[50_000:],
    "photo1.jpg": Random(11).randbytes(8000),
    "photo9.jpg": Random(12).randbytes(20_000),
}

REQUESTS = 3  # that fetch content for the update, at the scale of these tests


@pytest.fixture(autouse=True)
def _no_pauses_and_small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(requests, "_LEAST_DETOUR", 0)
    monkeypatch.setattr(requests, "_MOST_DETOUR", 0)
    monkeypatch.setattr(requests, "_REQUEST", 5000)  # so that there are several to share between connections


def newest(shop: FaultyBackend, kind: str) -> str:
    """Return the key of the new version's object of a kind; a key of which the old version has none, too."""
    return next(key for key in reversed(objects(shop)) if key.startswith(kind))


def test_without_faults_the_update_takes_blocks_of_both_kinds(device: Device) -> None:
    summary = device.update(Via.BLOCKS)
    assert device.read() == NEW
    assert {action: total.files for action, total in summary.actions.items() if total.files} == {
        "keep": 4,
        "blocks": 2,
        "full": 2,
    }


@pytest.mark.parametrize("via", [Via.BLOCKS, Via.FULL])
@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_killed_update_goes_on_and_fetches_at_most_a_piece_per_connection_again(
    device: Device, shop: FaultyBackend, monkeypatch: pytest.MonkeyPatch, via: Via, tenth: int
) -> None:
    largest = 0
    keep = Spool.add

    def measure(spool: Spool, pack_sha256: str, offset: int, data: bytes) -> None:
        nonlocal largest
        largest = max(largest, len(data))
        keep(spool, pack_sha256, offset, data)

    monkeypatch.setattr(Spool, "add", measure)
    undisturbed = Kill(shop)
    twin = Device(device.home.with_name("twin"), undisturbed)
    shutil.copytree(device.home, twin.home)
    twin.update(via)
    whole = undisturbed.arrived
    assert sum(key.startswith("packs/") for _, key in shop.calls) >= REQUESTS

    kill = Kill(shop, most=whole * tenth // 10)
    device.backend = kill
    with pytest.raises(KilledError):
        device.update(via)
    assert device.version() == 1
    assert device.read() == OLD
    kill.most = math.inf
    device.update(via)
    assert device.read() == NEW
    assert whole <= kill.arrived <= whole + shop.capabilities.connections * largest


KINDS = ["heads/", "manifests/", "tables/", "signatures/", "packs/"]
FAULTS = [
    Status(404), Status(403), Status(503), Truncate(100), Reset(), Reset(100), WebPage(), WrongRange(), FlipBit(50),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_that_passes_leads_to_the_new_version_or_leaves_the_old_one(
    device: Device, shop: FaultyBackend, kind: str, fault: Fault
) -> None:
    shop.plan.add(fault, key=kind)
    error = attempt(device, Via.BLOCKS)
    assert error is None or isinstance(error, RemoteError | ContentError)
    assert device.read() == (OLD if error else NEW)
    fetched_again = isinstance(fault, FlipBit) and kind in {"packs/", "signatures/"}
    if fetched_again or isinstance(fault, Truncate | Reset) or fault == Status(503):
        assert error is None
    shop.plan.clear()
    device.update(Via.BLOCKS)
    assert device.read() == NEW


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_that_stays_leaves_the_old_version(
    device: Device, shop: FaultyBackend, kind: str, fault: Fault
) -> None:
    shop.plan.add(fault, key=kind, times=math.inf)
    error = attempt(device, Via.BLOCKS)
    if error is None:
        assert kind == "signatures/" or isinstance(fault, Truncate | Reset)
        assert device.read() == NEW
    else:
        assert isinstance(error, RemoteError | ContentError)
        assert device.version() == 1
    shop.plan.clear()
    device.update(Via.BLOCKS)
    assert device.read() == NEW


@pytest.mark.parametrize("kind", ["packs/", "tables/", "manifests/", "heads/", "signatures/"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.99])
def test_an_object_that_rotted_is_never_used(device: Device, shop: FaultyBackend, kind: str, part: float) -> None:
    key = newest(shop, kind)
    good = objects(shop)[key]
    rotten = bytearray(good)
    rotten[int(part * len(good))] ^= 0x10
    objects(shop)[key] = bytes(rotten)
    error = attempt(device, Via.BLOCKS)
    # Damaged hashes find nothing, or what is not right in the end; and not all of a pack is needed.
    assert isinstance(error, ContentError) or (kind == "signatures/" or (kind == "packs/" and part))
    assert device.read() == (OLD if error else NEW)
    objects(shop)[key] = good
    device.update(Via.BLOCKS)
    assert device.read() == NEW


def test_lost_signatures_cost_bytes_and_nothing_else(device: Device, shop: FaultyBackend) -> None:
    del objects(shop)[newest(shop, "signatures/")]
    assert attempt(device, Via.BLOCKS) is None
    assert device.read() == NEW


def test_a_pack_that_is_gone_is_named_and_nothing_is_lost(device: Device, shop: FaultyBackend) -> None:
    key = newest(shop, "packs/")
    pack = objects(shop).pop(key)
    error = attempt(device, Via.BLOCKS)
    assert isinstance(error, MissingObjectError)
    assert device.read() == OLD
    objects(shop)[key] = pack
    device.update(Via.BLOCKS)
    assert device.read() == NEW


@pytest.mark.parametrize("at", [0, 300, 4000])
@pytest.mark.parametrize("number", range(REQUESTS))
def test_a_piece_that_was_damaged_on_its_way_is_fetched_again(
    device: Device, shop: FaultyBackend, number: int, at: int
) -> None:
    for _ in range(number):
        shop.plan.add(Fault(), key="packs/")
    shop.plan.add(FlipBit(at), key="packs/")
    device.update(Via.BLOCKS)
    assert device.read() == NEW
    assert sum(key.startswith("packs/") for _, key in shop.calls) > REQUESTS


@pytest.mark.parametrize("fault", [FlipBit(1), WebPage(), Truncate(20), Status(404)], ids=repr)
def test_an_index_that_is_no_index_changes_nothing(device: Device, shop: FaultyBackend, fault: Fault) -> None:
    shop.plan.add(fault, key="index.json", times=math.inf)
    attempt(device, Via.BLOCKS)
    assert device.version() == 1
    shop.plan.clear()
    device.update(Via.BLOCKS)
    assert device.read() == NEW


class Interfere(BackendWrapper):
    """Does something on the device just before the first read of a kind of object."""

    def __init__(self, inner: Backend, kind: str, act: Callable[[], object]) -> None:
        super().__init__(inner)
        self._kind = kind
        self._acts = [act]
        self._lock = threading.Lock()

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        with self._lock:
            if key.startswith(self._kind) and self._acts:
                self._acts.pop()()
        return self.inner.read(key, offset, length)


@pytest.mark.parametrize("kind", ["signatures/", "packs/"], ids=["matching", "assembly"])
@pytest.mark.parametrize("path", ["film.mp4", "list.json", "photo2.jpg"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_local_file_that_changes_during_an_update_ends_in_no_wrong_file(
    device: Device, shop: FaultyBackend, kind: str, path: str, damage: Callable[[Path], None]
) -> None:
    device.backend = Interfere(shop, kind, lambda: damage(device.root() / path))
    error = attempt(device, Via.BLOCKS)
    # A second name of a file that looks untouched is made unread; `verify` and `repair` are for those.
    unread = damage is scribble and path == "photo2.jpg"
    assert error is None
    if not unread:
        assert device.read() == NEW
    device.backend = shop
    with device.catalog() as catalog:
        catalog.repair()
    assert device.read() == NEW
