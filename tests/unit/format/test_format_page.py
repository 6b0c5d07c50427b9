"""docs/reference/format.md says what the code does: its limits, and its examples byte by byte."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from catsync_core.format.frames import Codec, compress
from catsync_core.format.head import PatchRef
from catsync_core.format.history import History, Step, read_history, write_history
from catsync_core.format.manifest import (
    Content,
    Entry,
    Manifest,
    PackRef,
    read_manifest,
    read_plain,
    write_manifest,
    write_plain,
)
from catsync_core.format.objects import ObjectRef
from catsync_core.format.patch import Patch, PatchFrame, bare_manifest, read_patch, write_patch_header
from catsync_core.format.prefix import compress_after
from catsync_core.format.table import Frame, SignatureShape, Table, read_table, write_table
from catsync_core.limits import LIMITS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "format.md"
NOT_OF_THE_FORMAT = {"stall_seconds", "retry_after_seconds"}


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def example(page: str, heading: str) -> bytes:
    """Return the bytes of the example below a heading: two digits each; two blanks end them."""
    block = page.split(f"## {heading}\n")[1].split("```text\n")[1].split("```", maxsplit=1)[0]
    return bytes.fromhex(" ".join(line.split("  ")[0] for line in block.splitlines()))


def test_every_limit_stands_there_as_it_is(page: str) -> None:
    stated = {name: int(most) for name, most in re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)}
    limits = msgspec.structs.asdict(LIMITS)
    assert stated == {name: most for name, most in limits.items() if name not in NOT_OF_THE_FORMAT}


def test_the_manifest_of_the_example(page: str) -> None:
    manifest = Manifest(
        catalog="tools",
        version=2,
        packs=(PackRef(ObjectRef("11" * 32, 1000), ObjectRef("22" * 32, 100)),),
        contents=(Content(b"\xaa" * 32, 10, 0, 3), Content(b"\xbb" * 32, 0, 0, 1)),
        entries=(
            Entry("a/b.csv", 1_750_000_000, 0),
            Entry("a/c.csv", 1_750_000_060, 1),
            Entry("a/empty", 0, None),
            Entry("b", -5, 0),
        ),
    )
    plain = example(page, "A manifest, byte by byte")
    assert read_manifest(compress(plain, 19)) == manifest
    assert write_manifest(manifest) == compress(plain, 19)


def test_the_table_of_the_example(page: str) -> None:
    table = Table(
        sizes=(100, 0, 50, 2000),
        frames=(
            Frame(0, 30, Codec.ZSTD, ((0, 150),), b"\xcc" * 16),
            Frame(30, 20, Codec.ZSTD, ((160, 40), (150, 10)), fine=True),
            Frame(50, 2000, Codec.RAW, ((150, 2000),), b"\xaa" * 16),
            Frame(2050, 7, Codec.RAW, ((1000, 7),), b"\xbb" * 16, fine=True),
        ),
        shapes={0: SignatureShape(0, 40, 3, 4, 3), 3: SignatureShape(21, 2048, 2, 5, 1)},
        signatures=ObjectRef("33" * 32, 28),
    )
    plain = example(page, "A table, byte by byte")
    assert read_table(compress(plain, 19), 2057) == table
    assert write_table(table) == compress(plain, 19)


def test_the_header_of_a_patch_of_the_example(page: str) -> None:
    hashes = b"\xaa" * 32 + b"\xbb" * 32
    manifest = read_plain(example(page, "A manifest, byte by byte").replace(b"tools\x02", b"tools\x03"))
    bare, old, old_sizes = bare_manifest(manifest), b"the old bare manifest", [100, 0, 50, 30]
    plain = example(page, "A patch's header, byte by byte")
    header = compress_after(plain, old, 19)
    patch = Patch(bare, (None, 1), (0,), (PatchFrame(len(header), 19, 0, 10, ((0, 100), (150, 30))),))
    assert bare + hashes == write_plain(manifest)
    assert read_patch(header, old, old_sizes, len(header) + 19) == patch
    assert write_patch_header(patch, old) == header


def test_the_history_of_the_example(page: str) -> None:
    patches = tuple(PatchRef(base, "ff" * 32, ObjectRef("0f" * 32, 9), 9) for base in ("dd" * 32, "ee" * 32, ""))
    history = History(
        "tools",
        (
            Step("aa" * 8, 1, ObjectRef("11" * 32, 300), 100),
            Step("bb" * 8, 0, ObjectRef("22" * 32, 700), 20),
            Step("cc" * 8, 3, ObjectRef("33" * 32, 20), 20),
        ),
    )
    plain = example(page, "A history, byte by byte")
    assert read_history(compress(plain, 19), patches) == history
    assert write_history(history) == compress(plain, 19)
