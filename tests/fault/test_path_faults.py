"""Whatever is wrong with one of several patches, or with what they build on: the published tree, and a warning."""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from catsync_core.backends import retry
from catsync_core.client import routes
from catsync_core.client.report import Summary
from catsync_core.errors import DiskFullError, NoConnectionError
from catsync_core.format.history import find_path, read_history
from catsync_core.format.objects import object_key
from catsync_core.plan import requests
from catsync_core.plan.model import Via
from catsync_core.publish import draft
from catsync_core.publish.effort import Effort
from catsync_core.publish.publisher import Publisher
from catsync_core.store.durable import write_at
from catsync_core.testing.faults import Fault, FaultyBackend, FlipBit, Reset, Status, WrongRange
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer import parts
from catsync_core.transfer.repository import Repository
from fault.device import DAMAGES, Device, Kill, KilledError, Tree, objects

SEGMENT = 2000  # bytes, so that a small patch has several
TEXT = Random(1).randbytes(30_000).hex().encode()
FILM = Random(2).randbytes(60_000)


def edition(number: int) -> Tree:
    """A text and a film that change in every version, a file that comes with the third, and one that never changes."""
    at = 3000 * number
    tree: Tree = {
        "film.mp4": FILM[:at] + Random(10 + number).randbytes(3000) + FILM[at:],
        "list.json": TEXT[:at] + b"new %d " % number * 50 + TEXT[at:],
        "same.txt": b"the same",
    }
    return tree if number < 3 else tree | {"added.json": TEXT[20_000:30_000] + b"and more"}


NEW = edition(4)


@pytest.fixture(autouse=True)
def _no_pauses_and_small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(routes, "_SHARE", 1.0)
    monkeypatch.setattr(draft, "_OUTPUT", 40_000)  # so that there are several frames, and a file is cut
    for module in (requests, parts):
        monkeypatch.setattr(module, "SEGMENT", SEGMENT)


@pytest.fixture
def shop(tmp_path: Path) -> FaultyBackend:
    backend = FaultyBackend(MemoryBackend(piece=500))
    Publisher(backend).init()
    publish(backend, tmp_path, 1)
    return backend


@pytest.fixture
def device(shop: FaultyBackend, tmp_path: Path) -> Device:
    """A device that is three versions behind, with one patch from each version to the next."""
    device = Device(tmp_path / "home", shop)
    with device.catalog() as catalog:
        catalog.go_offline()
    for number in (2, 3, 4):
        publish(shop, tmp_path, number)
    shop.calls.clear()
    return device


def publish(backend: FaultyBackend, folder: Path, number: int) -> None:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    for path, data in edition(number).items():
        (source / path).write_bytes(data)
        os.utime(source / path, (1_600_000_000, 1_600_000_000))
    Publisher(backend).publish(source, "shoes", effort=Effort.FAST)


def patch_keys(shop: FaultyBackend, device: Device) -> list[str]:
    """Return the keys of the patches to the newest version, in order."""
    repository = Repository(shop.inner)
    index = repository.index().index
    assert index is not None
    head = repository.head(index.catalogs["shoes"].head, "shoes", 4)
    assert head.history is not None
    history = read_history(objects(shop)[object_key("histories", head.history)], head.patches)
    (start,) = (step.base for step in history.steps if step.onward > len(head.patches) - 1)
    return [object_key("patches", step.patch) for step in find_path(history, head.patches, start)]


def counted(summary: Summary) -> dict[str, int]:
    return {action: total.files for action, total in summary.actions.items() if total.files}


def test_without_faults_the_update_is_three_patches(device: Device, shop: FaultyBackend) -> None:
    summary = device.update(Via.PATCH)
    assert device.read() == NEW
    assert counted(summary) == {"keep": 1, "patch": 3}
    asked = [key for _, key in shop.calls if key != "index.json"]
    assert [key.partition("/")[0] for key in asked] == ["heads", "histories", "patches", "patches", "patches"]
    assert asked[2:] == patch_keys(shop, device)
    assert device.warnings == []


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(
    "fault", [Status(401), Status(403), Status(404), Status(418), Status(503), WrongRange(), FlipBit(50)], ids=repr
)
def test_when_one_patch_is_of_no_use_the_update_goes_straight_to_the_newest_version(
    device: Device, shop: FaultyBackend, fault: Fault, number: int
) -> None:
    shop.plan.add(fault, key=patch_keys(shop, device)[number], times=math.inf)
    summary = device.update(Via.PATCH)
    assert device.read() == NEW
    assert (summary.from_version, summary.to_version) == (1, 4)
    assert "patch" not in counted(summary)
    (warning,) = device.warnings
    assert "goes on without it" in warning


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("position", [*range(8), *(tenth / 10 for tenth in range(10)), -1])
def test_a_flipped_byte_in_one_patch_is_told(device: Device, shop: FaultyBackend, number: int, position: float) -> None:
    key = patch_keys(shop, device)[number]
    rotten = bytearray(objects(shop)[key])
    rotten[int(position * len(rotten)) if isinstance(position, float) else position] ^= 0x10
    objects(shop)[key] = bytes(rotten)
    device.update(Via.PATCH)
    assert device.read() == NEW
    (warning,) = device.warnings
    assert "goes on without it" in warning


@pytest.mark.parametrize("number", range(3))
def test_without_a_connection_nothing_else_is_tried(device: Device, shop: FaultyBackend, number: int) -> None:
    shop.plan.add(Reset(), key=patch_keys(shop, device)[number], times=math.inf)
    with pytest.raises(NoConnectionError):
        device.update(Via.PATCH)
    assert device.read() == edition(1)
    assert {key.partition("/")[0] for _, key in shop.calls} == {"index.json", "heads", "histories", "patches"}
    shop.plan.clear()
    device.update(Via.PATCH)
    assert device.read() == NEW


@pytest.mark.parametrize("path", ["film.mp4", "list.json"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_old_file_costs_its_share_of_the_patches(
    device: Device, shop: FaultyBackend, path: str, damage: Callable[[Path], None]
) -> None:
    damage(device.root() / path)
    summary = device.update(Via.PATCH)
    assert device.read() == NEW
    assert 0 < counted(summary)["patch"] < 3
    assert any("Not all of shoes is as it was here" in warning for warning in device.warnings)
    assert sum(key.startswith("manifests/") for _, key in shop.calls) == 1


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_when_all_old_files_are_damaged_the_update_succeeds(device: Device, damage: Callable[[Path], None]) -> None:
    for path in ("film.mp4", "list.json"):
        damage(device.root() / path)
    device.update(Via.PATCH)
    assert device.read() == NEW
    assert device.warnings


@pytest.mark.parametrize("tenth", range(1, 10))
def test_an_update_killed_in_between_fetches_at_most_a_segment_of_each_patch_again(
    device: Device, shop: FaultyBackend, tenth: int
) -> None:
    kill = Kill(shop)
    twin = Device(device.home.with_name("twin"), kill)
    shutil.copytree(device.home, twin.home)
    twin.update(Via.PATCH)
    whole = kill.arrived
    kill = Kill(shop, most=whole * tenth // 10)
    device.backend = kill
    with pytest.raises(KilledError):
        device.update(Via.PATCH)
    assert device.read() == edition(1)
    kill.most = math.inf
    shop.calls.clear()
    device.update(Via.PATCH)
    assert device.read() == NEW
    assert whole <= kill.arrived <= whole + 3 * SEGMENT
    assert {key.partition("/")[0] for _, key in shop.calls} == {"index.json", "heads", "histories", "patches"}


def test_an_update_killed_while_patches_are_decoded_fetches_nothing_again(
    device: Device, shop: FaultyBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def kill(descriptor: int, data: bytes, offset: int) -> None:
        written.append(len(data))
        if len(written) == 3:
            raise KilledError
        write_at(descriptor, data, offset)

    with monkeypatch.context() as patched:
        patched.setattr("catsync_core.store.streams.write_at", kill)
        with pytest.raises(KilledError):
            device.update(Via.PATCH)
    assert device.read() == edition(1)
    shop.calls.clear()
    device.update(Via.PATCH)
    assert device.read() == NEW
    assert not any(key.startswith("patches/") for _, key in shop.calls)
    assert not any(file.suffix == ".stream" for file in device.home.rglob("*"))


def test_a_full_disk_is_told_and_leaves_the_old_version(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("catsync_core.store.streams.write_at", refuse)
        with pytest.raises(DiskFullError):
            device.update(Via.PATCH)
    assert device.read() == edition(1)
    device.update(Via.PATCH)
    assert device.read() == NEW


def test_a_catalog_goes_online_and_leaves_nothing_of_the_versions_between(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("catsync_core.client.installation.commit", kill)
        with pytest.raises(KilledError):
            device.update(Via.PATCH)
    assert any(file.suffix == ".stream" for file in device.home.rglob("*"))
    with device.catalog() as catalog:
        assert catalog.go_online() == []
    assert not any(file.suffix == ".stream" for file in device.home.rglob("*"))
