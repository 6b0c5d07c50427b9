from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
import zstandard
from msgspec.structs import replace

from catsync_core.format.frames import Codec
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import read_table, write_table
from catsync_core.publish import pack as packing
from catsync_core.publish.delta import find_fresh, sign
from catsync_core.publish.effort import Settings
from catsync_core.publish.layout import Group, NewContent, arrange
from catsync_core.publish.pack import BuiltPack, build_pack
from catsync_core.publish.probe import compresses
from catsync_core.publish.scan import ChangedWhilePublishingError, SourceFile
from catsync_core.publish.scan_cache import Stamp
from catsync_core.transfer.frame_cache import FrameCache
from catsync_core.transfer.repository import decode_frame
from catsync_core.transfer.signatures import read_signature

SETTINGS = Settings(level=3, frame_size=4096, fresh_size=4096)
LINES = "".join(f"article {number}; price {number * 7919 % 1000}\n" for number in range(3000)).encode()
NOISE = Random(1).randbytes(40_000)


class Built(NamedTuple):
    pack: BuiltPack
    data: bytes
    stream: bytes


class Bench:
    """Makes contents and packs of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bytes_read = 0

    def content(self, path: str, data: bytes, group: Group = Group.WHOLE, old: bytes | None = None) -> NewContent:
        location = self._folder / path.replace("/", "_")
        location.write_bytes(data)
        stamp = Stamp.of(location.stat())
        file = SourceFile(path, location, len(data), 0, hashlib.sha256(data).digest(), stamp, FrameCache())
        raw = not compresses(location, len(data))
        if old is None:
            return NewContent(file, group, raw, sign(location, len(data)) if len(data) > 1000 else None)
        fresh = find_fresh(location, len(data), [old], raw=raw)
        assert fresh is not None
        return NewContent(file, Group.CHANGED, raw, fresh.signature, fresh.ranges)

    def build(self, contents: Sequence[NewContent], settings: Settings = SETTINGS) -> Built:
        location = self._folder / "pack"
        with ThreadPoolExecutor(2) as pool:
            built = build_pack(location, contents, settings, pool, self._count)
        return Built(built, location.read_bytes(), b"".join(content.file.location.read_bytes() for content in contents))

    def _count(self, size: int) -> None:
        self.bytes_read += size


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(packing, "_CLUSTER", 2048)
    monkeypatch.setattr(packing, "_RAW_FRAME", 8192)
    return Bench(tmp_path)


def everything(bench: Bench) -> list[NewContent]:
    """One of each kind, in stream order."""
    edited = LINES[:5000] + b"a new line\n" * 9 + LINES[5050:30_000]
    noise = NOISE[:9000] + b"?" * 700 + NOISE[9700:20_000]
    contents = [
        bench.content("new/a.json", LINES[:300]),
        bench.content("new/b.json", LINES[300:20_000]),
        bench.content("new/c.jpg", NOISE[20_000:]),
        bench.content("edited.json", edited, old=LINES[:30_000]),
        bench.content("edited.jpg", noise, old=NOISE[:20_000]),
        bench.content("moved.json", LINES[40_000:60_000], Group.MOVED),
        bench.content("empty", b""),
    ]
    (ordered,) = arrange(contents, 1 << 30)
    return ordered


def test_every_frame_yields_what_the_table_says(bench: Bench) -> None:
    built, data, stream = bench.build(everything(bench))
    table = built.table
    for frame in table.frames:
        stored = data[frame.offset : frame.offset + frame.length]
        wanted = b"".join(stream[start : start + length] for start, length in frame.ranges)
        assert decode_frame(frame, stored, "it") == wanted
    ends = [frame.offset + frame.length for frame in table.frames]
    assert [frame.offset for frame in table.frames] == [0, *ends[:-1]]
    assert ends[-1] == len(data)
    assert built.ref == ObjectRef.of(data)
    assert read_table(write_table(table), len(data)) == table


def test_a_checksum_stands_only_where_no_seal_does(bench: Bench) -> None:
    built, data, _ = bench.build(everything(bench))
    checked = {True: 0, False: 0}
    for frame in built.table.frames:
        if frame.codec is Codec.ZSTD:
            header = zstandard.get_frame_parameters(data[frame.offset : frame.offset + frame.length])
            assert header.has_checksum is frame.fine is not bool(frame.seal)
            checked[frame.fine] += 1
    assert all(checked.values())


def test_coarse_frames_tile_the_stream(bench: Bench) -> None:
    built, _, stream = bench.build(everything(bench))
    spans = [frame.ranges[0] for frame in built.table.coarse]
    assert all(start + length == after for (start, length), (after, _) in pairwise(spans))
    assert spans[0][0] == 0
    assert sum(length for _, length in spans) == len(stream) == bench.bytes_read


def test_fine_frames_tile_the_changed_contents_that_compress(bench: Bench) -> None:
    contents = everything(bench)
    built, _, _ = bench.build(contents)
    spans = sorted(span for frame in built.table.fine for span in frame.ranges)
    assert all(start + length <= after for (start, length), (after, _) in pairwise(spans))
    for number, content in enumerate(contents):
        start, size = built.table.starts[number], content.file.size
        within = sum(length for begin, length in spans if start <= begin < start + size)
        expected = 0
        if content.group is Group.CHANGED:
            expected = sum(length for _, length in content.fresh) if content.raw else size
        assert within == expected, content.file.path


def test_the_pack_has_its_groups_in_order(bench: Bench) -> None:
    contents = everything(bench)
    table = bench.build(contents)[0].table

    def kinds() -> Iterator[str]:
        for frame in table.frames:
            start = frame.ranges[0][0]
            number = next(number for number, begin in enumerate(table.starts[1:]) if begin > start)
            content = contents[number]
            fresh = any(at <= start - table.starts[number] < at + length for at, length in content.fresh)
            yield f"{'fresh' if fresh else 'other'} fine" if frame.fine else content.group.name.lower()

    met = list(dict.fromkeys(kinds()))
    assert met == ["whole", "fresh fine", "changed", "other fine", "moved"]
    assert [kind for kind, after in pairwise([*kinds(), ""]) if kind != after] == met


def test_what_does_not_compress_lies_raw_at_its_own_place(bench: Bench) -> None:
    built, data, _ = bench.build([bench.content("a.json", LINES[:500]), bench.content("b.jpg", NOISE)])
    table = built.table
    raw = table.coarse_over(500, len(NOISE))
    assert {frame.codec for frame in raw} == {Codec.RAW}
    assert max(frame.length for frame in raw) == 8192
    assert data[raw[0].offset :] == NOISE


def test_small_contents_share_a_frame_and_are_not_cut(bench: Bench) -> None:
    sizes = [700, 1500, 900, 1800, 1000, 30]
    contents = [
        bench.content(f"{number}.json", LINES[at : at + size])
        for number, (at, size) in enumerate(zip(range(0, 60_000, 10_000), sizes, strict=True))
    ]
    table = bench.build(contents)[0].table
    assert len(table.coarse) == 2
    for start, size in zip(table.starts, sizes, strict=False):
        assert len(table.coarse_over(start, size)) == 1


def test_a_large_content_is_cut_into_frames_of_the_set_size(bench: Bench) -> None:
    table = bench.build([bench.content("a.json", LINES[:10_000])])[0].table
    assert [frame.size for frame in table.coarse] == [4096, 4096, 10_000 - 2 * 4096]


def test_signatures_are_those_of_the_contents(bench: Bench) -> None:
    contents = everything(bench)
    built, _, _ = bench.build(contents)
    assert built.table.signatures == ObjectRef.of(built.signatures)
    signed = {number: content.signature for number, content in enumerate(contents) if content.signature}
    assert built.table.shapes.keys() == signed.keys()
    for number, shape in built.table.shapes.items():
        data = built.signatures[shape.offset : shape.offset + shape.length]
        assert read_signature(shape, contents[number].file.size, data) == signed[number]


def test_without_signatures_there_is_no_object(bench: Bench) -> None:
    built, _, _ = bench.build([bench.content("a", b"small")])
    assert (built.table.signatures, built.signatures) == (None, b"")


@pytest.mark.parametrize("level", [3, 12])
def test_the_same_contents_make_the_same_pack(bench: Bench, level: int) -> None:
    contents = everything(bench)
    built = [bench.build(contents, replace(SETTINGS, level=level)) for _ in range(3)]
    assert built[0][1:] == built[1][1:] == built[2][1:]
    assert len({write_table(one.pack.table) for one in built}) == 1


def test_nothing_but_empty_contents_make_an_empty_pack(bench: Bench) -> None:
    built, data, _ = bench.build([bench.content("empty", b"")])
    assert (data, built.table.frames) == (b"", ())
    assert read_table(write_table(built.table), 0) == built.table


@pytest.mark.parametrize("group", [Group.WHOLE, Group.CHANGED])
def test_other_bytes_than_were_scanned_are_refused(bench: Bench, group: Group) -> None:
    content = bench.content("a.json", LINES[:20_000], old=LINES[300:20_000] if group is Group.CHANGED else None)
    content.file.location.write_bytes(LINES[:19_000])
    with pytest.raises(ChangedWhilePublishingError, match=r"'a\.json'"):
        bench.build([content])


def test_like_stands_beside_like(bench: Bench) -> None:
    paths = ["z.json", "a.txt", "b/c.JSON", "film.mp4", "photo.jpg"]
    contents = [bench.content(path, NOISE[:900] if path[0] in "fp" else LINES[:900]) for path in paths]
    contents.append(bench.content("changed.json", LINES[:9000], old=LINES[100:9000]))
    contents.append(bench.content("moved.json", LINES[:900], Group.MOVED))
    (ordered,) = arrange(reversed(contents), 1 << 30)
    assert [content.file.path for content in ordered] == [
        "b/c.JSON",
        "z.json",
        "a.txt",
        "photo.jpg",
        "film.mp4",
        "changed.json",
        "moved.json",
    ]


@pytest.mark.parametrize(("pack_size", "packs"), [(1, [1, 1, 1, 1]), (1000, [2, 2]), (1 << 30, [4])])
def test_contents_are_dealt_to_packs_of_about_a_size(bench: Bench, pack_size: int, packs: list[int]) -> None:
    contents = [bench.content(f"{number}", LINES[number : number + 600]) for number in range(4)]
    assert [len(group) for group in arrange(contents, pack_size)] == packs


def test_nothing_needs_no_pack() -> None:
    assert arrange([], 1000) == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", True), (NOISE[:200], True), (NOISE[:300], False), (LINES, True), (LINES[:70_000] + NOISE[:200], True)],
)
def test_a_sample_tells_what_compresses(tmp_path: Path, data: bytes, *, expected: bool) -> None:
    (tmp_path / "a").write_bytes(data)
    assert compresses(tmp_path / "a", len(data)) is expected
