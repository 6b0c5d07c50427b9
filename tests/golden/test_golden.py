"""Files of the past are read as what they were, and are written again as they are.

JSON is written byte for byte alike. For manifests, tables and histories that holds before compression only, since
versions of zstd compress differently.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import zstandard

from catsync_core.format.frames import Codec
from catsync_core.format.head import Head, PatchRef, read_head, write_head
from catsync_core.format.history import History, Step, read_history, write_history
from catsync_core.format.index import CatalogSummary, Index, read_index, write_index
from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, read_manifest, write_manifest
from catsync_core.format.objects import Kind, ObjectRef, object_key, verify
from catsync_core.format.patch import bare_manifest, read_patch, write_patch_header
from catsync_core.format.prefix import announced_size, decompress_after
from catsync_core.format.table import Frame, SignatureShape, Table, read_table, write_table

HERE = Path(__file__).parent
OBJECTS = HERE / "objects"
PATCHES = {"repository": 0, "repository-sealed": 0, "repository-patches": 2, "repository-history": 3}
"""How many patches each repository has."""
REF = ObjectRef("0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f", 321)

INDEXES = {
    "index-empty.json": Index(1, "abababababababababababababababab", 1, 1_750_000_000, {}),
    "index.json": Index(
        format=1,
        repository="0123456789abcdef0123456789abcdef",
        serial=42,
        created=1_750_000_000,
        catalogs={
            "tools": CatalogSummary("Werkzeuge & Zubeh\u00f6r", 7, 1_749_999_940, 1200, 480_000_000, REF),
            "a.b-c_d": CatalogSummary('"\\\U0001f600', 1, 0, 0, 0, REF),
        },
        expires=1_750_086_400,
    ),
}
HEADS = {
    "head-first.json": Head(1, "tools", 1, "Werkzeuge", 1_750_000_000, 0, 0, REF),
    "head.json": Head(
        format=1,
        catalog="tools",
        version=7,
        title="Werkzeuge",
        published=1_750_000_000,
        files=1200,
        bytes=480_000_000,
        manifest=REF,
        note="Preise 2026\nneu: S\u00e4gen",
        previous=REF,
    ),
    "head-patches.json": Head(
        format=1,
        catalog="tools",
        version=7,
        title="Werkzeuge",
        published=1_750_000_000,
        files=1200,
        bytes=480_000_000,
        manifest=REF,
        patches=(PatchRef("ab" * 32, "cd" * 32, REF, 100), PatchRef("", "cd" * 32, REF, 321)),
        history=REF,
    ),
}
HISTORIES = {
    "history-empty": History("tools", ()),
    "history": History(
        catalog="tools",
        steps=(
            Step(base="abababababababab", onward=0, patch=ObjectRef("4" * 64, 8_589_934_592), header=5000),
            Step("cdcdcdcdcdcdcdcd", 2, REF, 321),
            Step("efefefefefefefef", 2, ObjectRef("5" * 64, 1), 1),
        ),
    ),
}
"""Of a head with the patches of ``head-patches.json``."""
MANIFESTS = {
    "manifest-empty": Manifest("tools", 1, (), (), ()),
    "manifest": Manifest(
        catalog="tools",
        version=7,
        packs=(
            PackRef(ObjectRef("1" * 64, 1000), ObjectRef("a" * 64, 99)),
            PackRef(ObjectRef("2" * 64, 1000), ObjectRef("a" * 64, 99)),
        ),
        contents=(
            Content(hashlib.sha256(b"a").digest(), 1, 1, 300),
            Content(hashlib.sha256(b"b").digest(), 8_589_934_592, 0, 5),
            Content(hashlib.sha256(b"").digest(), 0, 0, 0),
        ),
        entries=(
            Entry("Bilder/Gr\u00f6\u00dfe.jpg", 1_750_000_000, 0),
            Entry("Bilder/Gr\u00f6\u00dfer.jpg", 1_750_000_061, 1),
            Entry("Bilder/Kopie.jpg", -1, 0),
            Entry("leer", 0, None),
            Entry("leer.txt", 0, 2),
        ),
    ),
}
TABLES = {
    "table-empty": (Table((), (), {}, None), 0),
    "table": (
        Table(
            sizes=(100, 0, 50, 2000),
            frames=(
                Frame(0, 30, Codec.ZSTD, ((0, 150),), bytes.fromhex("88cb8a087b6e8cebfc9ae5602f5a2159")),
                Frame(30, 20, Codec.ZSTD, ((160, 40), (150, 10)), fine=True),
                Frame(50, 2000, Codec.RAW, ((150, 2000),), bytes.fromhex("152397e39cbd1ca8d0be17ba26d2077b")),
                Frame(2050, 7, Codec.RAW, ((1000, 7),), bytes.fromhex("d14a58bae804a2b80b5b76a010239c88"), fine=True),
            ),
            shapes={0: SignatureShape(0, 40, 3, 4, 3), 3: SignatureShape(21, 2048, 2, 5, 1)},
            signatures=ObjectRef("3" * 64, 28),
        ),
        2057,
    ),
}


def unpack(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)


def unpack_after(data: bytes, prefix: bytes) -> bytes | bytearray:
    return decompress_after(data, prefix, announced_size(data, "It"), "It")


def test_nothing_is_left_out() -> None:
    assert {path.name for path in OBJECTS.iterdir()} == {*INDEXES, *HEADS, *HISTORIES, *MANIFESTS, *TABLES}


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(name: str) -> None:
    data = (OBJECTS / name).read_bytes()
    assert read_index(data) == INDEXES[name]
    assert write_index(INDEXES[name]) == data


@pytest.mark.parametrize("name", HEADS)
def test_heads(name: str) -> None:
    data = (OBJECTS / name).read_bytes()
    assert read_head(data) == HEADS[name]
    assert write_head(HEADS[name]) == data


@pytest.mark.parametrize("name", HISTORIES)
def test_histories(name: str) -> None:
    data = (OBJECTS / name).read_bytes()
    assert read_history(data, HEADS["head-patches.json"].patches) == HISTORIES[name]
    assert unpack(write_history(HISTORIES[name])) == unpack(data)


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests(name: str) -> None:
    data = (OBJECTS / name).read_bytes()
    assert read_manifest(data) == MANIFESTS[name]
    assert unpack(write_manifest(MANIFESTS[name])) == unpack(data)


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    data = (OBJECTS / name).read_bytes()
    table, pack_length = TABLES[name]
    assert read_table(data, pack_length) == table
    assert unpack(write_table(table)) == unpack(data)


@pytest.mark.parametrize("name", PATCHES)
def test_the_repositories(name: str) -> None:
    """Every object of it is named by its hash, referred to, and written again as it is."""
    repository = HERE / name
    data = (repository / "index.json").read_bytes()
    index = read_index(data)
    assert write_index(index) == data
    seen = {"index.json"}
    manifests: dict[str, Manifest] = {}
    patches: list[PatchRef] = []
    named: set[ObjectRef] = set()

    def fetch(kind: Kind, ref: ObjectRef) -> bytes:
        key = object_key(kind, ref)
        seen.add(key)
        return verify((repository / key).read_bytes(), ref, key)

    following: ObjectRef | None = index.catalogs["golden"].head
    while following is not None:
        data = fetch("heads", following)
        head = read_head(data)
        assert write_head(head) == data
        data_of_manifest = fetch("manifests", head.manifest)
        manifest = read_manifest(data_of_manifest)
        assert unpack(write_manifest(manifest)) == unpack(data_of_manifest)
        assert (head.files, head.bytes) == (manifest.total_files(), manifest.total_bytes())
        for pack in manifest.packs:
            fetch("packs", pack.pack)
            data = fetch("tables", pack.table)
            table = read_table(data, pack.pack.length)
            assert unpack(write_table(table)) == unpack(data)
            if table.signatures is not None:
                fetch("signatures", table.signatures)
        manifests[hashlib.sha256(unpack(data_of_manifest)).hexdigest()] = manifest
        patches += head.patches
        if head.history is not None:
            data = fetch("histories", head.history)
            history = read_history(data, head.patches)
            assert unpack(write_history(history)) == unpack(data)
            named.update(step.patch for step in history.steps)
        following = head.previous
    for ref in patches:
        data = fetch("patches", ref.patch)[: ref.header]
        old = manifests[ref.base] if ref.base else Manifest("golden", 0, (), (), ())
        bare = bare_manifest(old) if ref.base else b""
        patch = read_patch(data, bare, [content.size for content in old.contents], ref.patch.length)
        assert patch.bare == bare_manifest(manifests[ref.root])
        written = write_patch_header(patch, bare)
        assert unpack_after(written, bare) == unpack_after(data, bare)
    assert len(patches) == PATCHES[name]
    assert named <= {ref.patch for ref in patches}
    assert seen == {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
