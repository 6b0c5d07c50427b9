from __future__ import annotations

import csv
import io
import json
import threading
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catsync_core.errors import IntegrityError
from catsync_core.testing.faults import FlipBit
from catsync_core.transfer.frame_cache import FrameCache
from catsync_core.transfer.reader import ContentReader
from catsync_core.transfer.stream import ContentStream

if TYPE_CHECKING:
    from unit.transfer.conftest import Bench, Tree

KIB = 1 << 10
FRAME = 128 * KIB
FILM = Random(2).randbytes(6_000_000)
HEX = Random(1).randbytes(1_500_000).hex().encode()
ROWS = "".join(f"{number};boot {number}\n" for number in range(5000)).encode()
TREE: Tree = {"film.mp4": FILM, "list.json": HEX, "rows.csv": ROWS, "empty": b"", "prices.json": b'{"red": 10}'}


class Desk:
    """Opens streams over one reader, and counts."""

    def __init__(self, bench: Bench) -> None:
        bench.publish(TREE)
        self.bench = bench
        self.manifest = bench.prepare({}).manifest
        self.reader = ContentReader(bench.repository, self.manifest)

    def open(self, path: str) -> ContentStream:
        return ContentStream(self.reader, self.manifest.files()[path])

    def open_ready(self, path: str) -> ContentStream:
        """Open with the frame table already here, and count from now on."""
        self.reader.table(self.manifest.files()[path].pack)
        self.bench.calls()
        self._received = self.bench.meter.bytes_received
        return self.open(path)

    def fetched(self) -> int:
        return self.bench.meter.bytes_received - self._received

    def requests(self) -> int:
        return self.bench.calls()["read packs"]


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


@pytest.mark.parametrize("path", TREE)
def test_a_whole_file_is_what_was_published(desk: Desk, path: str) -> None:
    assert desk.open(path).read() == TREE[path]
    assert io.BufferedReader(desk.open(path)).read() == TREE[path]


def test_nothing_is_fetched_before_something_is_read(desk: Desk) -> None:
    desk.bench.calls()
    with desk.open("film.mp4") as stream:
        assert stream.readable()
        assert stream.seekable()
        assert stream.seek(0, io.SEEK_END) == len(FILM)
        assert stream.read(10) == b""
    assert desk.bench.calls()["read packs"] == 0


def test_a_read_in_the_middle_fetches_its_frames_in_one_request_and_no_others(desk: Desk) -> None:
    stream = desk.open_ready("film.mp4")
    stream.seek(10 * FRAME + 5)
    assert stream.read(2 * FRAME) == FILM[10 * FRAME + 5 : 12 * FRAME + 5]
    assert (desk.requests(), desk.fetched()) == (1, 3 * FRAME)


def test_reading_on_fetches_ahead_and_more_each_time(desk: Desk) -> None:
    stream = desk.open_ready("film.mp4")
    pieces, sizes, before = [], [], 0
    while piece := stream.read(64 * KIB):
        pieces.append(piece)
        if desk.fetched() > before:
            sizes.append(desk.fetched() - before)
            before = desk.fetched()
    assert b"".join(pieces) == FILM
    assert desk.fetched() == len(FILM)
    assert sizes[:-1] == sorted(sizes[:-1])
    assert sizes[0] == FRAME
    assert max(sizes) <= (2 << 20) + 2 * FRAME
    assert desk.requests() == len(sizes) <= 8


def test_a_jump_ends_fetching_ahead(desk: Desk) -> None:
    stream = desk.open_ready("film.mp4")
    for _ in range(8):
        stream.read(FRAME)
    before = desk.fetched()
    stream.seek(40 * FRAME)
    stream.read(100)
    assert desk.fetched() - before == FRAME


def test_jumping_to_where_it_stands_is_no_jump(desk: Desk) -> None:
    stream = desk.open_ready("film.mp4")
    stream.read(FRAME)
    stream.seek(FRAME)
    stream.read(FRAME)
    assert desk.fetched() > 2 * FRAME


def test_a_range_is_fetched_in_growing_pieces_and_nothing_behind_it(desk: Desk) -> None:
    stream = desk.open_ready("film.mp4")
    pieces = list(stream.read_range(FRAME, 33 * FRAME))
    assert b"".join(pieces) == FILM[FRAME : 33 * FRAME]
    assert [len(piece) // FRAME for piece in pieces] == [2, 4, 8, 16, 2]
    assert (desk.requests(), desk.fetched()) == (5, 32 * FRAME)


def test_a_range_beyond_the_end_stops_there(desk: Desk) -> None:
    stream = desk.open("film.mp4")
    assert b"".join(stream.read_range(len(FILM) - 7, len(FILM) + 100)) == FILM[-7:]
    assert list(stream.read_range(len(FILM), len(FILM) + 100)) == []


def test_what_is_kept_is_not_fetched_again(desk: Desk) -> None:
    stream = desk.open_ready("film.mp4")
    stream.seek(5 * FRAME)
    stream.read(10)
    desk.requests()
    stream.seek(4 * FRAME)
    stream.read(3 * FRAME)
    assert desk.fetched() == 3 * FRAME
    assert desk.requests() == 2


def test_memory_is_bounded(desk: Desk) -> None:
    frames = FrameCache[bytes](4 * FRAME)
    stream = ContentStream(
        ContentReader(desk.bench.repository, desk.manifest, frames), desk.manifest.files()["film.mp4"]
    )
    assert stream.read() == FILM
    assert sum(len(data) for data in frames._frames.values()) <= 4 * FRAME


def test_the_usual_readers_read_it(desk: Desk) -> None:
    with io.TextIOWrapper(io.BufferedReader(desk.open("rows.csv")), newline="") as lines:
        assert list(csv.reader(lines, delimiter=";"))[4999] == ["4999", "boot 4999"]
    assert json.load(io.BufferedReader(desk.open("prices.json"))) == {"red": 10}


@pytest.mark.parametrize("path", ["film.mp4", "list.json"])
def test_a_damaged_frame_is_refused_and_never_given_out(desk: Desk, path: str) -> None:
    stream = desk.open_ready(path)
    desk.bench.backend.plan.add(FlipBit(20), key="packs/")
    buffer = bytearray(4 * FRAME)
    with pytest.raises(IntegrityError):
        stream.readinto(buffer)
    assert buffer == bytes(4 * FRAME)
    assert stream.tell() == 0
    assert stream.read() == TREE[path]


def test_damage_ahead_is_told_only_to_who_reads_there(desk: Desk) -> None:
    stream = desk.open_ready("film.mp4")
    stream.read(FRAME)
    desk.bench.backend.plan.add(FlipBit(FRAME + 5), key="packs/")  # the second frame of the next request
    assert stream.read(FRAME) == FILM[FRAME : 2 * FRAME]
    desk.bench.backend.plan.add(FlipBit(5), key="packs/")
    with pytest.raises(IntegrityError):
        stream.read(FRAME)
    assert stream.read(FRAME) == FILM[2 * FRAME : 3 * FRAME]


@pytest.mark.parametrize(
    ("offset", "whence"), [(-1, io.SEEK_SET), (-1, io.SEEK_CUR), (-7_000_000, io.SEEK_END), (0, 9)]
)
def test_a_place_that_cannot_be_is_refused(desk: Desk, offset: int, whence: int) -> None:
    with pytest.raises(ValueError, match=r"invalid whence|negative seek"):
        desk.open("film.mp4").seek(offset, whence)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["film.mp4", "list.json", "rows.csv"]),
    moves=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 300_000)), max_size=6),
)
def test_it_reads_like_any_other_file(desk: Desk, path: str, moves: list[tuple[float, int]]) -> None:
    data = TREE[path]
    assert data is not None
    mine, model = io.BufferedReader(desk.open(path)), io.BytesIO(data)
    for place, length in moves:
        position = int(place * len(data))
        assert mine.seek(position) == model.seek(position)
        assert mine.read(length) == model.read(length)
        assert mine.read(100) == model.read(100)
        assert mine.tell() == model.tell()


def test_several_threads_share_a_reader(desk: Desk) -> None:
    def read(number: int) -> None:
        stream = desk.open("film.mp4")
        stream.seek(number * 1000)
        results[number] = stream.read()

    results: dict[int, bytes] = {}
    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: FILM[number * 1000 :] for number in range(8)}
    assert desk.bench.calls()["get tables"] == 1
