"""Which patches a publisher makes, and which ones not."""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

import pytest

from catsync_core.errors import MissingObjectError, NotFoundError, UsageError
from catsync_core.events import Warned
from catsync_core.format.head import Head
from catsync_core.format.objects import object_key
from catsync_core.limits import LIMITS
from catsync_core.publish import patches as patches_module
from catsync_core.publish.effort import Effort, Settings
from catsync_core.publish.patch import root_of
from catsync_core.publish.patches import _old_version
from catsync_core.publish.previous import Previous
from catsync_core.publish.scan import ChangedWhilePublishingError, scan
from catsync_core.publish.scan_cache import ScanCache
from catsync_core.testing.faults import FaultyBackend
from catsync_core.testing.memory import MemoryBackend

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catsync_core.format.manifest import Content
    from unit.publish.conftest import Shop, Tree, Write

LINES = "".join(f"article {number}; price {number * 7919 % 1000}\n" for number in range(3000)).encode()


def edition(number: int) -> Tree:
    """A tree in which every version changes some lines and adds a small file."""
    lines = LINES.replace(b"price 7;", b"price %d;" % (1000 + number))
    return {
        "a.json": b"edition %d\n" % number + lines,
        "same.jpg": Random(1).randbytes(5000),
        f"{number}.txt": LINES[:500],
    }


def head_of(shop: Shop) -> Head:
    summary = shop.summary()
    assert summary is not None
    return shop.repository.head(summary.head, "shoes", summary.version)


def stored(backend: FaultyBackend) -> dict[str, bytes]:
    assert isinstance(backend.inner, MemoryBackend)
    return backend.inner.objects


def patches(shop: Shop) -> set[str]:
    return {key for key in stored(shop.backend) if key.startswith("patches/")}


def publish(shop: Shop, write: Write, tree: Tree, effort: Effort = Effort.DEFAULT) -> str:
    """Publish; returns the version's name in patches."""
    shop.publisher.publish(write(tree), "shoes", effort=effort)
    return root_of(shop.manifest())


def test_a_first_version_has_no_patch(shop: Shop, write: Write) -> None:
    publish(shop, write, edition(1))
    assert head_of(shop).patches == ()
    assert patches(shop) == set()


def test_versions_have_patches_from_one_two_four_and_eight_versions_before(shop: Shop, write: Write) -> None:
    roots = []
    for number in range(1, 11):
        roots.append(publish(shop, write, edition(number)))
        newest = len(roots) - 1
        expected = [roots[newest - distance] for distance in (1, 2, 4, 8) if distance <= newest]
        assert [(ref.base, ref.root) for ref in head_of(shop).patches] == [(base, roots[-1]) for base in expected]


def test_the_best_effort_also_makes_a_patch_from_nothing(shop: Shop, write: Write) -> None:
    first = publish(shop, write, edition(1), Effort.BEST)
    assert [(ref.base, ref.root) for ref in head_of(shop).patches] == [("", first)]
    second = publish(shop, write, edition(2), Effort.BEST)
    assert [(ref.base, ref.root) for ref in head_of(shop).patches] == [(first, second), ("", second)]


@pytest.mark.parametrize("asked", [{1}, {3, 1}, {4}, {4, 3, 2, 1}])
@pytest.mark.parametrize("effort", [Effort.FAST, Effort.DEFAULT])
def test_patches_begin_from_the_versions_that_are_asked_for_and_the_one_before(
    shop: Shop, write: Write, asked: set[int], effort: Effort
) -> None:
    roots = {number: publish(shop, write, edition(number), Effort.FAST) for number in (1, 2, 3, 4)}
    done = shop.publisher.publish(write(edition(5)), "shoes", effort=effort, patch_from=asked)
    expected = sorted({4, *asked}, reverse=True)
    patches = head_of(shop).patches
    assert [ref.base for ref in patches] == [roots[number] for number in expected]
    assert [(patch.from_version, patch.bytes) for patch in done.patches] == [
        (number, ref.patch.length) for number, ref in zip(expected, patches, strict=True)
    ]


def test_a_patch_from_nothing_comes_with_those_that_are_asked_for(shop: Shop, write: Write) -> None:
    for number in (1, 2, 3):
        publish(shop, write, edition(number), Effort.FAST)
    done = shop.publisher.publish(write(edition(4)), "shoes", effort=Effort.BEST, patch_from=[1])
    assert [patch.from_version for patch in done.patches] == [3, 1, None]


@pytest.mark.parametrize(("published", "number", "hint"), [(2, 3, "1 to 2"), (2, 0, "1 to 2"), (0, 1, "none yet")])
def test_a_version_that_never_was_is_refused_before_anything_is_done(
    shop: Shop, write: Write, published: int, number: int, hint: str
) -> None:
    for each in range(published):
        publish(shop, write, edition(each))
    shop.calls()
    with pytest.raises(NotFoundError, match=rf"shoes has no version {number} .*{hint}"):
        shop.publisher.publish(write(edition(9)), "shoes", patch_from=[number])
    assert not {call for call in shop.calls() if call.startswith(("put", "swap"))}


@pytest.mark.parametrize("kind", ["heads/", "manifests/", "packs/"])
def test_a_version_that_is_asked_for_and_lost_is_told(shop: Shop, write: Write, kind: str) -> None:
    publish(shop, write, {"old.json": LINES})
    lost = [key for key in stored(shop.backend) if key.startswith(kind)]
    for number in (2, 3):
        publish(shop, write, {"new.json": LINES[::-1] + b"%d" % number})
    for key in lost:
        del stored(shop.backend)[key]
    before = shop.summary()
    tree: Tree = {"old.json": LINES + b"more", "new.json": LINES[::-1]}
    with pytest.raises(MissingObjectError, match=rf"Version 1 of shoes cannot be read.*{kind}") as caught:
        shop.publisher.publish(write(tree), "shoes", patch_from=[1])
    assert "--patch-from" in caught.value.hint
    assert shop.summary() == before
    assert shop.publisher.publish(write(tree), "shoes", patch_from=[3]).version == 4


def test_no_more_patches_are_made_than_a_head_can_name(shop: Shop, write: Write) -> None:
    for number in range(LIMITS.patches + 2):
        publish(shop, write, {"a.json": b"edition %d" % number}, Effort.FAST)
    with pytest.raises(UsageError, match="31 patches"):
        shop.publisher.publish(write(edition(1)), "shoes", patch_from=range(1, LIMITS.patches + 1))


def test_a_patch_that_was_asked_for_and_saves_nothing_is_told(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        publish(shop, write, edition(number))
    monkeypatch.setattr("catsync_core.publish.patches._pays", lambda *_: False)
    told: list[str] = []
    shop.listener = lambda event: told.append(event.message) if isinstance(event, Warned) else None
    done = shop.publisher.publish(write(edition(4)), "shoes", patch_from=[1])
    assert done.patches == ()
    assert told == ["A patch from version 1 is not published: devices fetch less without it"]


def test_a_fast_publication_makes_one_patch(shop: Shop, write: Write) -> None:
    roots = [publish(shop, write, edition(number), Effort.FAST) for number in range(3)]
    assert [ref.base for ref in head_of(shop).patches] == [roots[1]]


def test_patches_lie_where_the_head_says_and_are_as_long(shop: Shop, write: Write) -> None:
    publish(shop, write, edition(1))
    publish(shop, write, edition(2))
    (ref,) = head_of(shop).patches
    assert patches(shop) == {object_key("patches", ref.patch)}
    assert len(stored(shop.backend)[object_key("patches", ref.patch)]) == ref.patch.length
    assert ref.header < ref.patch.length


def test_a_patch_is_counted_and_comes_before_the_head(shop: Shop, write: Write) -> None:
    publish(shop, write, edition(1))
    before = dict(stored(shop.backend))
    shop.calls()
    publication = shop.publisher.publish(write(edition(2)), "shoes")
    written = [key.partition("/")[0] for method, key in shop.backend.calls if method in {"put", "swap"}]
    assert written == ["packs", "signatures", "tables", "patches", "manifests", "heads", "index.json"]
    new = {key: body for key, body in stored(shop.backend).items() if before.get(key) != body}
    kinds = ("packs/", "signatures/", "tables/", "patches/")
    assert publication.bytes_uploaded >= sum(len(body) for key, body in new.items() if key.startswith(kinds))


def test_a_patch_that_saves_nothing_is_not_published(shop: Shop, write: Write) -> None:
    publish(shop, write, {"a.jpg": Random(1).randbytes(200_000)})
    publish(shop, write, {"a.jpg": Random(1).randbytes(200_000), "b.jpg": Random(2).randbytes(200_000)})
    saved = sum(ref.patch.length for ref in head_of(shop).patches)
    assert saved <= 200_000 + 500, "at most the manifest may be saved"


def test_no_patch_is_dearer_than_what_a_device_takes_without_it(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catsync_core.publish.patches._pays", lambda *_: False)
    publish(shop, write, edition(1), Effort.BEST)
    publish(shop, write, edition(2), Effort.BEST)
    assert head_of(shop).patches == ()
    assert patches(shop) == set()


@pytest.mark.parametrize("kind", ["heads/", "manifests/"])
def test_history_ends_at_a_version_that_is_lost(shop: Shop, write: Write, kind: str) -> None:
    roots = [publish(shop, write, edition(1))]
    first = {key for key in stored(shop.backend) if key.startswith(kind)}
    roots += [publish(shop, write, edition(number)) for number in (2, 3, 4)]
    for key in first:
        del stored(shop.backend)[key]
    publish(shop, write, edition(5))
    assert [ref.base for ref in head_of(shop).patches] == [roots[3], roots[2]]


@pytest.mark.parametrize("damage", ["lost", "rotten"])
def test_a_patch_from_a_version_that_is_damaged_in_the_repository_is_left_out(
    shop: Shop, write: Write, damage: str
) -> None:
    publish(shop, write, edition(1))
    only_old = [key for key in stored(shop.backend) if key.startswith("packs/")]
    second = publish(shop, write, {"b.json": LINES[::-1]})
    for key in only_old:
        if damage == "lost":
            del stored(shop.backend)[key]
        else:
            stored(shop.backend)[key] = bytes(len(stored(shop.backend)[key]))
    shop.publisher.publish(write({"a.json": LINES + b"more", "b.json": LINES[::-1] + b"more"}), "shoes")
    assert [ref.base for ref in head_of(shop).patches] == [second]
    assert shop.read() == {"a.json": LINES + b"more", "b.json": LINES[::-1] + b"more"}


def test_settings_without_distances_make_no_patch(shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Settings(level=3, frame_size=1 << 20, fresh_size=1 << 20)
    monkeypatch.setattr(Settings, "of", classmethod(lambda _, effort: none))
    publish(shop, write, edition(1))
    publish(shop, write, edition(2))
    assert head_of(shop).patches == ()


@pytest.mark.parametrize("catalog", ["shoes", "a-rather-long-name-of-a-catalog-that-goes-on-and-on-and-on"])
@pytest.mark.parametrize("effort", [Effort.DEFAULT, Effort.BEST])
def test_an_emptied_catalog_and_its_return_can_be_read(shop: Shop, write: Write, catalog: str, effort: Effort) -> None:
    only: Tree = {"a": b"x" * 100}
    for version, tree in enumerate((only, {}, only, {}), 1):
        shop.publisher.publish(write(tree), catalog, effort=effort)
        index = shop.repository.index().index
        assert index is not None
        head = shop.repository.head(index.catalogs[catalog].head, catalog, version)
        assert len({ref.base for ref in head.patches}) == len(head.patches), "each base has one patch"


@pytest.mark.parametrize("at_once", [70, 16 << 20])
def test_old_content_comes_from_the_folder_where_it_is_there_and_else_in_few_reads(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    lengths: list[int] = []
    read = Previous.read

    def note(previous: Previous, contents: Sequence[Content], offset: int, length: int) -> Iterator[bytes]:
        lengths.append(length)
        return read(previous, contents, offset, length)

    monkeypatch.setattr(Previous, "read", note)
    monkeypatch.setattr(patches_module, "_AT_ONCE", at_once)
    old: Tree = {f"{number}.txt": LINES[number : number + 100 * number] for number in range(1, 9)}
    shop.publisher.publish(write(old), "shoes")
    new = dict(old) | {path: b"changed" + path.encode() for path in ("2.txt", "3.txt", "6.txt", "7.txt")}
    here = {file.sha256: file for file in scan(write(new), ScanCache(None), lambda _: None).files}
    summary = shop.summary()
    assert summary is not None
    previous = Previous(shop.repository, summary.head, "shoes", 1)
    version = _old_version(previous, here)
    by_hash = {sha256(data or b"").digest(): data or b"" for data in old.values()}
    stream = b"".join(by_hash[content.sha256] for content in previous.manifest.contents)
    shop.calls()
    for start in range(0, len(stream), 97):
        for size in (1, 150, len(stream) - start):
            end = min(start + size, len(stream))
            assert b"".join(version.read_span(start, end - start)) == stream[start:end]
    assert shop.calls() == {"get tables": 1, "read packs": 1}
    assert max(lengths) <= at_once, "all that is read is held in memory"
    for content in previous.manifest.contents:
        if content.sha256 in here:
            here[content.sha256].location.unlink()
    with pytest.raises(ChangedWhilePublishingError):
        b"".join(version.read_span(0, len(stream)))
