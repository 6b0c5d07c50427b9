"""A reader that uses nothing but what docs/reference/format.md says: if it reads a repository, the page says enough.

It imports nothing of catsync, and must stay so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import xxhash
import zstandard

ROOT = Path(__file__).parent / "repository"
RAW, ZSTD, FINE = 0, 1, 128

Tree = dict[str, tuple[int, int, str] | None]

ONE: Tree = {
    "Bilder/Gr\u00f6\u00dfe.jpg": (3000, 1750000000, "972f05b1"),
    "catalog.json": (18000, 1749996400, "4ef0cfce"),
    "copy/prices.csv": (16563, 1749992800, "77cf30c5"),
    "empty.txt": (0, 1749989200, "e3b0c442"),
    "log.txt": (1098000, 1749985600, "abaa6bce"),
    "notes/old.txt": (10, 1749982000, "7149a43e"),
    "prices.csv": (16563, 1749978400, "77cf30c5"),
    "soon": None,
}
TWO: Tree = {
    "Bilder/gross.jpg": (3000, 1749982000, "972f05b1"),
    "catalog.json": (18100, 1750000000, "df430de5"),
    "copy/prices.csv": (16563, 1749992800, "77cf30c5"),
    "empty.txt": (0, 1749989200, "e3b0c442"),
    "log.txt": (1098000, 1749985600, "abaa6bce"),
    "prices.csv": (16578, 1749985600, "ffa34219"),
    "soon/now.txt": (5, 1749978400, "c6006557"),
}
"""What was published: size, time of change, first bytes of the SHA-256; None for an empty folder."""


class Columns:
    """Takes numbers from an object that was decompressed."""

    def __init__(self, data: bytes, magic: bytes) -> None:
        assert data[:5] == magic
        self.data, self.at = data, 5

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                assert shift <= 63
                assert byte or shift == 7
                return value

    def numbers(self, count: int) -> list[int]:
        return [self.number() for _ in range(count)]

    def signed(self, count: int) -> list[int]:
        values, value = [], 0
        for step in self.numbers(count):
            value += -(step + 1) // 2 if step % 2 else step // 2
            values.append(value)
        return values

    def take(self, length: int) -> bytes:
        self.at += length
        assert self.at <= len(self.data)
        return self.data[self.at - length : self.at]

    def finish(self) -> None:
        assert self.at == len(self.data)


@dataclass
class Frame:
    offset: int
    length: int
    kind: int
    ranges: list[tuple[int, int]] = field(default_factory=list)
    seal: bytes = b""


@dataclass
class Pack:
    data: bytes
    sizes: list[int]
    frames: list[Frame]
    blocks: list[int]
    hash_lengths: dict[int, tuple[int, int]]
    signatures: bytes

    def stored(self, frame: Frame) -> bytes:
        return self.data[frame.offset : frame.offset + frame.length]

    def decode(self, frame: Frame) -> bytes:
        size = sum(end - begin for begin, end in frame.ranges)
        if frame.kind != FINE | ZSTD:
            assert hashlib.sha256(self.stored(frame)).digest()[:16] == frame.seal
        if frame.kind & ~FINE == ZSTD:
            return unpack(self.stored(frame), size)
        assert size == frame.length
        return self.stored(frame)

    def stream(self) -> bytes:
        return b"".join(self.decode(frame) for frame in self.frames if not frame.kind & FINE)

    def contents(self) -> list[bytes]:
        stream, contents, at = self.stream(), [], 0
        for size in self.sizes:
            contents.append(stream[at : at + size])
            at += size
        assert at == len(stream)
        return contents


def unpack(data: bytes, size: int | None = None) -> bytes:
    header = zstandard.get_frame_parameters(data)
    assert header.has_checksum
    assert not header.dict_id
    assert size in {None, header.content_size}
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=512 << 20, allow_extra_data=False)


def fetch(kind: str, sha256: str, length: int) -> bytes:
    data = (ROOT / kind / sha256).read_bytes()
    assert len(data) == length
    assert hashlib.sha256(data).hexdigest() == sha256
    return data


def read_heads() -> list[dict[str, Any]]:
    """Return the heads of the only catalog, the oldest first."""
    index = json.loads((ROOT / "index.json").read_bytes())
    assert index["format"] == 1
    (catalog, summary), *_ = index["catalogs"].items()
    heads, ref = [], summary["head"]
    while ref:
        head = json.loads(fetch("heads", **ref))
        assert (head["format"], head["catalog"]) == (1, catalog)
        heads.append(head)
        ref = head.get("previous")
    assert heads[0]["version"] == summary["version"]
    return heads[::-1]


def read_pack(pack: tuple[bytes, int], table: tuple[bytes, int]) -> Pack:
    source = Columns(unpack(fetch("tables", table[0].hex(), table[1])), b"CSTB\x01")
    sizes = source.numbers(source.number())
    kinds = source.numbers(source.number())
    frames, offset = [], 0
    for kind, length in zip(kinds, source.numbers(len(kinds)), strict=True):
        frames.append(Frame(offset, length, kind))
        offset += length
    assert offset == pack[1]
    fine = [frame for frame in frames if frame.kind & FINE]
    packed = iter(source.numbers(kinds.count(ZSTD)))
    begin = 0
    for frame in frames:
        if not frame.kind & FINE:
            end = begin + (next(packed) if frame.kind == ZSTD else frame.length)
            frame.ranges.append((begin, end))
            begin = end
    assert begin == sum(sizes)
    counts = source.numbers(len(fine))
    edges = iter(source.signed(2 * sum(counts)))
    for frame, count in zip(fine, counts, strict=True):
        frame.ranges += [(next(edges), next(edges)) for _ in range(count)]
    for frame in frames:
        if frame.kind != FINE | ZSTD:
            frame.seal = source.take(16)
    blocks = source.numbers(len(sizes))
    signed = [number for number, block in enumerate(blocks) if block]
    weak = source.numbers(len(signed))
    strong = source.numbers(len(signed))
    signatures = fetch("signatures", source.take(32).hex(), source.number()) if signed else b""
    source.finish()
    lengths = dict(zip(signed, zip(weak, strong, strict=True), strict=True))
    return Pack(fetch("packs", pack[0].hex(), pack[1]), sizes, frames, blocks, lengths, signatures)


def read_version(head: dict[str, Any]) -> tuple[dict[str, tuple[int, bytes] | None], list[Pack]]:
    """Return the time and bytes of every file, None for an empty folder, and the packs that they lie in."""
    source = Columns(unpack(fetch("manifests", **head["manifest"])), b"CSMF\x01")
    assert source.take(source.number()).decode() == head["catalog"]
    assert source.number() == head["version"]
    packs = []
    for _ in range(source.number()):
        pack = source.take(32), source.number()
        packs.append(read_pack(pack, (source.take(32), source.number())))
    count = source.number()
    sizes, places, numbers = source.numbers(count), source.numbers(count), source.signed(count)
    total = source.number()
    shared = source.numbers(total)
    endings = source.take(source.number()).split(b"\0")
    times, references = source.signed(total), source.numbers(total)
    hashes = [source.take(32) for _ in range(count)]
    source.finish()
    stored = [pack.contents() for pack in packs]
    contents = [stored[place][number] for place, number in zip(places, numbers, strict=True)]
    assert [len(content) for content in contents] == sizes
    assert [hashlib.sha256(content).digest() for content in contents] == hashes
    tree: dict[str, tuple[int, bytes] | None] = {}
    path, following = b"", 0
    for same, ending, time, reference in zip(shared, endings, times, references, strict=True):
        path = path[:same] + ending
        if reference == 1:
            tree[path.decode()] = None
            continue
        tree[path.decode()] = time, contents[reference - 2 if reference else following]
        following += reference == 0
    assert following == count
    return tree, packs


def weak_hash(block: bytes) -> int:
    value = 1
    for byte in block:
        value = (value * 747796405 + byte) % (1 << 32)
    return value


def signatures(pack: Pack) -> Iterator[bytes]:
    """Yield what the signature object of a pack must hold."""
    for number, content in enumerate(pack.contents()):
        if number in pack.hash_lengths:
            weak, strong = pack.hash_lengths[number]
            size = pack.blocks[number]
            blocks = [content[at : at + size] for at in range(0, len(content), size)]
            for block in blocks:
                yield (weak_hash(block) >> (32 - 8 * weak)).to_bytes(weak, "little")
            for block in blocks:
                yield xxhash.xxh3_128_intdigest(block).to_bytes(16, "big")[:strong]


@pytest.mark.parametrize(("version", "expected"), [(1, ONE), (2, TWO)])
def test_every_file_of_every_version_is_extracted(version: int, expected: Tree) -> None:
    head = read_heads()[version - 1]
    assert (head["version"], head["title"], head["note"]) == (version, "G\u00f6lden", f"Version {version}")
    tree, _ = read_version(head)
    found: Tree = {
        path: None if file is None else (len(file[1]), file[0], hashlib.sha256(file[1]).hexdigest()[:8])
        for path, file in tree.items()
    }
    assert found == expected
    assert list(tree) == sorted(tree, key=str.encode)
    files = [file for file in tree.values() if file is not None]
    assert (head["files"], head["bytes"]) == (len(files), sum(len(data) for _, data in files))


def test_fine_frames_yield_what_the_stream_holds() -> None:
    _, packs = read_version(read_heads()[-1])
    fine = [(pack, frame) for pack in packs for frame in pack.frames if frame.kind & FINE]
    assert any(len(frame.ranges) > 1 for _, frame in fine)
    for pack, frame in fine:
        stream = pack.stream()
        assert pack.decode(frame) == b"".join(stream[begin:end] for begin, end in frame.ranges)


def test_signatures_are_the_hashes_of_the_blocks() -> None:
    _, packs = read_version(read_heads()[-1])
    assert sum(len(pack.hash_lengths) for pack in packs) == 3
    for pack in packs:
        assert b"".join(signatures(pack)) == pack.signatures


def test_the_vectors_of_the_page() -> None:
    assert [weak_hash(b""), weak_hash(b"a"), weak_hash(b"abc")] == [1, 0x2C927816, 0xBE4F8F13]
    assert (weak_hash(b"abc") >> 16).to_bytes(2, "little").hex() == "4fbe"
    assert xxhash.xxh3_128_intdigest(b"abc").to_bytes(16, "big").hex().startswith("06b05ab6")
    assert Columns(b"CSMF\x01\xac\x02", b"CSMF\x01").number() == 300
    assert Columns(b"CSMF\x01\x06\x01\x00\x7f", b"CSMF\x01").signed(4) == [3, 2, 2, -62]
