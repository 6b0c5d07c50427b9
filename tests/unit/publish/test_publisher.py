from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from catsync_core.backends.protocol import Capabilities
from catsync_core.errors import ConflictError, MissingObjectError, SourceError, UnsupportedError, UsageError
from catsync_core.events import Event, Phase
from catsync_core.publish import previous, publisher
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.faults import FaultyBackend
from catsync_core.testing.memory import MemoryBackend

if TYPE_CHECKING:
    from unit.publish.conftest import Shop, Tree, Write

LINES = "".join(f"article {number}; price {number * 7919 % 1000}\n" for number in range(3000)).encode()
NOISE = Random(1).randbytes(30_000)
TREE: Tree = {"a.json": LINES, "b.jpg": NOISE, "c/empty": b"", "d": None, "copy.json": LINES}
ASKED = Counter({"get index.json": 1, "get heads": 1, "get manifests": 1})


def test_a_first_version_is_the_folder(shop: Shop, write: Write) -> None:
    publication = shop.publisher.publish(write(TREE), "shoes", title="Shoes", note="spring")
    assert shop.calls() == {
        "get index.json": 2,
        "list packs": 1, "list signatures": 1, "list tables": 1, "list manifests": 1, "list heads": 1,
        "put packs": 1, "put signatures": 1, "put tables": 1, "put manifests": 1, "put heads": 1,
        "swap index.json": 1,
    }  # fmt: skip
    assert (publication.version, publication.published, publication.files, publication.changed_files) == (1, True, 4, 4)
    assert publication.bytes == 2 * len(LINES) + len(NOISE)
    assert shop.read() == TREE
    summary = shop.summary()
    assert summary is not None
    head = shop.repository.head(summary.head, "shoes", summary.version)
    assert (head.title, head.note, head.previous) == ("Shoes", "spring", None)


def test_objects_come_before_what_names_them(shop: Shop, write: Write) -> None:
    shop.publisher.publish(write(TREE), "shoes")
    written = [key.partition("/")[0] for method, key in shop.backend.calls if method in {"put", "swap"}]
    assert written == ["packs", "signatures", "tables", "manifests", "heads", "index.json"]


def test_the_same_folder_again_is_no_version_and_uploads_nothing(shop: Shop, write: Write) -> None:
    shop.publisher.publish(write(TREE), "shoes")
    shop.calls()
    again = shop.publisher.publish(write(TREE), "shoes", note="nothing new")
    assert (again.version, again.published, again.bytes_uploaded) == (1, False, 0)
    assert shop.calls() == ASKED


def test_another_time_of_change_alone_is_no_version(shop: Shop, write: Write) -> None:
    folder = write(TREE)
    shop.publisher.publish(folder, "shoes")
    os.utime(folder / "a.json", (1, 1))
    assert not shop.publisher.publish(folder, "shoes").published


def test_a_new_title_is_a_version_without_packs(shop: Shop, write: Write) -> None:
    shop.publisher.publish(write(TREE), "shoes", title="Shoes")
    shop.calls()
    second = shop.publisher.publish(write(TREE), "shoes", title="Boots")
    assert (second.version, second.changed_files) == (2, 0)
    calls = shop.calls()
    assert (calls["put packs"], calls["put manifests"], calls["put heads"]) == (0, 1, 1)
    assert shop.publisher.publish(write(TREE | {"new": b"x"}), "shoes").version == 3
    summary = shop.summary()
    assert summary is not None
    assert summary.title == "Boots"


@pytest.mark.parametrize(
    "after",
    [
        {path: data for path, data in TREE.items() if path != "b.jpg"},
        {path.replace("b.jpg", "renamed.jpg"): data for path, data in TREE.items()},
        {**TREE, "one more.jpg": NOISE},
        {**TREE, "e/f": None},
        {path: data for path, data in TREE.items() if path != "d"},
    ],
    ids=["deletion", "rename", "duplicate", "new folder", "folder gone"],
)
def test_without_new_content_no_pack_is_made(shop: Shop, write: Write, after: Tree) -> None:
    shop.publisher.publish(write(TREE), "shoes")
    shop.calls()
    assert shop.publisher.publish(write(after), "shoes").published
    assert shop.calls()["put packs"] == 0
    assert shop.read() == after


def test_the_version_before_is_linked(shop: Shop, write: Write) -> None:
    seen = []
    for number in range(3):
        shop.publisher.publish(write({"a": b"%d" % number}), "shoes")
        seen.append(shop.summary())
    for before, after in zip([None, *seen[:-1]], seen, strict=True):
        assert after is not None
        assert shop.repository.head(after.head, "shoes", after.version).previous == (before.head if before else None)


def test_two_publications_make_the_same_objects(shop: Shop, write: Write) -> None:
    other = MemoryBackend()
    Publisher(other).init()
    for tree in (TREE, {**TREE, "a.json": LINES[:20_000] + b"new" + LINES[20_000:], "x": b"x" * 4000}):
        folder = write(tree)
        for path in folder.rglob("*"):
            os.utime(path, (1, 1))
        shop.publisher.publish(folder, "shoes")
        Publisher(other).publish(folder, "shoes")
    mine, its = ({found.key for found in backend.list()} for backend in (shop.backend, other))
    named_by_time = ("heads/", "index.json")
    assert {key for key in mine if not key.startswith(named_by_time)} == {
        key for key in its if not key.startswith(named_by_time)
    }


def test_a_large_version_has_several_packs(shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "_PACK_SIZE", 20_000)
    shop.publisher.publish(write(TREE), "shoes")
    assert shop.calls()["put packs"] == 2
    assert shop.read() == TREE


def test_a_mostly_dead_pack_is_left(shop: Shop, write: Write) -> None:
    files: Tree = {f"{number}": Random(number).randbytes(5000) for number in range(10)}
    shop.publisher.publish(write(files), "shoes")
    (first,) = shop.manifest().packs
    for number in range(5):
        del files[f"{number}"]
    shop.publisher.publish(write(files), "shoes")
    assert shop.manifest().packs == (first,)
    del files["5"]
    shop.publisher.publish(write(files), "shoes")
    (second,) = shop.manifest().packs
    assert second != first
    assert second.pack.length == 20_000
    assert shop.read() == files


def test_a_first_download_stays_bounded_after_many_versions(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previous, "_PACKS", 4)
    random = Random(5)
    files: Tree = {f"{number}": random.randbytes(3000) for number in range(20)}
    for _ in range(25):
        files[f"{random.randrange(20)}"] = random.randbytes(3000)
        files[f"{random.randrange(20)}"] = random.randbytes(3000)
        shop.publisher.publish(write(files), "shoes")
        manifest = shop.manifest()
        assert len(manifest.packs) <= 5
        assert sum(ref.pack.length for ref in manifest.packs) <= 2 * manifest.total_bytes() + 6000
    assert shop.read() == files


def test_times_that_no_device_can_keep_are_brought_nearer(shop: Shop, write: Write) -> None:
    folder = write({"new": b"x", "normal": b"y", "old": b"z"})
    for path, seconds in {"new": 1 << 33, "normal": 1_600_000_000, "old": -5}.items():
        os.utime(folder / path, (seconds, seconds))
    shop.publisher.publish(folder, "shoes")
    times = {entry.path: entry.mtime for entry in shop.manifest().entries}
    assert times == {"new": (1 << 32) - 1, "normal": 1_600_000_000, "old": 0}


def publish_meanwhile(shop: Shop, write: Write, catalog: str) -> None:
    """Let somebody else publish a catalog just before the index is swapped."""
    rival = Publisher(shop.backend)

    def intervene(event: Event) -> None:
        if isinstance(event, Phase) and event.name == "commit":
            rival.publish(write({"theirs": b"theirs"}), catalog)

    shop.listener = intervene


@pytest.mark.parametrize("versions", [0, 1])
def test_of_two_publishers_of_one_catalog_one_wins(shop: Shop, write: Write, versions: int) -> None:
    for _ in range(versions):
        shop.publisher.publish(write({"base": b"base"}), "shoes")
    publish_meanwhile(shop, write, "shoes")
    with pytest.raises(ConflictError, match="Somebody else published shoes"):
        shop.publisher.publish(write({"mine": b"mine"}), "shoes")
    assert shop.read() == {"theirs": b"theirs"}
    summary = shop.summary()
    assert summary is not None
    assert summary.version == versions + 1


def test_publishers_of_two_catalogs_both_win(shop: Shop, write: Write) -> None:
    publish_meanwhile(shop, write, "bags")
    shop.publisher.publish(write({"mine": b"mine"}), "shoes")
    index = shop.repository.index().index
    assert index is not None
    assert sorted(index.catalogs) == ["bags", "shoes"]
    assert index.serial == 3
    assert shop.read() == {"mine": b"mine"}


def test_an_index_that_never_rests_ends_in_a_conflict(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ConflictError("changed")

    monkeypatch.setattr(shop.backend, "swap", refuse)
    with pytest.raises(ConflictError, match="changes all the time"):
        shop.publisher.publish(write(TREE), "shoes")


def test_a_repository_is_made_once(shop: Shop) -> None:
    with pytest.raises(ConflictError, match="There is a repository"):
        shop.publisher.init()


def test_without_a_repository_nothing_is_published(faulty_backend: FaultyBackend, write: Write) -> None:
    with pytest.raises(MissingObjectError, match="There is no repository"):
        Publisher(faulty_backend).publish(write(TREE), "shoes")
    assert [method for method, _ in faulty_backend.calls] == ["get"]


@pytest.mark.parametrize(("title", "note"), [(" ", ""), ("x" * 257, ""), (None, "x" * 4097)])
def test_words_out_of_bounds_are_refused(shop: Shop, write: Write, title: str | None, note: str) -> None:
    with pytest.raises(UsageError):
        shop.publisher.publish(write(TREE), "shoes", title=title, note=note)
    assert shop.calls() == {}


def test_what_cannot_be_published_uploads_nothing(shop: Shop, write: Write) -> None:
    with pytest.raises(SourceError):
        shop.publisher.publish(write({"con": b""}), "shoes")
    assert shop.calls() == {"get index.json": 1}


def test_a_backend_that_only_reads_is_refused(shop: Shop, write: Write, memory_backend: MemoryBackend) -> None:
    memory_backend.capabilities = Capabilities(write=False, swap=False)
    with pytest.raises(UnsupportedError, match="cannot be written to"):
        shop.publisher.publish(write(TREE), "shoes")
    assert shop.calls() == {}
