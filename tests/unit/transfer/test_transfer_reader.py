from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from catsync_core.errors import IntegrityError, MissingObjectError
from catsync_core.testing.faults import FlipBit, Status
from catsync_core.transfer.frame_cache import FrameCache
from catsync_core.transfer.reader import ContentReader

if TYPE_CHECKING:
    from unit.transfer.conftest import Bench, Tree

HEX = Random(1).randbytes(700_000).hex().encode()
FILM = Random(2).randbytes(1_500_000)
TREE: Tree = {
    "list.json": HEX,
    "film.mp4": FILM,
    "empty": b"",
    **{f"{number}.txt": HEX[:300] for number in range(3)},
    "z.txt": HEX[:500],
}


@pytest.fixture
def reader(bench: Bench) -> ContentReader:
    bench.publish(TREE)
    return ContentReader(bench.repository, bench.prepare({}).manifest)


def test_every_file_is_read_as_it_was_published(bench: Bench, reader: ContentReader) -> None:
    files = bench.prepare({}).manifest.files()
    assert {path: b"".join(reader.read_content(content)) for path, content in files.items()} == TREE


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(sorted(TREE)), cut=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_any_range_of_any_file_can_be_read(reader: ContentReader, path: str, cut: tuple[float, float]) -> None:
    data = TREE[path]
    assert data is not None
    begin, end = sorted(int(part * len(data)) for part in cut)
    content = reader._manifest.files()[path]
    assert b"".join(reader.read_range(content, begin, end - begin)) == data[begin:end]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.permutations(sorted(TREE)), cut=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_any_range_of_contents_in_any_row_can_be_read(
    reader: ContentReader, row: list[str], cut: tuple[float, float]
) -> None:
    data = b"".join(TREE[path] or b"" for path in row)
    begin, end = sorted(int(part * len(data)) for part in cut)
    files = reader._manifest.files()
    assert b"".join(reader.read_row([files[path] for path in row], begin, end - begin)) == data[begin:end]


def test_contents_that_adjoin_are_looked_up_once_for_all(bench: Bench) -> None:
    class Counting(FrameCache[bytes]):
        asked = 0

        def get(self, key: tuple[str, int]) -> bytes | None:
            self.asked += 1
            return super().get(key)

    bench.publish({f"{number}.txt": HEX[number : number + 300] for number in range(100)})
    manifest, cache = bench.prepare({}).manifest, Counting()
    reader = ContentReader(bench.repository, manifest, cache)
    assert len(list(reader.read_row(manifest.contents, 0, 30_000))) == cache.asked == 1


def test_neighbours_in_a_frame_cost_one_request(bench: Bench, reader: ContentReader) -> None:
    files = bench.prepare({}).manifest.files()
    bench.calls()
    for path in ("0.txt", "z.txt", "0.txt"):
        b"".join(reader.read_content(files[path]))
    assert bench.calls() == {"get tables": 1, "read packs": 1}


@pytest.mark.parametrize("path", ["list.json", "film.mp4", "z.txt"])
def test_a_damaged_frame_is_refused_and_not_remembered(bench: Bench, reader: ContentReader, path: str) -> None:
    content = bench.prepare({}).manifest.files()[path]
    bench.backend.plan.add(FlipBit(20), key="packs/")
    with pytest.raises(IntegrityError):
        list(reader.read_content(content))
    assert b"".join(reader.read_content(content)) == TREE[path]


def test_the_last_piece_of_another_content_is_never_yielded(bench: Bench, reader: ContentReader) -> None:
    content = replace(bench.prepare({}).manifest.files()["z.txt"], sha256=bytes(32))
    pieces: list[bytes] = []
    with pytest.raises(IntegrityError, match="does not have the SHA-256"):
        pieces.extend(reader.read_content(content))
    assert b"".join(pieces) != TREE["z.txt"]


def test_a_lost_pack_is_named(bench: Bench, reader: ContentReader) -> None:
    bench.backend.plan.add(Status(404), key="packs/")
    with pytest.raises(MissingObjectError, match="packs/"):
        list(reader.read_content(bench.prepare({}).manifest.files()["z.txt"]))


def test_the_frames_used_last_stay_up_to_the_capacity() -> None:
    cache = FrameCache(100)
    for offset in range(3):
        cache.put(("pack", offset), bytes(40))
    assert [cache.get(("pack", offset)) is not None for offset in range(3)] == [False, True, True]
    cache.get(("pack", 1))
    cache.put(("pack", 3), bytes(40))
    assert [cache.get(("pack", offset)) is not None for offset in range(4)] == [False, True, False, True]
    cache.put(("pack", 4), bytes(1000))
    assert [cache.get(("pack", offset)) is not None for offset in range(5)] == [False] * 4 + [True]


def test_a_dropped_frame_makes_room() -> None:
    cache = FrameCache[bytes](10)
    cache.put(("a", 0), b"12345")
    cache.put(("a", 5), b"12345")
    cache.drop(("a", 0))
    cache.drop(("b", 0))
    assert ("a", 0) not in cache
    cache.put(("a", 10), b"12345")
    assert cache.get(("a", 5)) == cache.get(("a", 10)) == b"12345"
