from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from catsync_core.format.manifest import Content, Entry, Manifest, write_plain
from catsync_core.publish import draft
from catsync_core.publish.draft import Draft, OldVersion, draft_frames
from catsync_core.publish.scan import SourceFile, scan
from catsync_core.publish.scan_cache import ScanCache

Tree = dict[str, bytes]

OUTPUT, SOLID, PREFIX, CONTEXT, SLACK = 1000, 1500, 2000, 600, 100


@pytest.fixture(autouse=True)
def _small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"_OUTPUT": OUTPUT, "_SOLID": SOLID, "_PREFIX": PREFIX, "_CONTEXT_LEAST": CONTEXT, "_SLACK": SLACK}
    for name, size in sizes.items():
        monkeypatch.setattr(draft, name, size)


def make_old(tree: Tree, *, piece: int = 300) -> OldVersion:
    """An old version whose contents lie in the old stream in the order of the tree."""
    by_hash = {sha256(data).digest(): data for data in tree.values()}
    contents = tuple(Content(digest, len(data), 0, number) for number, (digest, data) in enumerate(by_hash.items()))
    index = {digest: number for number, digest in enumerate(by_hash)}
    entries = tuple(Entry(path, 0, index[sha256(tree[path]).digest()]) for path in tree)

    def read(contents: Sequence[Content], offset: int, length: int) -> Iterable[bytes]:
        data = b"".join(by_hash[content.sha256] for content in contents)[offset : offset + length]
        return (data[at : at + piece] for at in range(0, len(data), piece))

    manifest = Manifest("shoes", 1, (), contents, entries)
    return OldVersion(manifest, read, write_plain(manifest) if tree else b"")


@pytest.fixture
def write(tmp_path: Path) -> SourceWriter:
    return SourceWriter(tmp_path / "source")


class SourceWriter:
    """Writes files, and returns them as the scan finds them, in the order in which they were given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, tree: Tree) -> list[SourceFile]:
        for path, data in tree.items():
            location = self._folder / path
            location.parent.mkdir(parents=True, exist_ok=True)
            location.write_bytes(data)
        found = {file.path: file for file in scan(self._folder, ScanCache(None), lambda _: None).files}
        return [found[path] for path in tree]


def noise(size: int, seed: int) -> bytes:
    return Random(seed).randbytes(size)


def yielded(frame: Draft) -> bytes:
    return b"".join(data for piece in frame.pieces for data in piece.read())


def prefix_of(old: OldVersion, frame: Draft) -> bytes:
    return b"".join(data for span in frame.prefix for data in old.read_span(*span))


def check_bounds(frames: list[Draft], most: int) -> None:
    for frame in frames:
        assert 0 < frame.size <= most
        assert sum(size for _, size in frame.prefix) <= PREFIX
        ends = [0, *(start + size for start, size in frame.prefix)]
        assert all(end < start or end == 0 for end, (start, _) in zip(ends, frame.prefix, strict=False))


def test_frames_tile_the_new_stream(write: SourceWriter) -> None:
    sizes = (10, 990, 1, 400, 400, 400, 2500, 999, 1000, 1001, 5)
    tree = {f"{number:02}.txt": noise(size, number) for number, size in enumerate(sizes)}
    old = make_old({path: noise(len(data), 50 + number) for number, (path, data) in enumerate(tree.items())})
    frames = list(draft_frames(old, write(tree)))
    assert b"".join(map(yielded, frames)) == b"".join(tree.values())
    assert [frame.size for frame in frames] == [1000, 801, 400, 1000, 1000, 500, 999, 1000, 1000, 1, 5]
    check_bounds(frames, OUTPUT)


def test_a_patch_from_nothing_has_larger_frames_and_no_prefix(write: SourceWriter) -> None:
    frames = list(draft_frames(make_old({}), write({"a": noise(1000, 1), "b": noise(500, 2), "c": noise(3001, 3)})))
    assert [(frame.size, frame.prefix) for frame in frames] == [(1500, ()), (1500, ()), (1500, ()), (1, ())]


def test_files_get_what_they_looked_like_before(write: SourceWriter) -> None:
    old = make_old({"a.txt": noise(300, 1), "between.bin": noise(300, 2), "b.txt": noise(300, 3)})
    (frame,) = draft_frames(old, write({"a.txt": noise(310, 4), "b.txt": noise(310, 5)}))
    assert frame.prefix == ((0, 300), (600, 300))
    assert prefix_of(old, frame) == noise(300, 1) + noise(300, 3)


def test_neighbours_in_the_old_stream_are_one_span(write: SourceWriter) -> None:
    old = make_old({"a.txt": noise(300, 1), "b.txt": noise(300, 3), "c.txt": noise(9, 2)})
    (frame,) = draft_frames(old, write({"b.txt": noise(310, 5), "a.txt": noise(310, 4)}))
    assert frame.prefix == ((0, 600),)


def test_a_predecessor_of_several_files_stands_once_in_the_prefix(write: SourceWriter) -> None:
    data = noise(300, 1)
    old = make_old({"a.txt": data, "b.txt": data})
    (frame,) = draft_frames(old, write({"a.txt": noise(310, 5), "b.txt": noise(310, 4)}))
    assert frame.prefix == ((0, 300),)


def test_predecessors_beyond_the_bound_are_left_out(write: SourceWriter) -> None:
    old = make_old({"a.txt": noise(1900, 1), "b.txt": noise(200, 2), "c.txt": noise(90, 3)})
    frames = list(draft_frames(old, write({path: noise(100, ord(path[0])) for path in ("a.txt", "b.txt", "c.txt")})))
    check_bounds(frames, OUTPUT)
    (frame,) = frames
    assert frame.prefix == ((0, 1900), (2100, 90))


def test_an_added_file_gets_like_files_first(write: SourceWriter) -> None:
    old = make_old(
        {
            "other/1.bin": noise(300, 1),
            "other/2.txt": noise(300, 2),
            "texts/3.txt": noise(300, 3),
            "texts/4.bin": noise(300, 4),
        }
    )
    (frame,) = draft_frames(old, write({"texts/unheard-of.txt": noise(200, 5)}))
    assert frame.prefix == ((300, 600),), "the same folder and type, then the same type, and no more than the context"


def test_context_leaves_room_for_predecessors(write: SourceWriter) -> None:
    old = make_old({"a.txt": noise(1800, 1), "b.txt": noise(300, 2), "c.txt": noise(150, 3)})
    frames = list(draft_frames(old, write({"a.txt": noise(500, 4), "unheard-of.txt": noise(200, 5)})))
    check_bounds(frames, OUTPUT)
    (frame,) = frames
    assert frame.prefix == ((0, 1800), (2100, 150))


def test_many_added_files_get_twice_their_size(write: SourceWriter) -> None:
    """More would make the patch larger: among old bytes that do not resemble, zstd finds those that do less well."""
    old = make_old({f"texts/{number}.txt": noise(100, number) for number in range(50)})
    (frame,) = draft_frames(old, write({"texts/unheard-of.txt": noise(400, 98), "texts/never-seen.txt": noise(60, 99)}))
    assert frame.prefix == ((0, 900),)


def test_an_added_file_that_resembles_an_old_one_gets_nothing_else(write: SourceWriter) -> None:
    old = make_old({"texts/spring-1.txt": noise(100, 1), "texts/unlike.txt": noise(100, 2), "a.txt": noise(100, 3)})
    (frame,) = draft_frames(old, write({"texts/spring-2.txt": noise(100, 4)}))
    assert frame.prefix == ((0, 100),)


def test_a_frame_of_changed_files_alone_gets_no_context(write: SourceWriter) -> None:
    old = make_old({"a.txt": noise(300, 1), "b.txt": noise(300, 2)})
    (frame,) = draft_frames(old, write({"a.txt": noise(310, 5)}))
    assert frame.prefix == ((0, 300),)


@pytest.mark.parametrize(
    ("old", "known"), [({"a.txt": b"a" * 300, "b.txt": b"b" * 300}, True), ({"a.txt": b"a" * 300}, False), ({}, False)]
)
def test_a_frame_is_known_if_every_file_was_there_before(write: SourceWriter, old: Tree, *, known: bool) -> None:
    (frame,) = draft_frames(make_old(old), write({"a.txt": noise(310, 1), "b.txt": noise(310, 2)}))
    assert frame.known == known


def test_each_piece_of_a_large_file_gets_the_region_that_it_came_from(write: SourceWriter) -> None:
    before = noise(10_000, 1)
    old = make_old({"first.bin": noise(77, 2), "large.bin": before})
    after = before[:2000] + noise(80, 3) + before[2000:]
    frames = list(draft_frames(old, write({"large.bin": after})))
    check_bounds(frames, OUTPUT)
    assert [frame.size for frame in frames] == [*[OUTPUT] * 10, 80]
    for number, frame in enumerate(frames):
        (span,) = frame.prefix
        assert 77 <= span[0] < span[0] + span[1] <= 77 + len(before)
        prefix = prefix_of(old, frame)
        shared = sum(yielded(frame)[at : at + 20] in prefix for at in range(0, frame.size - 19, 20))
        assert shared >= 0.85 * (frame.size // 20), f"piece {number} finds what it came from"


def test_a_large_file_without_predecessor_has_no_prefix(write: SourceWriter) -> None:
    old = make_old({"a.txt": noise(300, 1)})
    frames = list(draft_frames(old, write({"new.film": noise(2500, 2)})))
    assert [(frame.size, frame.prefix) for frame in frames] == [(1000, ()), (1000, ()), (500, ())]


@pytest.mark.parametrize("piece", [1, 7, 300, 5000])
def test_any_range_of_the_old_stream_can_be_read(piece: int) -> None:
    tree = {"a": noise(100, 1), "b": b"", "c": noise(1, 2), "d": noise(250, 3)}
    old = make_old(tree, piece=piece)
    stream = b"".join(tree.values())
    for start in range(0, len(stream), 13):
        for size in (1, 2, 99, len(stream) - start):
            end = min(start + size, len(stream))
            assert b"".join(old.read_span(start, end - start)) == stream[start:end]
