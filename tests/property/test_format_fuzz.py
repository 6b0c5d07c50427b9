"""Whatever bytes arrive: an error of the content's side, or a value that has a canonical encoding. Nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core.errors import ContentError
from catsync_core.format.frames import Codec, compress, decompress, decompress_bounded
from catsync_core.format.head import Head, PatchRef, read_head, write_head
from catsync_core.format.history import History, Step, read_history, write_history
from catsync_core.format.index import CatalogSummary, Index, read_index, write_index
from catsync_core.format.manifest import (
    Content,
    Entry,
    Manifest,
    PackRef,
    read_manifest,
    read_plain,
    write_manifest,
)
from catsync_core.format.objects import ObjectRef
from catsync_core.format.patch import Patch, PatchFrame, check_contents, read_patch, write_patch_header
from catsync_core.format.prefix import announced_size, compress_after, decompress_after
from catsync_core.format.table import Frame, SignatureShape, Table, read_table, write_table

REF = ObjectRef("0f" * 32, 1234)
unhurried = settings(deadline=None)  # seconds would say more about the machine than about the code
PACK_LENGTH = 2057
PATCHES = (PatchRef("ab" * 32, "cd" * 32, REF, 9), PatchRef("", "cd" * 32, REF, 1234))


@dataclass(frozen=True)
class Kind:
    """An object that arrives: how it is read and written, and one that is right."""

    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]
    sample: bytes


KINDS = {
    "index": Kind(
        read_index,
        write_index,
        write_index(
            Index(1, "ab" * 16, 7, 1, {name: CatalogSummary("T\u00f6ols", 3, 2, 2, 10, REF) for name in ("a", "b")})
        ),
    ),
    "head": Kind(
        read_head, write_head, write_head(Head(1, "a", 3, "T\u00f6ols", 2, 2, 10, REF, 'Note \\ "', REF, PATCHES, REF))
    ),
    "manifest": Kind(
        read_manifest,
        write_manifest,
        write_manifest(
            Manifest(
                "tools",
                2,
                (PackRef(REF, REF), PackRef(ObjectRef.of(b"x"), REF)),
                tuple(Content(ObjectRef.of(b"%d" % n).sha256.encode()[:32], 300 * n, n % 2, n) for n in range(4)),
                (
                    Entry("a", 1_750_000_000, 0),
                    Entry("b/\u00e4", 5, 1),
                    Entry("b/\u00f6", 5, None),
                    Entry("b/\u00fc/c", -7, 2),
                    Entry("c", 0, 1),
                    Entry("d", 0, 3),
                ),
            )
        ),
    ),
    "table": Kind(
        lambda data: read_table(data, PACK_LENGTH),
        write_table,
        write_table(
            Table(
                (100, 0, 50, 2000),
                (
                    Frame(0, 30, Codec.ZSTD, ((0, 150),)),
                    Frame(30, 20, Codec.ZSTD, ((160, 40), (150, 10)), b"", fine=True),
                    Frame(50, 2000, Codec.RAW, ((150, 2000),), b"12345678"),
                    Frame(2050, 7, Codec.RAW, ((1000, 7),), b"abcdefgh", fine=True),
                ),
                {0: SignatureShape(0, 40, 3, 4, 3), 3: SignatureShape(21, 2048, 2, 5, 1)},
                ObjectRef("33" * 32, 28),
            )
        ),
    ),
    "history": Kind(
        lambda data: read_history(data, PATCHES),
        write_history,
        write_history(
            History(
                "tools",
                (
                    Step("ab" * 8, 0, REF, 1234),
                    Step("cd" * 8, 2, ObjectRef.of(b"x"), 1),
                    Step("ef" * 8, 3, ObjectRef("12" * 32, 1 << 40), 9),
                ),
            )
        ),
    ),
}
BINARY = ("manifest", "table", "history")

Mutation = tuple[str, int, bytes]
mutations = st.lists(
    st.tuples(
        st.sampled_from(["overwrite", "insert", "delete", "truncate", "repeat"]),
        st.integers(0, 1 << 16),
        st.binary(min_size=1, max_size=9)
        | st.sampled_from([b"\0", b"\x80", b"\xff" * 9, b'"', b"{", b"[", b"\\ud800"]),
    ),
    min_size=1,
    max_size=4,
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=5), scalars, max_size=3)


def mutate(data: bytes, changes: list[Mutation]) -> bytes:
    for how, place, part in changes:
        at = place % (len(data) + 1)
        match how:
            case "overwrite":
                data = data[:at] + part + data[at + len(part) :]
            case "insert":
                data = data[:at] + part + data[at:]
            case "delete":
                data = data[:at] + data[at + len(part) :]
            case "truncate":
                data = data[:at]
            case _:
                data = data[:at] + data[at : at + 20] * 3 + data[at:]
    return data


def unpack(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)


def accept_or_refuse(kind: Kind, data: bytes) -> None:
    try:
        value = kind.read(data)
    except ContentError:
        return
    written = kind.write(value)
    assert kind.read(written) == value
    assert kind.write(kind.read(written)) == written


@pytest.mark.parametrize("name", KINDS)
@unhurried
@given(data=st.binary())
def test_any_bytes(name: str, data: bytes) -> None:
    accept_or_refuse(KINDS[name], data)


@pytest.mark.parametrize("name", BINARY)
@unhurried
@given(data=st.binary())
def test_any_bytes_behind_the_right_beginning(name: str, data: bytes) -> None:
    beginning = unpack(KINDS[name].sample)[:5]
    accept_or_refuse(KINDS[name], compress(beginning + data, 1))


@pytest.mark.parametrize("name", KINDS)
@unhurried
@given(changes=mutations)
def test_mutated_objects(name: str, changes: list[Mutation]) -> None:
    accept_or_refuse(KINDS[name], mutate(KINDS[name].sample, changes))


@pytest.mark.parametrize("name", BINARY)
@unhurried
@given(changes=mutations)
def test_mutated_payloads(name: str, changes: list[Mutation]) -> None:
    accept_or_refuse(KINDS[name], compress(mutate(unpack(KINDS[name].sample), changes) or b"\0", 1))


@pytest.mark.parametrize("name", KINDS)
def test_every_truncated_or_flipped_byte(name: str) -> None:
    kind = KINDS[name]
    layers: list[tuple[bytes, Callable[[bytes], bytes]]] = [(kind.sample, bytes)]
    if name in BINARY:
        layers.append((unpack(kind.sample), lambda plain: compress(plain or b"\0", 1)))
    for data, wrap in layers:
        for at in range(len(data)):
            accept_or_refuse(kind, wrap(data[:at]))
            for flip in (1, 0x80, 0xFF):
                accept_or_refuse(kind, wrap(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]))


@pytest.mark.parametrize("name", ["index", "head"])
@unhurried
@given(data=st.data())
def test_json_with_any_value_in_any_place(name: str, data: st.DataObject) -> None:
    document = json.loads(KINDS[name].sample)
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place)) | st.text(max_size=5))
        if isinstance(place.get(key), dict) and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(values)
        break
    accept_or_refuse(KINDS[name], json.dumps(document).encode())


@unhurried
@given(data=st.binary(), changes=mutations, size=st.integers(0, 1 << 20))
def test_frames(data: bytes, changes: list[Mutation], size: int) -> None:
    frame = mutate(compress(data, 3), changes)
    for decode in (decompress, decompress_bounded):
        try:
            found = decode(frame, size, "It")
        except ContentError:
            continue
        assert len(found) <= size
        assert decode is decompress_bounded or len(found) == size


OLD = bytes(range(200))
OLD_SIZES = [100, 0, 50, 30]
PLAIN = unpack(KINDS["manifest"].sample)
PATCH = Patch(
    bare=PLAIN[: -4 * 32],
    sources=(None, 2, None, 3),
    order=(2, 0),
    frames=(PatchFrame(0, 30, 0, 500, ((0, 100), (150, 30))), PatchFrame(30, 9, 500, 100, ((90, 20),))),
)
HEADER = write_patch_header(PATCH, OLD)
BODY = 39


def follow_or_refuse(header: bytes) -> None:
    """Take a patch as far as its header goes."""
    try:
        patch = read_patch(header, OLD, OLD_SIZES, len(header) + BODY)
        manifest = read_plain(patch.bare + b"".join(b"%032d" % number for number in range(len(patch.sources))))
        check_contents(patch, manifest)
    except ContentError:
        return
    written = write_patch_header(patch, OLD)
    found = read_patch(written, OLD, OLD_SIZES, len(written) + BODY)
    assert (found.bare, found.sources, found.order) == (patch.bare, patch.sources, patch.order)
    assert [frame.prefix for frame in found.frames] == [frame.prefix for frame in patch.frames]


@unhurried
@given(data=st.binary())
def test_any_bytes_as_the_header_of_a_patch(data: bytes) -> None:
    follow_or_refuse(data)
    follow_or_refuse(compress_after(b"CSPT\x01" + data, OLD, 1))


@unhurried
@given(changes=mutations)
def test_mutated_headers_of_patches(changes: list[Mutation]) -> None:
    follow_or_refuse(mutate(HEADER, changes))
    plain = bytes(decompress_after(HEADER, OLD, announced_size(HEADER, "It"), "It"))
    follow_or_refuse(compress_after(mutate(plain, changes), OLD, 1))


def test_every_truncated_or_flipped_byte_of_the_header_of_a_patch() -> None:
    plain = bytes(decompress_after(HEADER, OLD, announced_size(HEADER, "It"), "It"))
    for data, wrap in ((HEADER, bytes), (plain, lambda changed: compress_after(changed, OLD, 1))):
        for at in range(len(data)):
            follow_or_refuse(wrap(data[:at]))
            for flip in (1, 0x80, 0xFF):
                follow_or_refuse(wrap(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]))


@unhurried
@given(data=st.binary(), prefix=st.binary(max_size=300), changes=mutations, size=st.integers(0, 1 << 20))
def test_frames_with_a_prefix(data: bytes, prefix: bytes, changes: list[Mutation], size: int) -> None:
    frame = mutate(compress_after(data, prefix, 3), changes)
    for expected in (size, len(data)):
        try:
            found = decompress_after(frame, prefix, expected, "It")
        except ContentError:
            continue
        assert len(found) == expected
