"""Patch headers: what is refused, built byte by byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from dataclasses import replace as change

import pytest

from catsync_core.errors import ContentError, FormatError, IntegrityError, LimitError
from catsync_core.format.columns import Writer
from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, read_plain, write_plain
from catsync_core.format.objects import ObjectRef
from catsync_core.format.patch import (
    Patch,
    PatchFrame,
    bare_manifest,
    check_contents,
    read_patch,
    write_patch_header,
)
from catsync_core.format.prefix import compress_after
from catsync_core.limits import LIMITS

PACK = PackRef(ObjectRef("11" * 32, 1000), ObjectRef("22" * 32, 100))
HALF = LIMITS.prefix_size // 2


def make_manifest(version: int, sizes: tuple[int, ...]) -> Manifest:
    contents = tuple(
        Content(hashlib.sha256(b"%d %d" % (version, size)).digest(), size, 0, number)
        for number, size in enumerate(sizes)
    )
    entries = tuple(Entry(f"file-{number}", 1_750_000_000, number) for number in range(len(sizes)))
    return Manifest("tools", version, (PACK,), contents, entries)


OLD_SIZES = (100, 0, 50, 30)
NEW_SIZES = (100, 60, 30, 0, 7, 50)
OLD, NEW = make_manifest(1, OLD_SIZES), make_manifest(2, NEW_SIZES)
OLD_BARE, NEW_BARE = bare_manifest(OLD), bare_manifest(NEW)
BODY = 30 + 9


@dataclass(frozen=True)
class Columns:
    """The columns of a patch's header; each test spoils one.

    Contents 0, 2 and 5 are old ones: 0, 3 and 2. Contents 1, 3 and 4 are new.
    """

    magic: bytes = b"CSPT\x01"
    bare: bytes = NEW_BARE
    bare_length: int | None = None
    contents: int = 6
    sources: tuple[int, ...] = (0, 1, 2 + 3, 1, 1, 2 + 2)
    count: int = 3
    order: tuple[int, ...] = (3, 4, 1)
    frames: int = 2
    lengths: tuple[int, ...] = (30, 9)
    sizes: tuple[int, ...] = (40, 27)
    counts: tuple[int, ...] = (2, 1)
    edges: tuple[int, ...] = (0, 100, 150, 180, 90, 110)
    tail: bytes = b""

    def plain(self) -> bytes:
        out = Writer(self.magic)
        out.number(len(self.bare) if self.bare_length is None else self.bare_length)
        out.raw(self.bare)
        out.number(self.contents)
        out.numbers(self.sources)
        out.number(self.count)
        out.deltas(self.order)
        out.number(self.frames)
        out.numbers(self.lengths)
        out.numbers(self.sizes)
        out.numbers(self.counts)
        out.deltas(self.edges)
        out.raw(self.tail)
        return out.finish()

    def header(self) -> bytes:
        return compress_after(self.plain(), OLD_BARE, 3)

    def read(self, old_sizes: tuple[int, ...] = OLD_SIZES, body: int = BODY) -> Patch:
        header = self.header()
        return read_patch(header, OLD_BARE, list(old_sizes), len(header) + body)


GOOD = Columns()
NOTHING_NEW = change(
    GOOD,
    sources=(0, 2 + 1, 0, 0, 2 + 0, 2 + 2),
    count=0,
    order=(),
    frames=0,
    lengths=(),
    sizes=(),
    counts=(),
    edges=(),
)


def expected(begin: int) -> Patch:
    """Return what the columns say."""
    frames = (
        PatchFrame(begin, 30, 0, 40, ((0, 100), (150, 30))),
        PatchFrame(begin + 30, 9, 40, 27, ((90, 20),)),
    )
    return Patch(NEW_BARE, (0, None, 3, None, None, 2), (3, 4, 1), frames)


def test_the_columns_are_those_of_the_header() -> None:
    header = compress_after(GOOD.plain(), OLD_BARE, 19)
    patch = read_patch(header, OLD_BARE, list(OLD_SIZES), len(header) + BODY)
    assert patch == expected(len(header))
    assert write_patch_header(patch, OLD_BARE) == header


def test_a_patch_may_have_nothing_new() -> None:
    patch = NOTHING_NEW.read(body=0)
    assert patch == Patch(NEW_BARE, (0, 1, 2, 3, 0, 2), (), ())


def test_a_patch_from_nothing() -> None:
    frame = PatchFrame(0, 5, 0, sum(NEW_SIZES), ())
    header = write_patch_header(Patch(NEW_BARE, (None,) * 6, tuple(range(6)), (frame,)), b"")
    patch = read_patch(header, b"", [], len(header) + 5)
    assert patch.order == tuple(range(6))
    assert patch.frames == (PatchFrame(len(header), 5, 0, sum(NEW_SIZES), ()),)


def test_the_bare_manifest_and_the_hashes_are_the_manifest() -> None:
    hashes = b"".join(content.sha256 for content in NEW.contents)
    assert NEW_BARE + hashes == write_plain(NEW)
    assert read_plain(NEW_BARE + hashes) == NEW
    assert bare_manifest(Manifest("tools", 1, (), (), ())) == write_plain(Manifest("tools", 1, (), (), ()))


def test_an_old_manifest_makes_the_header_small() -> None:
    sizes = tuple(range(1, 3_000, 7))
    old, new = bare_manifest(make_manifest(1, sizes)), bare_manifest(make_manifest(2, sizes))
    patch = Patch(new, tuple(range(len(sizes))), (), ())
    assert 10 * len(write_patch_header(patch, old)) < len(write_patch_header(patch, b""))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (change(GOOD, magic=b"CSMF\x01"), "does not begin as one"),
        (change(GOOD, magic=b"CSPT\x02"), "does not begin as one"),
        (change(GOOD, bare_length=LIMITS.manifest_size + 1), "holds the number"),
        (change(GOOD, bare_length=100_000), "ends too early"),
        (change(GOOD, contents=LIMITS.entries + 1), "holds the number"),
        (change(GOOD, contents=100_000), "announces more than it holds"),
        (change(GOOD, sources=(0, 1, 2 + 4, 1, 1, 2 + 2)), "holds the number|an old content that there is not"),
        (change(GOOD, sources=(0, 1, 1 << 40, 1, 1, 2 + 2)), "holds the number"),
        (change(GOOD, sources=(0, 1, 2 + 3, 1, 1, 0)), "an old content that there is not"),
        (change(GOOD, count=LIMITS.entries + 1), "holds the number"),
        (change(GOOD, count=100_000), "announces more than it holds"),
        (change(GOOD, count=2, order=(3, 4)), "exactly the new contents"),
        (change(GOOD, count=4, order=(3, 4, 1, 1)), "exactly the new contents"),
        (change(GOOD, count=4, order=(3, 4, 1, 0)), "exactly the new contents"),
        (change(GOOD, order=(3, 4, 2)), "exactly the new contents"),
        (change(GOOD, order=(3, 4, 4)), "exactly the new contents"),
        (change(GOOD, order=(3, 4, -1)), "exactly the new contents"),
        (change(GOOD, order=(3, 4, 6)), "exactly the new contents"),
        (change(GOOD, order=(3, 4, LIMITS.entries + 1)), "beyond"),
        (change(GOOD, frames=LIMITS.entries + 1), "holds the number"),
        (change(GOOD, frames=100_000), "announces more than it holds"),
        (change(GOOD, lengths=(30, 10)), "the whole object"),
        (change(GOOD, lengths=(30, 8)), "the whole object"),
        (change(GOOD, lengths=(30, LIMITS.pack_length + 1)), "holds the number"),
        (change(GOOD, sizes=(67, 0)), "frames that cannot be"),
        (change(GOOD, sizes=(40, LIMITS.frame_size + 1)), "holds the number"),
        (change(GOOD, counts=(LIMITS.entries, 1)), "frames that cannot be"),
        (change(GOOD, counts=(LIMITS.entries + 1, 1)), "holds the number"),
        (change(GOOD, counts=(1_000, 1)), "announces more than it holds"),
        (change(GOOD, counts=(2, 2)), "ends too early|announces more than it holds"),
        (change(GOOD, edges=(100, 0, 150, 180, 90, 110)), "a prefix that cannot be"),
        (change(GOOD, edges=(0, 100, 150, 150, 90, 110)), "a prefix that cannot be"),
        (change(GOOD, edges=(-1, 100, 150, 180, 90, 110)), "a prefix that cannot be"),
        (change(GOOD, edges=(0, 100, 150, 181, 90, 110)), "beyond 180"),
        (change(GOOD, edges=(0, 100, 150, 180, 90)), "ends too early|announces more than it holds"),
        (change(GOOD, edges=(0, 100, 150, 180, 90, 110, 110)), "1 bytes too many"),
        (change(GOOD, tail=b"\0"), "1 bytes too many"),
    ],
)
def test_a_header_that_cannot_be_is_refused(columns: Columns, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        columns.read()


@pytest.mark.parametrize("body", [-1, 0, BODY - 1, BODY + 1, 1 << 50])
def test_the_header_of_another_object_is_refused(body: int) -> None:
    with pytest.raises(FormatError, match="the whole object"):
        GOOD.read(body=body)


@pytest.mark.parametrize("sizes", [(), OLD_SIZES[:-1], (100, 0, 50, 29)])
def test_a_header_that_does_not_fit_the_old_version_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(FormatError):
        GOOD.read(old_sizes=sizes)


def test_a_frame_needs_no_more_old_content_than_is_allowed() -> None:
    sizes = (2 * HALF + 1, 0, 50, 30)
    most = change(GOOD, edges=(0, HALF, HALF, 2 * HALF, 0, 2 * HALF)).read(old_sizes=sizes)
    assert [sum(size for _, size in frame.prefix) for frame in most.frames] == [LIMITS.prefix_size] * 2
    for edges in ((0, HALF, HALF, 2 * HALF + 1, 0, 1), (0, 1, 1, 2, 0, 2 * HALF + 1)):
        with pytest.raises(FormatError, match="more old content at a time than is allowed"):
            change(GOOD, edges=edges).read(old_sizes=sizes)


def test_every_truncation_is_refused() -> None:
    plain = GOOD.plain()
    for length in range(len(plain)):
        header = compress_after(plain[:length], OLD_BARE, 1)
        with pytest.raises(ContentError):
            read_patch(header, OLD_BARE, list(OLD_SIZES), len(header) + BODY)
    header = GOOD.header()
    for length in range(len(header)):
        with pytest.raises(ContentError):
            read_patch(header[:length], OLD_BARE, list(OLD_SIZES), length + BODY)


def test_trailing_bytes_of_the_frame_are_refused() -> None:
    header = GOOD.header() + b"\0"
    with pytest.raises(FormatError, match="not one whole zstd frame"):
        read_patch(header, OLD_BARE, list(OLD_SIZES), len(header) + BODY)


@pytest.mark.parametrize("old", [b"", OLD_BARE[:-1], OLD_BARE.replace(b"file", b"film")])
def test_the_header_of_another_old_version_is_noticed(old: bytes) -> None:
    header = GOOD.header()
    with pytest.raises(IntegrityError, match="or what it builds on is"):
        read_patch(header, old, list(OLD_SIZES), len(header) + BODY)


def test_more_than_the_largest_header_is_refused_before_it_is_decompressed() -> None:
    bomb = compress_after(bytes(LIMITS.manifest_size + 1), b"", 1)
    assert len(bomb) < LIMITS.manifest_length
    with pytest.raises(LimitError, match="would decompress to"):
        read_patch(bomb, b"", [], len(bomb))


@pytest.mark.parametrize("sizes", [(40, 26), (40, 28)])
def test_frames_that_do_not_yield_the_new_contents_are_refused(sizes: tuple[int, ...]) -> None:
    check_contents(GOOD.read(), NEW)
    with pytest.raises(FormatError, match="as many bytes as its new contents have"):
        check_contents(change(GOOD, sizes=sizes).read(), NEW)
