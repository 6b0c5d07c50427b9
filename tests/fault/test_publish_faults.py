"""A publisher that is interrupted anywhere leaves complete versions only, and wastes nothing that it has uploaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from catsync_core.backends.protocol import Backend
from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.errors import IntegrityError, RemoteError
from catsync_core.events import Event, Phase
from catsync_core.format.objects import INDEX_KEY
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.faults import Fault, FaultyBackend, FlipBit, Reset, Status, Truncate, WebPage
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer.reader import ContentReader
from catsync_core.transfer.repository import Repository

Tree = dict[str, bytes]

OLD: Tree = {
    "lines.json": Random(0).randbytes(50_000).hex().encode(),
    "a.jpg": Random(1).randbytes(30_000),
    "b.jpg": Random(2).randbytes(30_000),
}
NEW: Tree = {
    **OLD,
    "lines.json": OLD["lines.json"][:20_000] + b"new\n" + OLD["lines.json"][20_000:],
    "b.jpg": Random(3).randbytes(30_000),
}


# Calls that change something in one publish: pack, signatures, table, manifest, head, index; with an earlier version
# also a patch; with three of them patches from the last two, and the history, which knows the third.
FIRST, SECOND = ([NEW], 6), ([OLD, NEW], 7)
FOURTH = ([OLD, OLD | {"a.txt": b"a"}, OLD | {"b.txt": b"b"}, NEW], 9)
LAST = FIRST[1]


class KilledError(Exception):
    """The publisher's process ended here."""


class Killer(BackendWrapper):
    """Ends the process at the n-th call that changes something, before or after it is carried out.

    Args:
        inner: The backend.
        number: Which call, from 1.
        after: The call is still carried out.
    """

    def __init__(self, inner: Backend, number: int, *, after: bool) -> None:
        super().__init__(inner)
        self._left = number
        self._after = after

    def put(self, key: str, source: bytes | Path) -> None:
        self._change(lambda: self.inner.put(key, source))

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        self._change(lambda: self.inner.swap(key, body, expected_etag=expected_etag))
        return ""

    def _change(self, act: Callable[[], object]) -> None:
        self._left -= 1
        if self._left or self._after:
            act()
        if not self._left:
            raise KilledError


def write(tree: Tree, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for path in {file.name for file in folder.iterdir()} - tree.keys():
        (folder / path).unlink()
    for path, data in tree.items():
        if not (folder / path).exists() or (folder / path).read_bytes() != data:
            (folder / path).write_bytes(data)
    return folder


def read(backend: Backend) -> Tree:
    """Read the newest version whole, every byte verified."""
    repository = Repository(backend)
    index = repository.index().index
    assert index is not None
    if "shoes" not in index.catalogs:
        return {}
    manifest, _ = repository.manifest(
        repository.head(index.catalogs["shoes"].head, "shoes", index.catalogs["shoes"].version)
    )
    reader = ContentReader(repository, manifest)
    return {path: b"".join(reader.read_content(content)) for path, content in manifest.files().items()}


def put_keys(backend: FaultyBackend) -> list[str]:
    """Return what was put since this was last asked."""
    keys = [key for method, key in backend.calls if method == "put"]
    backend.calls.clear()
    return keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def repository(faulty_backend: FaultyBackend, monkeypatch: pytest.MonkeyPatch) -> FaultyBackend:
    """An empty repository; the clock stands, so that publishing the same again makes the same objects."""
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    Publisher(faulty_backend).init()
    faulty_backend.calls.clear()
    return faulty_backend


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("versions", "last", "number"),
    [(versions, last, number) for versions, last in (FIRST, SECOND, FOURTH) for number in range(1, last + 1)],
)
def test_a_killed_publisher_leaves_complete_versions_and_its_uploads(
    repository: FaultyBackend, folder: Path, versions: list[Tree], last: int, number: int, *, after: bool
) -> None:
    *earlier, tree = versions
    for old in earlier:
        Publisher(repository).publish(write(old, folder), "shoes")
    before = read(repository)
    put_keys(repository)
    with pytest.raises(KilledError):
        Publisher(Killer(repository, number, after=after)).publish(write(tree, folder), "shoes")
    committed = number == last and after
    assert read(repository) == (tree if committed else before)
    uploaded = put_keys(repository)
    assert len(uploaded) == min(number - (not after), last - 1)

    publication = Publisher(repository).publish(folder, "shoes")
    assert (publication.version, publication.published) == (len(versions), not committed)
    again = put_keys(repository)
    assert set(again).isdisjoint(uploaded)
    assert len(uploaded) + len(again) == last - 1
    assert read(repository) == tree


@pytest.mark.parametrize("key", ["packs/", "signatures/", "tables/", "patches/", "manifests/", "heads/", INDEX_KEY])
@pytest.mark.parametrize(
    "fault", [Status(503), Status(403), Reset(), Truncate(2), WebPage()], ids=lambda fault: type(fault).__name__
)
def test_a_failing_backend_changes_nothing_that_is_read(
    repository: FaultyBackend, folder: Path, key: str, fault: Fault
) -> None:
    Publisher(repository).publish(write(OLD, folder), "shoes")
    write(NEW, folder)

    def fail_to_change(event: Event) -> None:
        if isinstance(event, Phase) and event.name == ("commit" if key == INDEX_KEY else "upload"):
            repository.plan.add(fault, key=key, times=2)

    with pytest.raises(RemoteError):
        Publisher(repository, listener=fail_to_change).publish(folder, "shoes")
    repository.plan.clear()
    answer_was_lost = key == INDEX_KEY and isinstance(fault, Reset | Truncate)
    assert read(repository) in ([OLD, NEW] if answer_was_lost else [OLD])
    assert Publisher(repository).publish(folder, "shoes").version == 2
    assert read(repository) == NEW


@pytest.mark.parametrize("key", ["heads/", "manifests/"])
def test_a_damaged_version_before_is_refused_and_not_built_upon(
    repository: FaultyBackend, folder: Path, key: str
) -> None:
    Publisher(repository).publish(write(OLD, folder), "shoes")
    repository.plan.add(FlipBit(3), key=key)
    put_keys(repository)
    with pytest.raises(IntegrityError):
        Publisher(repository).publish(write(NEW, folder), "shoes")
    assert put_keys(repository) == []
    assert read(repository) == OLD


@pytest.mark.parametrize("kind", ["packs/", "tables/"])
def test_what_a_lost_object_held_is_published_anew(
    repository: FaultyBackend, folder: Path, memory_backend: MemoryBackend, kind: str
) -> None:
    Publisher(repository).publish(write(OLD, folder), "shoes")
    for key in [key for key in memory_backend.objects if key.startswith(kind)]:
        del memory_backend.objects[key]
    Publisher(repository).publish(write(NEW, folder), "shoes")
    assert read(repository) == NEW


def test_a_truncated_object_of_an_earlier_attempt_is_uploaded_anew(
    repository: FaultyBackend, folder: Path, memory_backend: MemoryBackend
) -> None:
    with pytest.raises(KilledError):
        Publisher(Killer(repository, LAST, after=False)).publish(write(OLD, folder), "shoes")
    (pack,) = (key for key in memory_backend.objects if key.startswith("packs/"))
    memory_backend.objects[pack] = memory_backend.objects[pack][:-1]
    put_keys(repository)
    Publisher(repository).publish(folder, "shoes")
    assert put_keys(repository) == [pack]
    assert read(repository) == OLD


def test_a_clock_that_runs_behind_makes_no_version_older(
    repository: FaultyBackend, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Publisher(repository).publish(write(OLD, folder), "shoes")
    monkeypatch.setattr(time, "time", lambda: 1_600_000_000.0)
    Publisher(repository).publish(write(NEW, folder), "shoes")
    index = Repository(repository).index().index
    assert index is not None
    assert index.catalogs["shoes"].published == 1_700_000_000
