"""Whatever is wrong with a patch or what it builds on: the published tree comes about in another way, and a warning."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from catsync_core.backends import retry
from catsync_core.client.report import Summary
from catsync_core.errors import AuthorisationError, ContentError, NoConnectionError, RemoteError
from catsync_core.format.head import PatchRef, write_head
from catsync_core.format.index import write_index
from catsync_core.format.manifest import Manifest
from catsync_core.format.objects import ObjectRef, object_key
from catsync_core.format.patch import Patch, bare_manifest, read_patch, write_patch_header
from catsync_core.format.prefix import compress_after
from catsync_core.plan import requests
from catsync_core.plan.model import Via
from catsync_core.publish import draft
from catsync_core.publish.patch import root_of
from catsync_core.store import tree
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import read_pointer
from catsync_core.testing.faults import Fault, FaultyBackend, FlipBit, Reset, Status, Truncate, WebPage, WrongRange
from catsync_core.transfer import frame_cache, parts
from catsync_core.transfer.patching import OldTree
from catsync_core.transfer.repository import Repository
from fault.device import DAMAGES, Device, Kill, KilledError, Tree, attempt, objects, scribble

SEGMENT = 2000  # bytes, so that a small patch has several

TEXT = Random(1).randbytes(30_000).hex().encode()
FILM = Random(2).randbytes(60_000)
OLD: Tree = {
    "film.mp4": FILM,
    "gone.txt": b"no longer wanted",
    "list.json": TEXT,
    "photo.jpg": Random(4).randbytes(8000),
    "same.txt": b"the same",
}
NEW: Tree = {
    "added.json": TEXT[10_000:20_000] + b"and more",
    "empty": b"",
    "film.mp4": FILM[:20_000] + Random(3).randbytes(3000) + FILM[20_000:],
    "list.json": TEXT[:30_000] + b"new " * 99 + TEXT[30_000:],
    "photo.jpg": Random(5).randbytes(8000),
    "same.txt": b"the same",
}
CHANGED = {"added.json", "film.mp4", "list.json", "photo.jpg"}


@pytest.fixture(autouse=True)
def _no_pauses_and_small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(draft, "_OUTPUT", 40_000)  # so that there are several frames, and a file is cut
    for module in (requests, parts):
        monkeypatch.setattr(module, "SEGMENT", SEGMENT)


def patch_key(shop: FaultyBackend) -> str:
    (key,) = (key for key in objects(shop) if key.startswith("patches/"))
    return key


def counted(summary: Summary) -> dict[str, int]:
    return {action: total.files for action, total in summary.actions.items() if total.files}


def test_without_faults_the_update_is_one_patch(device: Device, shop: FaultyBackend) -> None:
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert counted(summary) == {"keep": 1, "patch": 4, "full": 1}, "an empty file is made of nothing"
    assert [key.partition("/")[0] for _, key in shop.calls if key != "index.json"] == ["heads", "patches"]
    assert summary.requests == 3
    assert device.warnings == []
    assert len(objects(shop)[patch_key(shop)]) > 3 * SEGMENT


@pytest.mark.parametrize("position", [*range(12), *(number / 40 for number in range(40)), -1])
def test_a_flipped_byte_in_a_patch_is_told_and_the_update_goes_on_without_it(
    device: Device, shop: FaultyBackend, position: float
) -> None:
    key = patch_key(shop)
    rotten = bytearray(objects(shop)[key])
    rotten[int(position * len(rotten)) if isinstance(position, float) else position] ^= 0x10
    objects(shop)[key] = bytes(rotten)
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert "patch" not in counted(summary)
    (warning,) = device.warnings
    assert "goes on without it" in warning


REPLACED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut to a byte": lambda good: good[:1],
    "cut in the middle": lambda good: good[: len(good) // 2],
    "cut at the end": lambda good: good[:-1],
    "longer": lambda good: good + b"more",
    "another object": lambda good: Random(9).randbytes(len(good)),
    "a web page": lambda _: b"<html>Please log in</html>" * 500,
}


@pytest.mark.parametrize("replace", REPLACED.values(), ids=REPLACED)
def test_another_object_in_the_place_of_a_patch_never_becomes_a_file(
    device: Device, shop: FaultyBackend, replace: Callable[[bytes], bytes]
) -> None:
    key = patch_key(shop)
    good = objects(shop)[key]
    objects(shop)[key] = replace(good)
    error = attempt(device, Via.AUTO)
    assert error is None or isinstance(error, RemoteError | ContentError)
    assert device.read() == (OLD if error else NEW)
    objects(shop)[key] = good
    device.update(Via.AUTO)
    assert device.read() == NEW


def test_a_patch_that_is_gone_is_told_and_not_missed(device: Device, shop: FaultyBackend) -> None:
    del objects(shop)[patch_key(shop)]
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert "patch" not in counted(summary)
    (warning,) = device.warnings
    assert "goes on without it" in warning


ANSWERS = [Status(401), Status(403), Status(404), Status(410), Status(418), Status(429), Status(500), Status(503)]


@pytest.mark.parametrize("fault", [*ANSWERS, WrongRange(), FlipBit(50)], ids=repr)
def test_an_answer_that_is_of_no_use_is_told_and_the_update_goes_on_without_the_patch(
    device: Device, shop: FaultyBackend, fault: Fault
) -> None:
    shop.plan.add(fault, key="patches/", times=math.inf)
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert "patch" not in counted(summary)
    (warning,) = device.warnings
    assert "goes on without it" in warning


@pytest.mark.parametrize("fault", ANSWERS, ids=repr)
def test_a_plan_too_goes_on_without_the_patch(device: Device, shop: FaultyBackend, fault: Fault) -> None:
    shop.plan.add(fault, key="patches/", times=math.inf)
    with device.catalog() as catalog:
        planned = catalog.plan()
    (warning,) = device.warnings
    assert "goes on without it" in warning
    summary = device.update(Via.AUTO)
    assert counted(summary) == counted(planned)


@pytest.mark.parametrize("fault", [Truncate(100), Reset(), WebPage()], ids=repr)
def test_without_a_connection_nothing_else_is_tried(device: Device, shop: FaultyBackend, fault: Fault) -> None:
    key = patch_key(shop)
    shop.plan.add(fault, key="patches/", times=math.inf)
    shop.calls.clear()
    with pytest.raises(NoConnectionError, match=key):
        device.update(Via.AUTO)
    assert {called.partition("/")[0] for _, called in shop.calls} == {"index.json", "heads", "patches"}
    assert device.read() == OLD
    assert device.warnings == []
    shop.plan.clear()
    device.update(Via.AUTO)
    assert device.read() == NEW


@pytest.mark.parametrize("fault", [Status(503), Truncate(100), Reset(), Reset(3000)], ids=repr)
def test_a_failure_that_passes_costs_another_request_and_nothing_else(
    device: Device, shop: FaultyBackend, fault: Fault
) -> None:
    shop.plan.add(fault, key="patches/")
    assert counted(device.update(Via.AUTO))["patch"] == 4
    assert device.read() == NEW
    assert device.warnings == []


def test_when_everything_is_refused_the_old_version_stays(device: Device, shop: FaultyBackend) -> None:
    for key in ("patches/", "manifests/"):
        shop.plan.add(Status(403), key=key, times=math.inf)
    with pytest.raises(AuthorisationError, match="manifests/"):
        device.update(Via.AUTO)
    assert device.read() == OLD


@pytest.mark.parametrize("path", ["film.mp4", "list.json"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_old_file_costs_its_share_of_the_patch_and_nothing_else(
    device: Device, shop: FaultyBackend, path: str, damage: Callable[[Path], None]
) -> None:
    damage(device.root() / path)
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert 0 < counted(summary)["patch"] < len(CHANGED)
    assert any("Not all of shoes is as it was here" in warning for warning in device.warnings)
    assert sum(key.startswith("manifests/") for _, key in shop.calls) == 1


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_when_all_old_files_are_damaged_the_update_succeeds(device: Device, damage: Callable[[Path], None]) -> None:
    for path in OLD.keys() - {"same.txt"}:
        damage(device.root() / path)
    device.update(Via.AUTO)
    assert device.read() == NEW
    assert device.warnings


def test_a_file_that_changes_after_the_patch_was_decoded_is_made_in_another_way(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_cache, "_CAPACITY", 0)  # what was decoded for the hashes is decoded again
    enter = tree.StagingTree.__enter__

    def damage_first(staging: tree.StagingTree) -> tree.StagingTree:
        scribble(device.root() / "list.json")
        return enter(staging)

    monkeypatch.setattr(tree.StagingTree, "__enter__", damage_first)
    device.update(Via.AUTO)
    assert device.read() == NEW
    assert any("damaged" in warning for warning in device.warnings)


def arrived(device: Device, shop: FaultyBackend) -> int:
    """Return the bytes of patches and packs that an undisturbed update of such a device takes."""
    kill = Kill(shop)
    twin = Device(device.home.with_name("twin"), kill)
    shutil.copytree(device.home, twin.home)
    twin.update(Via.AUTO)
    return kill.arrived


@pytest.mark.parametrize("tenth", range(1, 10))
def test_an_update_killed_in_mid_patch_fetches_at_most_a_segment_again(
    device: Device, shop: FaultyBackend, tenth: int
) -> None:
    whole = arrived(device, shop)
    kill = Kill(shop, most=whole * tenth // 10)
    device.backend = kill
    with pytest.raises(KilledError):
        device.update(Via.AUTO)
    assert device.read() == OLD
    kill.most = math.inf
    shop.calls.clear()
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert whole <= kill.arrived <= whole + SEGMENT
    assert summary.requests == 3
    assert {key.partition("/")[0] for _, key in shop.calls if key.startswith(("packs/", "tables/"))} == set()


def test_an_update_killed_before_the_commit_fetches_no_byte_of_the_patch_again(
    device: Device, shop: FaultyBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("catsync_core.client.installation.commit", kill)
        with pytest.raises(KilledError):
            device.update(Via.AUTO)
    assert device.read() == OLD
    shop.calls.clear()
    with device.catalog() as catalog:
        planned = catalog.plan()
        assert (planned.actions["patch"].files, sum(key.startswith("patches/") for _, key in shop.calls)) == (4, 1)
    shop.calls.clear()
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert [key.partition("/")[0] for _, key in shop.calls if key != "index.json"] == ["heads"]
    assert summary.requests == 2


def offer(shop: FaultyBackend, header: bytes, body: bytes, *, root: str = "", announced: int = 0) -> None:
    """Publish another patch in the place of the good one, as whoever may write to the repository can."""
    objects_ = objects(shop)
    repository = Repository(shop)
    index = repository.index().index
    assert index is not None
    summary = index.catalogs["shoes"]
    head = repository.head(summary.head, "shoes", summary.version)
    (good,) = head.patches
    data = header + body
    ref = PatchRef(good.base, root or good.root, ObjectRef.of(data), announced or len(header))
    head_data = write_head(msgspec.structs.replace(head, patches=(ref,)))
    objects_[object_key("patches", ref.patch)] = data
    objects_[object_key("heads", ObjectRef.of(head_data))] = head_data
    summary = msgspec.structs.replace(summary, head=ObjectRef.of(head_data))
    objects_["index.json"] = write_index(
        msgspec.structs.replace(index, serial=index.serial + 1, catalogs={"shoes": summary})
    )


def old_tree(device: Device) -> OldTree:
    store = CatalogStore(device.home, "shoes")
    installed = read_pointer(store)
    assert installed is not None
    return OldTree(load_manifest(store, installed), device.root())


def good_patch(device: Device, shop: FaultyBackend) -> tuple[Patch, bytes]:
    """Return the good patch, parsed, and its frames."""
    data = objects(shop)[patch_key(shop)]
    old = old_tree(device)
    index = Repository(shop).index().index
    assert index is not None
    head = Repository(shop).head(index.catalogs["shoes"].head, "shoes", 2)
    length = head.patches[0].header
    return read_patch(data[:length], old.bare, [content.size for content in old.contents], len(data)), data[length:]


def with_first_frame(patch: Patch, **values: object) -> Patch:
    first, *others = patch.frames
    return msgspec.structs.replace(patch, frames=(msgspec.structs.replace(first, **values), *others))


HOSTILE: dict[str, Callable[[Patch], Patch]] = {
    "frames beyond the object": lambda patch: with_first_frame(patch, length=1 << 40),
    "sizes beyond the limit": lambda patch: with_first_frame(patch, size=1 << 40),
    "sizes that are not those of the contents": lambda patch: with_first_frame(patch, size=patch.frames[0].size + 1),
    "prefix out of range": lambda patch: with_first_frame(patch, prefix=((1 << 40, 1),)),
    "prefix without end": lambda patch: with_first_frame(patch, prefix=((0, 10_000),) * 7000),
    "sources out of range": lambda patch: msgspec.structs.replace(patch, sources=(1000, *patch.sources[1:])),
    "no permutation": lambda patch: msgspec.structs.replace(patch, order=(patch.order[0], *patch.order[:-1])),
    "no contents": lambda patch: msgspec.structs.replace(patch, order=(), frames=()),
    "no manifest": lambda patch: msgspec.structs.replace(patch, bare=b""),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_refused_and_the_update_goes_on(
    device: Device, shop: FaultyBackend, spoil: Callable[[Patch], Patch]
) -> None:
    patch, body = good_patch(device, shop)
    offer(shop, write_patch_header(spoil(patch), old_tree(device).bare), body)
    with device.catalog() as catalog:
        planned = catalog.plan()
    (warning,) = device.warnings
    assert "goes on without it" in warning
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert counted(summary) == counted(planned)
    assert "patch" not in counted(summary)


@pytest.mark.parametrize(
    ("header", "announced"),
    [
        (b"\x28\xb5\x2f\xfd\xe0" + (1 << 50).to_bytes(8, "little") + b"\x01\x00\x00", 0),
        (compress_after(bytes(200 << 20), b"", 3), 0),
        (b"<html>Please log in</html>", 0),
        (b"", 5),
        (b"short", 4_000_000),
    ],
    ids=["announced bomb", "bomb", "web page", "nothing", "longer than the object"],
)
def test_what_is_no_header_is_refused_and_the_update_goes_on(
    device: Device, shop: FaultyBackend, header: bytes, announced: int
) -> None:
    offer(shop, header, b"and more", announced=announced)
    device.update(Via.AUTO)
    assert device.read() == NEW
    assert device.warnings


@pytest.mark.parametrize(("catalog", "version"), [("boots", 2), ("shoes", 3), ("shoes", 1)])
def test_a_patch_to_another_catalog_or_version_is_refused(
    device: Device, shop: FaultyBackend, catalog: str, version: int
) -> None:
    patch, body = good_patch(device, shop)
    index = Repository(shop).index().index
    assert index is not None
    head = Repository(shop).head(index.catalogs["shoes"].head, "shoes", 2)
    manifest, _ = Repository(shop).manifest(head)
    other = Manifest(catalog, version, manifest.packs, manifest.contents, manifest.entries)
    other_patch = msgspec.structs.replace(patch, bare=bare_manifest(other))
    offer(shop, write_patch_header(other_patch, old_tree(device).bare), body, root=root_of(other))
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert summary.to_version == 2
    assert any("goes on without it" in warning for warning in device.warnings)


def test_a_patch_that_leads_elsewhere_than_the_head_says_installs_what_the_head_says(
    device: Device, shop: FaultyBackend
) -> None:
    patch, body = good_patch(device, shop)
    turned = msgspec.structs.replace(patch, order=patch.order[::-1])
    offer(shop, write_patch_header(turned, old_tree(device).bare), body)
    device.update(Via.AUTO)
    assert device.read() == NEW
    assert device.warnings


@pytest.mark.parametrize(
    "frame",
    [lambda size: compress_after(bytes(size), b"", 3), lambda _: compress_after(bytes(60 << 20), b"", 3), bytes],
    ids=["zeros", "bomb", "no frame"],
)
def test_a_hostile_frame_costs_its_contents_and_nothing_else(
    device: Device, shop: FaultyBackend, frame: Callable[[int], bytes]
) -> None:
    patch, body = good_patch(device, shop)
    wrong = frame(patch.frames[0].size)
    header = write_patch_header(with_first_frame(patch, length=len(wrong)), old_tree(device).bare)
    offer(shop, header, wrong + body[patch.frames[0].length :])
    summary = device.update(Via.AUTO)
    assert device.read() == NEW
    assert 0 < counted(summary)["patch"] < len(CHANGED)
    assert any("Not all of shoes" in warning for warning in device.warnings)
