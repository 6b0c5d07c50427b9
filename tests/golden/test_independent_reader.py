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
SEALED = Path(__file__).parent / "repository-sealed"
PATCHED = Path(__file__).parent / "repository-patches"
STEPPED = Path(__file__).parent / "repository-history"
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

PATCHED_ONE: Tree = {
    "Bilder/Gr\xf6\xdfe.jpg": (3000, 1750000000, "488e9e22"),
    "copy/prices.csv": (16564, 1749996400, "940b8cde"),
    "empty.txt": (0, 1749992800, "e3b0c442"),
    "long.csv": (56453, 1749989200, "0357136d"),
    "notes/old.txt": (10, 1749985600, "7149a43e"),
    "pages/0.html": (235, 1749982000, "85d985da"),
    "pages/1.html": (235, 1749978400, "73ce9a8f"),
    "pages/2.html": (244, 1749974800, "3419e97d"),
    "pages/3.html": (244, 1749971200, "22512768"),
    "pages/4.html": (244, 1749967600, "dd4cf6e7"),
    "pages/5.html": (244, 1749964000, "86ce9b38"),
    "pages/6.html": (235, 1749960400, "47c8c4b2"),
    "pages/7.html": (244, 1749956800, "f7d5c79c"),
    "prices.csv": (16564, 1749953200, "940b8cde"),
}
PATCHED_TWO: Tree = {
    "Bilder/gross.jpg": (3000, 1749956800, "488e9e22"),
    "copy/prices.csv": (16564, 1749996400, "940b8cde"),
    "empty.txt": (0, 1749992800, "e3b0c442"),
    "long.csv": (56459, 1749992800, "71d14fa4"),
    "one-byte.txt": (1, 1749953200, "01ba4719"),
    "pages/0.html": (235, 1749982000, "85d985da"),
    "pages/1.html": (235, 1749978400, "73ce9a8f"),
    "pages/2.html": (244, 1749974800, "3419e97d"),
    "pages/3.html": (244, 1749971200, "22512768"),
    "pages/4.html": (244, 1749967600, "dd4cf6e7"),
    "pages/5.html": (244, 1749964000, "86ce9b38"),
    "pages/6.html": (235, 1749960400, "47c8c4b2"),
    "pages/7.html": (244, 1749956800, "f7d5c79c"),
    "pages/9.html": (244, 1749949600, "1024e20b"),
    "prices.csv": (16588, 1749960400, "b487cab6"),
    "soon": None,
}

Files = dict[str, tuple[int, bytes] | None]
"""Time and bytes; None for an empty folder."""


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
class Manifest:
    """A manifest, with everything but its bytes taken apart."""

    plain: bytes
    catalog: str
    version: int
    packs: list[tuple[tuple[bytes, int], tuple[bytes, int]]]
    sizes: list[int]
    places: list[int]
    numbers: list[int]
    entries: list[tuple[str, int, int | None]]
    hashes: list[bytes]

    @property
    def bare(self) -> bytes:
        return self.plain[: len(self.plain) - 32 * len(self.sizes)]

    @property
    def root(self) -> str:
        return hashlib.sha256(self.plain).hexdigest()


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
        sealed = frame.kind != FINE | ZSTD
        if sealed:
            assert hashlib.sha256(self.stored(frame)).digest()[:16] == frame.seal
        if frame.kind & ~FINE == ZSTD:
            return unpack(self.stored(frame), size, sealed=sealed)
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


def unpack(data: bytes, size: int | None = None, prefix: bytes = b"", *, sealed: bool = False) -> bytes:
    header = zstandard.get_frame_parameters(data)
    assert header.has_checksum or sealed
    assert not header.dict_id
    assert size in {None, header.content_size}
    raw = zstandard.ZstdCompressionDict(prefix, zstandard.DICT_TYPE_RAWCONTENT) if len(prefix) >= 8 else None
    decompressor = zstandard.ZstdDecompressor(dict_data=raw)
    return decompressor.decompress(data, max_output_size=512 << 20, allow_extra_data=False)


def fetch(kind: str, sha256: str, length: int, root: Path = ROOT) -> bytes:
    data = (root / kind / sha256).read_bytes()
    assert len(data) == length
    assert hashlib.sha256(data).hexdigest() == sha256
    return data


def read_heads(root: Path = ROOT) -> list[dict[str, Any]]:
    """Return the heads of the only catalog, the oldest first."""
    index = json.loads((root / "index.json").read_bytes())
    assert index["format"] == 1
    (catalog, summary), *_ = index["catalogs"].items()
    heads, ref = [], summary["head"]
    while ref:
        head = json.loads(fetch("heads", **ref, root=root))
        assert (head["format"], head["catalog"]) == (1, catalog)
        heads.append(head)
        ref = head.get("previous")
    assert heads[0]["version"] == summary["version"]
    return heads[::-1]


def read_pack(pack: tuple[bytes, int], table: tuple[bytes, int], root: Path = ROOT) -> Pack:
    source = Columns(unpack(fetch("tables", table[0].hex(), table[1], root)), b"CSTB\x01")
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
    signatures = fetch("signatures", source.take(32).hex(), source.number(), root) if signed else b""
    source.finish()
    lengths = dict(zip(signed, zip(weak, strong, strict=True), strict=True))
    return Pack(fetch("packs", pack[0].hex(), pack[1], root), sizes, frames, blocks, lengths, signatures)


def parse_manifest(plain: bytes) -> Manifest:
    source = Columns(plain, b"CSMF\x01")
    catalog, version = source.take(source.number()).decode(), source.number()
    packs = []
    for _ in range(source.number()):
        pack = source.take(32), source.number()
        packs.append((pack, (source.take(32), source.number())))
    count = source.number()
    sizes, places, numbers = source.numbers(count), source.numbers(count), source.signed(count)
    total = source.number()
    shared = source.numbers(total)
    endings = source.take(source.number()).split(b"\0")
    times, references = source.signed(total), source.numbers(total)
    hashes = [source.take(32) for _ in range(count)]
    source.finish()
    assert len(set(hashes)) == count
    entries: list[tuple[str, int, int | None]] = []
    path, following = b"", 0
    for same, ending, time, reference in zip(shared, endings, times, references, strict=True):
        path = path[:same] + ending
        content = None if reference == 1 else reference - 2 if reference else following
        entries.append((path.decode(), time, content))
        following += reference == 0
    assert following == count
    return Manifest(plain, catalog, version, packs, sizes, places, numbers, entries, hashes)


def read_manifest(head: dict[str, Any], root: Path = ROOT) -> Manifest:
    manifest = parse_manifest(unpack(fetch("manifests", **head["manifest"], root=root)))
    assert (manifest.catalog, manifest.version) == (head["catalog"], head["version"])
    return manifest


def find_path(head: dict[str, Any], manifest: Manifest, root: Path) -> list[dict[str, Any]]:
    """Return the patches that lead from a version to that of the head."""
    source = Columns(unpack(fetch("histories", **head["history"], root=root)), b"CSHS\x01")
    assert source.take(source.number()).decode() == head["catalog"]
    count = source.number()
    bases = [source.take(8) for _ in range(count)]
    onward, lengths, headers = (source.numbers(count) for _ in range(3))
    names = [source.take(32).hex() for _ in range(count)]
    source.finish()
    steps = [
        {"patch": {"sha256": name, "length": length}, "header": header}
        for name, length, header in zip(names, lengths, headers, strict=True)
    ]
    direct = head["patches"]
    for ref in direct:
        if ref["base"] == manifest.root:
            return [ref]
    at = bases.index(bytes.fromhex(manifest.root)[:8])
    path = []
    while at >= 0:
        path.append(steps[at])
        following = onward[at]
        assert following < len(direct) + at
        at = following - len(direct)
    return [*path, direct[following]]


def read_version(head: dict[str, Any], root: Path = ROOT) -> tuple[Files, list[Pack]]:
    """Return the time and bytes of every file, None for an empty folder, and the packs that they lie in."""
    manifest = read_manifest(head, root)
    packs = [read_pack(pack, table, root) for pack, table in manifest.packs]
    stored = [pack.contents() for pack in packs]
    contents = [stored[place][number] for place, number in zip(manifest.places, manifest.numbers, strict=True)]
    assert [len(content) for content in contents] == manifest.sizes
    assert [hashlib.sha256(content).digest() for content in contents] == manifest.hashes
    return lay_out(manifest, contents), packs


def lay_out(manifest: Manifest, contents: list[bytes]) -> Files:
    return {path: None if index is None else (time, contents[index]) for path, time, index in manifest.entries}


def follow_patch(
    ref: dict[str, Any], old: Manifest | None, old_contents: list[bytes], root: Path = PATCHED
) -> tuple[Manifest, list[bytes]]:
    """Return what a patch leads to: the new manifest, and its contents."""
    data = fetch("patches", **ref["patch"], root=root)
    source = Columns(unpack(data[: ref["header"]], None, old.bare if old else b""), b"CSPT\x01")
    bare = source.take(source.number())
    sources, following = [], 0
    for value in source.numbers(source.number()):
        sources.append(None if value == 1 else value - 2 if value else following)
        following = following if sources[-1] is None else sources[-1] + 1
    order = source.signed(source.number())
    lengths = source.numbers(source.number())
    sizes, counts = source.numbers(len(lengths)), source.numbers(len(lengths))
    edges = iter(source.signed(2 * sum(counts)))
    source.finish()
    old_stream, new_stream, at = b"".join(old_contents), b"", ref["header"]
    for length, size, count in zip(lengths, sizes, counts, strict=True):
        prefix = b"".join(old_stream[next(edges) : next(edges)] for _ in range(count))
        new_stream += unpack(data[at : at + length], size, prefix)
        at += length
    assert at == len(data)
    assert sorted(order) == [index for index, old_index in enumerate(sources) if old_index is None]
    contents = [b"" if index is None else old_contents[index] for index in sources]
    new_sizes, at = parse_manifest(bare + b"".join(b"%032d" % n for n in range(len(sources)))).sizes, 0
    for index in order:
        contents[index] = new_stream[at : at + new_sizes[index]]
        at += new_sizes[index]
    assert at == len(new_stream)
    manifest = parse_manifest(bare + b"".join(hashlib.sha256(content).digest() for content in contents))
    assert manifest.sizes == [len(content) for content in contents]
    return manifest, contents


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


def summarise(files: Files) -> Tree:
    return {
        path: None if file is None else (len(file[1]), file[0], hashlib.sha256(file[1]).hexdigest()[:8])
        for path, file in files.items()
    }


@pytest.mark.parametrize("root", [ROOT, SEALED], ids=lambda root: root.name)
@pytest.mark.parametrize(("version", "expected"), [(1, ONE), (2, TWO)])
def test_every_file_of_every_version_is_extracted(version: int, expected: Tree, root: Path) -> None:
    head = read_heads(root)[version - 1]
    assert (head["version"], head["title"], head["note"]) == (version, "G\u00f6lden", f"Version {version}")
    tree, _ = read_version(head, root)
    assert summarise(tree) == expected
    assert list(tree) == sorted(tree, key=str.encode)
    files = [file for file in tree.values() if file is not None]
    assert (head["files"], head["bytes"]) == (len(files), sum(len(data) for _, data in files))


def test_sealed_frames_have_a_checksum_or_none() -> None:
    for root, expected in ((ROOT, {True}), (SEALED, {False})):
        _, packs = read_version(read_heads(root)[-1], root)
        sealed = [pack.stored(frame) for pack in packs for frame in pack.frames if frame.kind == ZSTD]
        assert {zstandard.get_frame_parameters(stored).has_checksum for stored in sealed} == expected


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


def test_patches_lead_from_version_to_version_and_from_nothing() -> None:
    first, second = read_heads(PATCHED)
    patches = {ref["base"]: ref for ref in second["patches"]}
    assert len(patches) == 2
    solid, contents = follow_patch(patches[""], None, [])
    assert {ref["root"] for ref in patches.values()} == {solid.root}
    assert solid.plain == read_manifest(second, PATCHED).plain
    assert summarise(lay_out(solid, contents)) == PATCHED_TWO
    old = read_manifest(first, PATCHED)
    old_contents = [read_old(old, index) for index in range(len(old.sizes))]
    assert summarise(lay_out(old, old_contents)) == PATCHED_ONE
    assert follow_patch(patches[old.root], old, old_contents) == (solid, contents)


def read_old(manifest: Manifest, index: int, root: Path = PATCHED) -> bytes:
    pack, table = manifest.packs[manifest.places[index]]
    content = read_pack(pack, table, root).contents()[manifest.numbers[index]]
    assert hashlib.sha256(content).digest() == manifest.hashes[index]
    return content


@pytest.mark.parametrize("version", [1, 2, 3])
def test_patches_of_the_history_lead_over_several_versions_to_the_newest(version: int) -> None:
    heads = read_heads(STEPPED)
    manifest = read_manifest(heads[version - 1], STEPPED)
    contents = [read_old(manifest, index, STEPPED) for index in range(len(manifest.sizes))]
    path = find_path(heads[-1], manifest, STEPPED)
    assert len(path) == 4 - version
    for patch in path:
        manifest, contents = follow_patch(patch, manifest, contents, STEPPED)
    assert manifest.root == heads[-1]["patches"][0]["root"]
    assert manifest.plain == read_manifest(heads[-1], STEPPED).plain
    assert lay_out(manifest, contents) == read_version(heads[-1], STEPPED)[0]


def test_the_vectors_of_the_page() -> None:
    assert [weak_hash(b""), weak_hash(b"a"), weak_hash(b"abc")] == [1, 0x2C927816, 0xBE4F8F13]
    assert (weak_hash(b"abc") >> 16).to_bytes(2, "little").hex() == "4fbe"
    assert xxhash.xxh3_128_intdigest(b"abc").to_bytes(16, "big").hex().startswith("06b05ab6")
    assert Columns(b"CSMF\x01\xac\x02", b"CSMF\x01").number() == 300
    assert Columns(b"CSMF\x01\x06\x01\x00\x7f", b"CSMF\x01").signed(4) == [3, 2, 2, -62]
