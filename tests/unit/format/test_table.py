"""The frame table: what is refused, built byte by byte, and which frames hold a range."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from dataclasses import replace as change

import msgspec
import pytest

from catsync_core.errors import ContentError, FormatError, LimitError
from catsync_core.format import table as module
from catsync_core.format.columns import Writer
from catsync_core.format.frames import Codec, compress
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame, SignatureShape, Table, read_table, write_table
from catsync_core.limits import LIMITS

MIB = 1 << 20
RAW, ZSTD, FINE = 0, 1, 0x80
SEAL = bytes(range(16))
SIGNATURES = ObjectRef("33" * 32, 3 * (3 + 4) + 1 * (2 + 5))
SMALL = Table(
    sizes=(100, 0, 50, 2000),
    frames=(
        Frame(0, 30, Codec.ZSTD, ((0, 150),), SEAL[1:] + SEAL[:1]),
        Frame(30, 20, Codec.ZSTD, ((160, 40), (150, 10)), b"", fine=True),
        Frame(50, 2000, Codec.RAW, ((150, 2000),), SEAL),
        Frame(2050, 7, Codec.RAW, ((1000, 7),), SEAL[::-1], fine=True),
    ),
    shapes={0: SignatureShape(0, 40, 3, 4, 3), 3: SignatureShape(21, 2048, 2, 5, 1)},
    signatures=SIGNATURES,
)


@dataclass(frozen=True)
class Columns:
    """The columns of :data:`SMALL`; each test spoils one."""

    magic: bytes = b"CSTB\x01"
    contents: int = 4
    sizes: tuple[int, ...] = (100, 0, 50, 2000)
    frames: int = 4
    kinds: tuple[int, ...] = (ZSTD, ZSTD | FINE, RAW, RAW | FINE)
    lengths: tuple[int, ...] = (30, 20, 2000, 7)
    packed: tuple[int, ...] = (150,)
    counts: tuple[int, ...] = (2, 1)
    edges: tuple[int, ...] = (160, 200, 150, 160, 1000, 1007)
    seals: bytes = SEAL[1:] + SEAL[:1] + SEAL + SEAL[::-1]
    blocks: tuple[int, ...] = (40, 0, 0, 2048)
    weak: tuple[int, ...] = (3, 2)
    strong: tuple[int, ...] = (4, 5)
    signatures: bytes = b"\x33" * 32
    signature_length: int | None = SIGNATURES.length
    tail: bytes = b""

    def plain(self) -> bytes:
        out = Writer(self.magic)
        out.number(self.contents)
        out.numbers(self.sizes)
        out.number(self.frames)
        out.numbers(self.kinds)
        out.numbers(self.lengths)
        out.numbers(self.packed)
        out.numbers(self.counts)
        out.deltas(self.edges)
        out.raw(self.seals)
        out.numbers(self.blocks)
        out.numbers(self.weak)
        out.numbers(self.strong)
        if self.signature_length is not None:
            out.raw(self.signatures)
            out.number(self.signature_length)
        out.raw(self.tail)
        return out.finish()

    def read(self, pack_length: int = 2057) -> Table:
        return read_table(compress(self.plain(), 1), pack_length)


GOOD = Columns()
UNSIGNED = change(GOOD, blocks=(0, 0, 0, 0), weak=(), strong=(), signature_length=None)
NOTHING = Columns(
    contents=0,
    sizes=(),
    frames=0,
    kinds=(),
    lengths=(),
    packed=(),
    counts=(),
    edges=(),
    seals=b"",
    blocks=(),
    weak=(),
    strong=(),
    signature_length=None,
)


def test_the_columns_are_those_of_the_table() -> None:
    assert GOOD.read() == SMALL
    assert write_table(SMALL) == compress(GOOD.plain(), 19)
    assert UNSIGNED.read() == Table(SMALL.sizes, SMALL.frames, {}, None)


@pytest.mark.parametrize("sizes", [(), (0,), (0, 0, 0)])
def test_a_pack_may_hold_nothing(sizes: tuple[int, ...]) -> None:
    columns = change(NOTHING, contents=len(sizes), sizes=sizes, blocks=(0,) * len(sizes))
    found = columns.read(0)
    assert found == Table(sizes, (), {}, None)
    assert found.coarse_over(0, 0) == ()
    assert write_table(found) == compress(columns.plain(), 19)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (change(GOOD, magic=b"CSMF\x01"), "does not begin as one"),
        (change(GOOD, magic=b"CSTB\x02"), "does not begin as one"),
        (change(GOOD, contents=LIMITS.entries + 1), "holds the number"),
        (change(GOOD, contents=1_000), "announces more than it holds"),
        (change(GOOD, sizes=(100, 0, 50, LIMITS.file_size + 1)), "holds the number"),
        (change(GOOD, frames=LIMITS.entries + 1), "holds the number"),
        (change(GOOD, frames=1_000), "announces more than it holds"),
        (change(GOOD, kinds=(2, ZSTD | FINE, RAW, RAW | FINE)), "a codec that this catsync does not know"),
        (change(GOOD, kinds=(0x7F, ZSTD | FINE, RAW, RAW | FINE)), "a codec that this catsync does not know"),
        (change(GOOD, kinds=(ZSTD, 0xFF, RAW, RAW | FINE)), "a codec that this catsync does not know"),
        (change(GOOD, kinds=(ZSTD, 0x100, RAW, RAW | FINE)), "holds the number"),
        (change(GOOD, lengths=(30, 20, 2000, 8)), "the whole pack"),
        (change(GOOD, lengths=(30, 20, 2000, 6)), "the whole pack"),
        (change(GOOD, lengths=(30, 20, 2000, 2058)), "holds the number"),
        (change(GOOD, packed=(149,)), "do not tile the stream"),
        (change(GOOD, packed=(151,)), "do not tile the stream"),
        (change(GOOD, packed=(LIMITS.frame_size + 1,)), "holds the number"),
        (change(GOOD, sizes=(100, 0, 51, 2000)), "do not tile the stream"),
        (change(GOOD, sizes=(100, 0, 50, 1999)), "do not tile the stream"),
        (change(GOOD, kinds=(ZSTD, ZSTD, RAW, RAW | FINE), packed=(150, 0)), "do not tile the stream"),
        (change(GOOD, counts=(0, 3)), "a fine frame that yields nothing"),
        (change(GOOD, counts=(LIMITS.table_size + 1, 1)), "holds the number"),
        (change(GOOD, counts=(LIMITS.entries, 1)), "more ranges of fine frames than are allowed"),
        (change(GOOD, counts=(1_000, 1)), "announces more than it holds"),
        (change(GOOD, edges=(200, 160, 150, 160, 1000, 1007)), "a range that cannot be"),
        (change(GOOD, edges=(160, 160, 150, 160, 1000, 1007)), "a range that cannot be"),
        (change(GOOD, edges=(160, 200, -1, 9, 1000, 1007)), "a range that cannot be"),
        (change(GOOD, edges=(160, 200, 150, 160, 2144, 2151)), "beyond 2150"),
        (change(GOOD, edges=(160, 200, 150, 161, 1000, 1007)), "fine frames that overlap"),
        (change(GOOD, edges=(160, 200, 150, 160, 150, 157)), "fine frames that overlap"),
        (change(GOOD, edges=(160, 200, 160, 200, 1000, 1007)), "fine frames that overlap"),
        (change(GOOD, edges=(160, 200, 150, 160, 1000, 1008)), "a frame of a size that cannot be"),
        (change(GOOD, edges=(160, 200, 150, 160, 1000, 1006)), "a frame of a size that cannot be"),
        (change(GOOD, seals=SEAL), "The frame table "),
        (change(GOOD, seals=b""), "The frame table "),
        (change(GOOD, blocks=(40, 1, 0, 2048), weak=(3, 2, 2), strong=(4, 1, 5)), "a signature of a shape"),
        (change(GOOD, blocks=((1 << 24) + 1, 0, 0, 2048)), "holds the number"),
        (change(GOOD, weak=(1, 2)), "a signature of a shape"),
        (change(GOOD, weak=(0, 2)), "a signature of a shape"),
        (change(GOOD, weak=(5, 2)), "holds the number"),
        (change(GOOD, strong=(0, 5)), "a signature of a shape"),
        (change(GOOD, strong=(17, 5)), "holds the number"),
        (change(GOOD, signature_length=SIGNATURES.length - 1), "signatures of another length"),
        (change(GOOD, signature_length=SIGNATURES.length + 1), "signatures of another length"),
        (change(GOOD, signature_length=LIMITS.signature_length + 1), "holds the number"),
        (change(GOOD, signature_length=None), "ends too early"),
        (change(UNSIGNED, signature_length=0), "33 bytes too many"),
        (change(GOOD, tail=b"\0"), "1 bytes too many"),
        (change(NOTHING, frames=1, kinds=(RAW,), lengths=(0,), seals=SEAL), "The frame table "),
    ],
)
def test_a_table_that_cannot_be_is_refused(columns: Columns, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        columns.read()


@pytest.mark.parametrize("pack_length", [0, 2056, 2058, 1 << 50])
def test_a_table_of_another_pack_is_refused(pack_length: int) -> None:
    with pytest.raises(FormatError, match="The frame table"):
        GOOD.read(pack_length)


def test_frames_larger_than_allowed_are_refused() -> None:
    """Each of the ranges would fit, and so would the stream; the frame would not."""
    half = LIMITS.frame_size // 2 + 1
    columns = change(
        NOTHING,
        contents=1,
        sizes=(2 * half,),
        frames=3,
        kinds=(ZSTD, ZSTD, ZSTD | FINE),
        lengths=(10, 10, 10),
        packed=(half, half),
        counts=(2,),
        edges=(0, half, half, 2 * half),
        seals=2 * SEAL,
        blocks=(0,),
    )
    with pytest.raises(FormatError, match="a frame of a size that cannot be"):
        columns.read(30)
    raw = change(
        NOTHING,
        contents=1,
        sizes=(2 * half,),
        frames=1,
        kinds=(RAW,),
        lengths=(2 * half,),
        seals=SEAL,
        blocks=(0,),
    )
    with pytest.raises(FormatError, match="a frame of a size that cannot be"):
        raw.read(2 * half)


def test_every_truncation_is_refused() -> None:
    plain = GOOD.plain()
    for length in range(1, len(plain)):
        with pytest.raises(ContentError):
            read_table(compress(plain[:length], 1), 2057)


def test_a_bomb_of_frames_takes_no_more_than_a_few_times_the_largest_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros compress to nothing, and each of them would be a frame or a range."""
    monkeypatch.setattr(module, "LIMITS", msgspec.structs.replace(LIMITS, table_size=MIB, entries=1_000))
    count = MIB // 4
    frames = change(NOTHING, frames=count, kinds=(RAW,) * count, lengths=(0,) * count)
    ranges = change(GOOD, counts=(count, 1), edges=tuple(range(2, 2 * count + 2)))
    for data in (compress(frames.plain(), 1), compress(ranges.plain(), 1)):
        tracemalloc.start()
        try:
            with pytest.raises(FormatError, match=r"holds the number|more ranges"):
                read_table(data, 2057)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2 * MIB


def test_more_than_the_largest_table_is_refused_before_it_is_decompressed() -> None:
    data = compress(bytes(LIMITS.table_size + 1), 1)
    with pytest.raises(LimitError, match="would decompress to"):
        read_table(data, 1)


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 0, ()),
        (0, 1, (0,)),
        (149, 1, (0,)),
        (150, 1, (50,)),
        (149, 2, (0, 50)),
        (0, 2150, (0, 50)),
        (2149, 1, (50,)),
    ],
)
def test_coarse_frames_are_found_by_range(start: int, length: int, expected: tuple[int, ...]) -> None:
    assert tuple(frame.offset for frame in SMALL.coarse_over(start, length)) == expected


def test_what_follows_from_a_table() -> None:
    assert SMALL.starts == (0, 100, 100, 150, 2150)
    assert [frame.offset for frame in SMALL.coarse] == [0, 50]
    assert SMALL.coarse_starts == (0, 150)
    assert [frame.size for frame in SMALL.fine] == [50, 7]
    assert [shape.length for shape in SMALL.shapes.values()] == [21, 7]
