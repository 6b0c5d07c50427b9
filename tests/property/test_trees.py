"""Whatever happens to a folder between versions: a device ends with exactly the published tree, by every way."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from catsync_core.backends.protocol import Backend, Reply
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.client.catalog import Catalog
from catsync_core.client.client import Client
from catsync_core.client.report import Summary
from catsync_core.hookspecs import BackendEntry, hookimpl
from catsync_core.plan import forecast, requests
from catsync_core.plan.model import Via
from catsync_core.plugins import PluginRecord, Plugins
from catsync_core.publish import classify, delta, draft, pack, patches, publisher
from catsync_core.publish.effort import Settings
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer import parts, sharing

URL = "memory://shop"
CATALOG = "shoes"
TIME = 1_600_000_000
GAP = 16  # bytes between pieces that are fetched and dropped, at the scale of these tests
MEMORY = "/dev/shm"  # noqa: S108  # only the parent of a temporary folder with a random name
SCRATCH = MEMORY if os.access(MEMORY, os.W_OK) else None  # flushing to a disk would take most of the time

PATHS = ("a", "a/b.txt", "a/c.bin", "b.txt", "c.bin", "d/e/f.txt", "d/e", "d/g.bin", "Ärmel.txt", "z/y/x")
SIZES = (0, 1, 200, 1500, 6000, 20_000, 50_000)
SHAPES = st.tuples(st.sampled_from(SIZES), st.integers(0, 5), st.booleans())
STEPS = ("new", "delete", "edit", "edit", "edit", "edit", "move", "copy", "touch")


@dataclass(frozen=True)
class File:
    data: bytes
    mtime: int

    def __repr__(self) -> str:
        return f"<{len(self.data)} bytes {sha256(self.data).hexdigest()[:6]} of {self.mtime - TIME}>"


Tree = dict[str, File | None]
"""None stands for an empty folder."""


def make(size: int, seed: int, *, noise: bool) -> bytes:
    source = Random(seed)
    if noise:
        return source.randbytes(size)
    words = [f"{source.randrange(400):x},price;" for _ in range(size // 8 + 1)]
    return "".join(words).encode()[:size]


def put(tree: Tree, path: str, entry: File | None) -> None:
    """Place an entry; what cannot stand beside it goes, and folders that hold something are no longer empty."""
    parents = {path[:cut] for cut in range(len(path)) if path[cut] == "/"}
    for other in list(tree):
        if other == path or other in parents or other.startswith(f"{path}/"):
            del tree[other]
    tree[path] = entry


@st.composite
def entries(draw: st.DrawFn) -> File | None:
    size, seed, noise = draw(SHAPES)
    empty_folder = draw(st.integers(0, 9)) == 9
    return None if empty_folder else File(make(size, seed, noise=noise), TIME + 10 * draw(st.integers(0, 3)))


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    tree: Tree = {}
    for path, entry in draw(st.lists(st.tuples(st.sampled_from(PATHS), entries()), max_size=8)):
        put(tree, path, entry)
    return tree


@st.composite
def edited(draw: st.DrawFn, data: bytes) -> bytes:
    """Replace, insert or cut out a stretch anywhere."""
    at = draw(st.integers(0, len(data)))
    gone = draw(st.sampled_from((0, 1, 700, 5000)))
    new = make(draw(st.sampled_from((0, 1, 300, 900, 4000))), draw(st.integers(6, 9)), noise=draw(st.booleans()))
    return data[:at] + new + data[at + gone :]


@st.composite
def changed(draw: st.DrawFn, before: Tree) -> Tree:
    """A tree some steps later: each step makes a file, deletes, edits, moves, copies or touches one."""
    tree = dict(before)
    for step in draw(st.lists(st.sampled_from(STEPS), max_size=5)):
        files = sorted(path for path, entry in tree.items() if entry is not None)
        if step == "new" or not files:
            put(tree, draw(st.sampled_from(PATHS)), draw(entries()))
            continue
        path = draw(st.sampled_from(files))
        file = tree[path]
        assert file is not None
        if step == "edit":
            tree[path] = File(draw(edited(file.data)), file.mtime + 10)
        elif step == "touch":
            tree[path] = replace(file, mtime=file.mtime + 1000)
        else:
            if step in {"delete", "move"}:
                del tree[path]
            if step in {"move", "copy"}:
                put(tree, draw(st.sampled_from(PATHS)), file)
    return tree


def write(tree: Tree, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, entry in tree.items():
        location = folder / path
        if entry is None:
            location.mkdir(parents=True, exist_ok=True)
        else:
            location.parent.mkdir(parents=True, exist_ok=True)
            location.write_bytes(entry.data)
            os.utime(location, (entry.mtime, entry.mtime))


def read(folder: Path) -> Tree:
    tree: Tree = {}
    for above, folders, names in os.walk(folder):
        for name in names:
            location = Path(above) / name
            tree[location.relative_to(folder).as_posix()] = File(location.read_bytes(), int(location.stat().st_mtime))
        if not folders and not names and Path(above) != folder:
            tree[Path(above).relative_to(folder).as_posix()] = None
    return tree


class Shop:
    """A publisher with one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backend = MemoryBackend(piece=1000)
        self.published: Tree = {}
        self.version = 0
        self._publisher = Publisher(self.backend)
        self._publisher.init()

    def publish(self, tree: Tree) -> Tree:
        """Publish a tree; returns it as devices will see it."""
        write(tree, self.folder)
        publication = self._publisher.publish(self.folder, CATALOG)
        # A file whose content did not change keeps the time that it was published with.
        seen = {path: self._known(path, entry) for path, entry in tree.items()}
        assert publication.published == (seen != self.published or not self.version)
        self.version += publication.published
        assert publication.version == self.version
        self.published = seen
        return seen

    def _known(self, path: str, entry: File | None) -> File | None:
        before = self.published.get(path)
        return before if before and entry and before.data == entry.data else entry


class Counted(BackendWrapper):
    """Notes the length of what is read to know better, and may be of no use: of signatures and histories."""

    def __init__(self, inner: Backend, looked: list[int]) -> None:
        super().__init__(inner)
        self._looked = looked

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        if key.startswith("signatures/"):
            self._looked.append(length)
        return self.inner.read(key, offset, length)

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        reply = self.inner.get(key, max_length=max_length, known_etag=known_etag)
        if key.startswith("histories/"):
            self._looked.append(len(reply.body))
        return reply


class Device:
    """A device with one repository, which is the backend."""

    def __init__(self, home: Path, backend: MemoryBackend) -> None:
        self.home = home
        self.looked: list[int] = []
        self._backend = backend

    @hookimpl
    def catsync_backends(self) -> list[BackendEntry]:
        opened = Counted(MemoryBackend(self._backend.objects, piece=1000), self.looked)
        return [BackendEntry("memory", open=lambda _: opened, redact=lambda url: url)]

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        plugins = Plugins()
        plugins.add(PluginRecord("memory", "tests", "1"), lambda: self)
        with Client(self.home, plugins=plugins) as client:
            client.add(URL)
            client.check()
            yield client.catalog(CATALOG)

    def install(self, via: Via, folders: Sequence[Path] = ()) -> Tree:
        with self.catalog() as catalog:
            catalog.go_offline(via=via, folders=folders)
            return read(catalog.path())

    def plan(self, via: Via, folders: Sequence[Path] = ()) -> Summary:
        with self.catalog() as catalog:
            return catalog.plan(via=via, folders=folders)

    def update(self, via: Via) -> Tree:
        with self.catalog() as catalog:
            summary = catalog.update(via=via)
            for action, total in summary.actions.items():
                if total.files:
                    event(f"{via.value}: {action}")
            assert catalog.verify().damaged == ()
            return read(catalog.path())


@contextmanager
def small_scale(frame_size: int, pack_size: int) -> Iterator[None]:
    """Let small files go all the ways that only large ones go."""
    with pytest.MonkeyPatch.context() as patch:
        sizes = Settings(
            level=3, frame_size=frame_size, fresh_size=frame_size // 2, patch_level=3, distances=(1, 2), solid=True
        )
        patch.setattr(Settings, "of", classmethod(lambda _, effort: sizes))
        patch.setattr(pack, "_CLUSTER", 1024)
        patch.setattr(pack, "_RAW_FRAME", frame_size)
        patch.setattr(publisher, "_PACK_SIZE", pack_size)
        patch.setattr(classify, "_SIGN_FROM", 1024)
        patch.setattr(delta, "_SMALLEST_BLOCK", 64)
        patch.setattr(requests, "_LEAST_GAP", GAP)
        patch.setattr(requests, "_MOST_GAP", GAP)
        patch.setattr(requests, "_LEAST_DETOUR", 0)
        patch.setattr(requests, "_MOST_DETOUR", 0)
        patch.setattr(forecast, "_GAMBLE", 1.0)
        patch.setattr(sharing, "_LARGE", 1024)
        patch.setattr(draft, "_SOLID", 9000)
        patch.setattr(draft, "_OUTPUT", 7000)
        patch.setattr(draft, "_PREFIX", 9000)
        patch.setattr(draft, "_CONTEXT_LEAST", 3000)
        patch.setattr(draft, "_SLACK", 1000)
        for module in (requests, parts):
            patch.setattr(module, "SEGMENT", 700)
        yield


@contextmanager
def any_patch() -> Iterator[None]:
    """Publish patches, however dear, so that devices follow them through every kind of tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "_pays", lambda *_: True)
        yield


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    data=st.data(),
    frame_size=st.sampled_from((512, 4096, 1 << 20)),
    pack_size=st.sampled_from((1, 30_000, 1 << 20)),
)
def test_every_way_leads_to_the_published_tree(data: st.DataObject, frame_size: int, pack_size: int) -> None:
    first = data.draw(trees(), "first")
    second = data.draw(changed(first), "second")
    third = data.draw(changed(second), "third")
    via = data.draw(st.sampled_from(list(Via)), "via")
    with small_scale(frame_size, pack_size), any_patch(), tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        place = Path(scratch)
        shop = Shop(place / "source")
        published = shop.publish(first)
        write(first, place / "stick")
        follower, sleeper = Device(place / "follower", shop.backend), Device(place / "sleeper", shop.backend)
        assert follower.install(via) == published
        assert sleeper.install(Via.AUTO) == published
        published = shop.publish(second)
        assert follower.update(via) == published
        published = shop.publish(third)
        assert follower.update(via) == published
        assert sleeper.update(via) == published
        assert Device(place / "newcomer", shop.backend).install(via) == published
        assert Device(place / "heir", shop.backend).install(via, [place / "stick"]) == published


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(first=trees(), second=trees(), edits=st.data(), related=st.booleans())
def test_all_ways_from_one_tree_to_another_end_alike(
    first: Tree, second: Tree, edits: st.DataObject, *, related: bool
) -> None:
    second = edits.draw(changed(first), "changed") if related else second
    with small_scale(4096, 30_000), any_patch(), tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        place = Path(scratch)
        shop = Shop(place / "source")
        published = shop.publish(first)
        newcomers = {via: Device(place / f"new-{via}", shop.backend) for via in Via}
        assert {via: device.install(via) for via, device in newcomers.items()} == dict.fromkeys(Via, published)
        published = shop.publish(second)
        assert {via: device.update(via) for via, device in newcomers.items()} == dict.fromkeys(Via, published)
        assert Device(place / "later", shop.backend).install(Via.PATCH) == published


def cost(summary: Summary) -> int:
    """Return what a transfer costs, a request counted as the bytes that a plan would fetch to save it."""
    return summary.bytes_received + GAP * summary.requests


def mix(source: Random, size: int) -> bytes:
    """Return content of which some stretches compress and others do not."""
    data = b""
    while len(data) < size:
        data += make(source.choice((300, 1500, 6000)), source.randrange(9), noise=source.random() < 1 / 2)
    return data[:size]


def edit_often(source: Random, tree: Mapping[str, bytes]) -> dict[str, bytes]:
    """Replace, insert and cut out stretches of several files."""
    edited = dict(tree)
    for path in tree:
        for _ in range(source.choice((0, 1, 1, 2, 4, 8))):
            data = edited[path]
            at, gone = source.randint(0, len(data)), source.choice((0, 1, 700, 5000))
            edited[path] = data[:at] + mix(source, source.choice((0, 1, 300, 900, 4000))) + data[at + gone :]
    return edited


def as_tree(version: Mapping[str, bytes]) -> Tree:
    return {path: File(data, TIME) for path, data in version.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(seed=648, frame_size=1 << 20)
@example(seed=300385, frame_size=1 << 20)
@given(seed=st.integers(0, (1 << 32) - 1), frame_size=st.sampled_from((512, 2048, 4096, 1 << 20)))
def test_no_way_is_dearer_than_whole_files(seed: int, frame_size: int) -> None:
    source = Random(seed)
    versions = [{f"{number}.bin": mix(source, source.choice((1500, 6000, 20_000, 60_000))) for number in range(4)}]
    versions += [edit_often(source, versions[0])]
    versions += [edit_often(source, versions[1])]
    first, *others = (as_tree(version) for version in versions)
    with small_scale(frame_size, 1 << 20), tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        place = Path(scratch)
        shop = Shop(place / "source")
        write(first, place / "stick")
        shop.publish(first)
        follower, sleeper, heir = (Device(place / name, shop.backend) for name in ("follower", "sleeper", "heir"))
        follower.install(Via.AUTO)
        sleeper.install(Via.AUTO)
        for tree in others:
            published = shop.publish(tree)
            full = cost(follower.plan(Via.FULL))
            for via in (Via.BLOCKS, Via.AUTO):
                assert cost(follower.plan(via)) <= full
            assert follower.update(Via.BLOCKS) == published
        # These have other files than the publisher compared with. So signatures may turn out to be of no use, and the
        # history too, which knows of patches but not of how many bytes all other ways take (ADR 11).
        for device, folders in ((sleeper, ()), (heir, (place / "stick",))):
            full = cost(device.plan(Via.FULL, folders))
            for via in (Via.BLOCKS, Via.AUTO):
                device.looked.clear()
                planned = cost(device.plan(via, folders))
                assert planned <= full + sum(length + GAP for length in device.looked)
