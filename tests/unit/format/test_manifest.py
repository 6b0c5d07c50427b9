"""The manifest: what is refused, built byte by byte, and the memory that hostile ones can take."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as change

import msgspec
import pytest

from catsync_core.errors import ContentError, FormatError, IntegrityError, LimitError, PathError
from catsync_core.format import manifest as module
from catsync_core.format.columns import Writer
from catsync_core.format.frames import compress
from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, read_manifest, write_manifest
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS

MIB = 1 << 20
A, B = (hashlib.sha256(name).digest() for name in (b"a", b"b"))
PACK = PackRef(ObjectRef("11" * 32, 1000), ObjectRef("22" * 32, 100))
SMALL = Manifest(
    catalog="tools",
    version=2,
    packs=(PACK,),
    contents=(Content(A, 10, 0, 3), Content(B, 0, 0, 1)),
    entries=(
        Entry("a/b.csv", 1_750_000_000, 0),
        Entry("a/c.csv", 1_750_000_060, 1),
        Entry("a/empty", 0, None),
        Entry("b", -5, 0),
    ),
)


@dataclass(frozen=True)
class Columns:
    """The columns of :data:`SMALL`; each test spoils one."""

    magic: bytes = b"CSMF\x01"
    catalog: bytes = b"tools"
    version: int = 2
    packs: tuple[tuple[bytes, int, bytes, int], ...] = ((b"\x11" * 32, 1000, b"\x22" * 32, 100),)
    contents: int = 2
    sizes: tuple[int, ...] = (10, 0)
    places: tuple[int, ...] = (0, 0)
    numbers: tuple[int, ...] = (3, 1)
    entries: int = 4
    shared: tuple[int, ...] = (0, 2, 2, 0)
    suffixes: bytes = b"a/b.csv\0c.csv\0empty\0b"
    times: tuple[int, ...] = (1_750_000_000, 1_750_000_060, 0, -5)
    refs: tuple[int, ...] = (0, 0, 1, 2)
    hashes: bytes = A + B
    tail: bytes = b""

    def plain(self) -> bytes:
        out = Writer(self.magic)
        out.blob(self.catalog)
        out.number(self.version)
        out.number(len(self.packs))
        for pack, pack_length, table, table_length in self.packs:
            out.raw(pack)
            out.number(pack_length)
            out.raw(table)
            out.number(table_length)
        out.number(self.contents)
        out.numbers(self.sizes)
        out.numbers(self.places)
        out.deltas(self.numbers)
        out.number(self.entries)
        out.numbers(self.shared)
        out.blob(self.suffixes)
        out.deltas(self.times)
        out.numbers(self.refs)
        out.raw(self.hashes)
        out.raw(self.tail)
        return out.finish()

    def packed(self) -> bytes:
        return compress(self.plain(), 1)


GOOD = Columns()
EMPTY = Columns(
    packs=(),
    contents=0,
    sizes=(),
    places=(),
    numbers=(),
    entries=0,
    shared=(),
    suffixes=b"",
    times=(),
    refs=(),
    hashes=b"",
)


def with_entries(*names: str) -> Columns:
    """Return columns of empty folders with these paths."""
    count = len(names)
    return change(
        EMPTY,
        entries=count,
        shared=(0,) * count,
        suffixes="\0".join(names).encode("utf-8", "surrogatepass"),
        times=(0,) * count,
        refs=(1,) * count,
    )


def too_many_bytes() -> Columns:
    """Return columns in which many files repeat one content of the largest size."""
    count = LIMITS.total_size // LIMITS.file_size + 2
    return change(
        with_entries(*(f"{number:02}" for number in range(count))),
        packs=GOOD.packs,
        contents=1,
        sizes=(LIMITS.file_size,),
        places=(0,),
        numbers=(0,),
        refs=(0, *(2,) * (count - 1)),
        hashes=A,
    )


def test_the_columns_are_those_of_the_manifest() -> None:
    assert read_manifest(GOOD.packed()) == SMALL
    assert write_manifest(SMALL) == compress(GOOD.plain(), 19)
    assert read_manifest(write_manifest(SMALL)) == SMALL


def test_an_empty_catalog_is_a_manifest() -> None:
    nothing = Manifest("tools", 2, (), (), ())
    assert read_manifest(EMPTY.packed()) == nothing
    assert read_manifest(write_manifest(nothing)) == nothing
    assert (nothing.files(), nothing.total_bytes(), nothing.total_files()) == ({}, 0, 0)


def test_totals_count_duplicates_as_often_as_they_stand() -> None:
    assert SMALL.total_bytes() == 20
    assert SMALL.total_files() == 3
    assert SMALL.files() == {"a/b.csv": SMALL.contents[0], "a/c.csv": SMALL.contents[1], "b": SMALL.contents[0]}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (change(GOOD, magic=b"CSTB\x01"), "does not begin as one"),
        (change(GOOD, magic=b"CSMF\x02"), "does not begin as one"),
        (change(GOOD, catalog=b""), "does not name a catalog"),
        (change(GOOD, catalog=b"../x"), "does not name a catalog"),
        (change(GOOD, catalog=b"\xff"), "does not name a catalog"),
        (change(GOOD, catalog=b"nul"), "does not name a catalog"),
        (change(GOOD, catalog=b"x" * 65), "at most 64"),
        (change(GOOD, version=1 << 62), "holds the number"),
        (change(GOOD, packs=((b"\x11" * 32, (1 << 50) + 1, b"\x22" * 32, 1),)), "holds the number"),
        (change(GOOD, packs=((b"\x11" * 32, 1, b"\x22" * 32, LIMITS.table_length + 1),)), "holds the number"),
        (change(GOOD, packs=GOOD.packs * (LIMITS.packs + 1)), "at most 4096"),
        (change(GOOD, packs=()), "refers to a content that cannot exist"),
        (change(GOOD, sizes=(LIMITS.file_size + 1, 0)), "holds the number"),
        (change(GOOD, places=(0, 1)), "at most 0"),
        (change(GOOD, numbers=(3, -1)), "cannot exist"),
        (change(GOOD, numbers=(LIMITS.entries + 1, 0)), "beyond"),
        (change(GOOD, contents=LIMITS.entries + 1), "holds the number"),
        (change(GOOD, contents=1 << 20), "announces more than it holds"),
        (change(GOOD, entries=LIMITS.entries + 1), "holds the number"),
        (change(GOOD, entries=1_000), "announces more than it holds"),
        (change(GOOD, shared=(1, 2, 2, 0)), "cannot be put together"),
        (change(GOOD, shared=(0, 8, 2, 0)), "cannot be put together"),
        (change(GOOD, shared=(0, LIMITS.path_length + 1, 2, 0)), "holds the number"),
        (change(GOOD, suffixes=b"a/b.csv\0c.csv\0empty"), "one name for each entry"),
        (change(GOOD, suffixes=b"a/b.csv\0c.csv\0empty\0b\0"), "one name for each entry"),
        (change(GOOD, suffixes=b""), "one name for each entry"),
        (change(EMPTY, suffixes=b"a"), "one name for each entry"),
        (change(EMPTY, suffixes=b"\0"), "one name for each entry"),
        (change(GOOD, suffixes=b"a/b.csv\0c.csv\0empty\0" + b"x" * 1025), "cannot be put together"),
        (change(GOOD, suffixes=b"a/b.csv\0c.csv\0empty\0\xff"), "not UTF-8"),
        (change(GOOD, suffixes=b"a/b.csv\0c.csv\0empty\0\xed\xa0\x80"), "not UTF-8"),
        (change(GOOD, times=(1 << 41, 0, 0, 0)), "beyond"),
        (change(GOOD, times=(0, 0, 0, -(1 << 40) - 1)), "beyond"),
        (change(GOOD, refs=(0, 0, 1, 4)), "holds the number"),
        (change(GOOD, refs=(2, 0, 1, 0)), "does not list"),
        (change(GOOD, refs=(0, 3, 1, 0)), "does not list"),
        (change(GOOD, refs=(0, 0, 1, 0)), "does not list"),
        (change(GOOD, refs=(0, 1, 1, 1)), "a content that no file has"),
        (change(GOOD, refs=(1, 1, 1, 1)), "a content that no file has"),
        (change(GOOD, hashes=A + A), "lists a content twice"),
        (change(GOOD, hashes=A), "ends too early"),
        (change(GOOD, tail=b"\0"), "1 bytes too many"),
        (change(GOOD, suffixes=b"a/b.csv\0c.csv\0empty\0A"), "not sorted"),
        (change(GOOD, shared=(0, 0, 0, 0), suffixes=b"a\0c\0b\0d"), "not sorted"),
        (change(GOOD, shared=(0, 0, 0, 0), suffixes=b"a\0b\0b\0c"), "not sorted"),
        (change(GOOD, shared=(0, 0, 0, 0), suffixes=b"\xf0\x9f\x98\x80\0\xee\x80\x80\0\xee\x80\x81\0b"), "not sorted"),
        (too_many_bytes(), "more bytes than is allowed"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(columns: Columns, reason: str) -> None:
    with pytest.raises(FormatError, match=f"The manifest .*{reason}"):
        read_manifest(columns.packed())


@pytest.mark.parametrize(
    "names",
    [
        ["../x"],
        ["/x"],
        ["C:\\x"],
        ["a//b"],
        ["a\x1b]0;"],
        ["COM1.pdf"],
        ["x:stream"],
        ["a", "a/b"],
        ["A", "a"],
        ["A/x", "a/y"],
        ["Strasse.pdf", "Stra\u00dfe.pdf"],
        ["Mu\u0308hle", "M\u00fchle"],
        ["fi", "\ufb01"],
        ["x" * 256],
        ["/".join("x" * 300)],
        [""],
    ],
)
def test_paths_that_must_not_be_created_are_refused(names: list[str]) -> None:
    with pytest.raises(PathError):
        read_manifest(with_entries(*names).packed())


def test_paths_may_share_half_a_character() -> None:
    """Front coding works on bytes: the second path takes the first byte of an umlaut from the first."""
    columns = change(with_entries("\u00e4", "x"), shared=(0, 1), suffixes=b"\xc3\xa4\0\xb6")
    found = read_manifest(columns.packed())
    assert [entry.path for entry in found.entries] == ["\u00e4", "\u00f6"]
    assert write_manifest(found) == compress(columns.plain(), 19)


def test_every_truncation_is_refused() -> None:
    plain = GOOD.plain()
    for length in range(1, len(plain)):
        with pytest.raises(ContentError):
            read_manifest(compress(plain[:length], 1))
    packed = GOOD.packed()
    for length in range(len(packed)):
        with pytest.raises(ContentError):
            read_manifest(packed[:length])


def test_damage_is_told_from_nonsense() -> None:
    packed = GOOD.packed()
    with pytest.raises(IntegrityError, match="The manifest is damaged"):
        read_manifest(packed[:-1] + bytes([packed[-1] ^ 1]))


def front_coding_bomb(size: int) -> Columns:
    """A thousand bytes of path for each ten bytes of manifest."""
    count = size // 16
    names = [b"x" * 1000 + b"%06d" % 0, *(b"%06d" % number for number in range(1, count))]
    return change(with_entries(*["x"] * count), shared=(0, *(1000,) * (count - 1)), suffixes=b"\0".join(names))


def folder_bomb(size: int) -> Columns:
    """Sixty folders for each entry."""
    count = size // 160
    return with_entries(*(f"{number:06}/" + "x/" * 60 + "x" for number in range(count)))


def name_bomb(size: int) -> Columns:
    """One entry, and separators without end."""
    return change(with_entries("x"), suffixes=bytes(size - 256))


def count_bomb(size: int) -> Columns:
    """More contents than there can be hashes."""
    return change(EMPTY, contents=size // 40, sizes=(0,) * (size - 512))


@pytest.mark.parametrize("bomb", [front_coding_bomb, folder_bomb, name_bomb, count_bomb])
def test_a_bomb_takes_no_more_than_eight_times_the_largest_manifest(
    bomb: Callable[[int], Columns], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = MIB
    small = msgspec.structs.replace(LIMITS, manifest_size=most)
    monkeypatch.setattr(module, "LIMITS", small)
    monkeypatch.setattr("catsync_core.format.paths.LIMITS", small)
    data = bomb(most).packed()
    assert len(data) < most // 2
    tracemalloc.start()
    try:
        with pytest.raises(ContentError):
            read_manifest(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * most


def test_more_than_the_largest_manifest_is_refused_before_it_is_decompressed() -> None:
    data = compress(bytes(LIMITS.manifest_size + 1), 1)
    tracemalloc.start()
    try:
        with pytest.raises(LimitError, match="would decompress to"):
            read_manifest(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB
