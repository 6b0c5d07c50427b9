from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from catsync_core.errors import ContentError, FormatError, IntegrityError, LimitError
from catsync_core.format.head import PatchRef
from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, write_plain
from catsync_core.format.objects import ObjectRef
from catsync_core.format.patch import Patch, PatchFrame, bare_manifest, read_patch, write_patch_header
from catsync_core.format.prefix import compress_after
from catsync_core.limits import LIMITS
from catsync_core.plan import requests
from catsync_core.plan.model import LocalPart, PatchPart
from catsync_core.plan.requests import patch_pieces, patch_requests
from catsync_core.publish import draft
from catsync_core.publish.draft import OldVersion
from catsync_core.publish.patch import BuiltPatch, build_patch, root_of
from catsync_core.publish.scan import scan
from catsync_core.publish.scan_cache import ScanCache
from catsync_core.store.layout import CatalogStore
from catsync_core.store.spool import Spool
from catsync_core.transfer import parts
from catsync_core.transfer.patching import OldTree, compute_hashes, kept_header, outline, verify_patch

Tree = dict[str, bytes]

SEGMENT = 600
TEXT = Random(1).randbytes(4000).hex().encode()
OLD: Tree = {"a.txt": TEXT, "b.bin": Random(2).randbytes(2500), "empty": b"", "gone": b"gone" * 50, "same": b"same"}
NEW: Tree = {
    "a.txt": TEXT[:3000] + b"new" + TEXT[3000:],
    "added.txt": TEXT[500:1500] + b"and more",
    "b.bin": Random(2).randbytes(2500)[:1000] + Random(3).randbytes(1500),
    "copy": b"same",
    "empty": b"",
    "same": b"same",
    "small.txt": b"s",
}
NEW_CONTENTS = {"a.txt", "added.txt", "b.bin", "small.txt"}


@pytest.fixture(autouse=True)
def _small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"_OUTPUT": 3000, "_SOLID": 4000, "_PREFIX": 6000, "_CONTEXT_LEAST": 2000, "_SLACK": 500}.items():
        monkeypatch.setattr(draft, name, size)
    for module in (requests, parts):
        monkeypatch.setattr(module, "SEGMENT", SEGMENT)


def describe(tree: Tree, version: int) -> Manifest:
    contents: dict[bytes, Content] = {}
    entries = []
    for path, data in sorted(tree.items()):
        digest = sha256(data).digest()
        contents.setdefault(digest, Content(digest, len(data), 0, len(contents)))
        entries.append(Entry(path, version, list(contents).index(digest)))
    ref = ObjectRef("0" * 64, 1)
    return Manifest("shoes", version, (PackRef(ref, ref),), tuple(contents.values()), tuple(entries))


def write(tree: Tree, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for path, data in tree.items():
        (folder / path).write_bytes(data)
    return folder


@dataclass
class Bench:
    """Two versions, a patch between them, and a device."""

    folder: Path
    old: Tree = field(default_factory=lambda: dict(OLD))
    new: Tree = field(default_factory=lambda: dict(NEW))

    def __post_init__(self) -> None:
        self.manifest = describe(self.new, 2)
        self.old_manifest = describe(self.old, 1) if self.old else Manifest("shoes", 0, (), (), ())
        store = CatalogStore(self.folder / "home", "shoes")
        store.prepare()
        self.spool = Spool(store)
        self.device = write(self.old, self.folder / "device")

    def build(self) -> BuiltPatch:
        source = scan(write(self.new, self.folder / "source"), ScanCache(None), lambda _: None)
        by_hash = {sha256(data).digest(): data for data in self.old.values()}
        plain = write_plain(self.old_manifest) if self.old else b""

        def read(contents: Sequence[Content], start: int, size: int) -> list[bytes]:
            return [b"".join(by_hash[content.sha256] for content in contents)[start : start + size]]

        old = OldVersion(self.old_manifest, read, plain)
        files = {file.sha256: file for file in source.files}
        with ThreadPoolExecutor(2) as pool:
            plain = write_plain(self.manifest)
            return build_patch(self.folder / "1.patch", old, self.manifest, plain, files, level=3, pool=pool)

    def tree(self) -> OldTree:
        return OldTree(self.old_manifest if self.old else None, self.device)

    def keep(self, patch: ObjectRef, data: bytes) -> None:
        for piece in patch_pieces(patch):
            self.spool.add(piece.pack, piece.offset, data[piece.offset : piece.offset + piece.length])

    def follow(self) -> tuple[PatchRef, dict[str, bytes]]:
        """Fetch and follow the patch; returns the hashes that it yields by the path of a file that has them."""
        built = self.build()
        self.keep(built.ref.patch, built.location.read_bytes())
        verify_patch(self.spool, built.ref.patch)
        found = outline(kept_header(self.spool, built.ref), built.ref, self.tree())
        hashes = compute_hashes(found, self.spool, lambda _: None)
        paths = {entry.content: entry.path for entry in reversed(self.manifest.entries)}
        return built.ref, {paths[index]: digest for index, digest in hashes.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("old", [OLD, {}], ids=["update", "first"])
def test_a_patch_leads_to_the_published_manifest(tmp_path: Path, old: Tree) -> None:
    bench = Bench(tmp_path, old=old)
    built = bench.build()
    tree = bench.tree()
    data = built.location.read_bytes()
    assert built.ref.patch == ObjectRef.of(data)
    assert (built.ref.base, built.ref.root) == (tree.sha256, root_of(bench.manifest))
    bench.keep(built.ref.patch, data)
    verify_patch(bench.spool, built.ref.patch)
    found = outline(kept_header(bench.spool, built.ref), built.ref, tree)
    done: list[int] = []
    hashes = compute_hashes(found, bench.spool, done.append)
    assert found.complete(hashes, built.ref.root) == (bench.manifest, write_plain(bench.manifest))
    new = NEW_CONTENTS if old else NEW.keys() - {"copy"}
    assert sum(done) == sum(len(NEW[path]) for path in new)
    assert len(hashes) == len(new)


def test_the_parts_of_a_patch_are_the_bytes_of_the_new_contents(bench: Bench) -> None:
    built = bench.build()
    bench.keep(built.ref.patch, built.location.read_bytes())
    found = outline(kept_header(bench.spool, built.ref), built.ref, bench.tree())
    frames = {part.frame for found_parts in found.parts.values() for part in found_parts if isinstance(part, PatchPart)}
    assert len(frames) >= 3
    source = parts.PartSource(bench.spool, (part for found_parts in found.parts.values() for part in found_parts))
    by_content = {entry.content: bench.new[entry.path] for entry in bench.manifest.entries}
    for index, found_parts in found.parts.items():
        assert b"".join(data for part in found_parts for data in source.read(part)) == by_content[index]
    source.close()


def test_a_patch_costs_little_more_than_what_is_new(bench: Bench) -> None:
    assert bench.build().ref.patch.length < 2400, "1500 bytes of noise are new, and 1000 digits beyond a prefix"


def test_ranges_of_the_old_stream_are_found_in_local_files(bench: Bench) -> None:
    stream = b"".join(bench.old[path] for path in sorted(bench.old))
    for start in range(0, len(stream), 97):
        for most in (1, 60, 3000, len(stream)):
            size = min(most, len(stream) - start)
            located = list(bench.tree().locate(start, size))
            assert all(isinstance(part, LocalPart) and part.length for part in located)
            found = (Path(part.location).read_bytes()[part.offset : part.offset + part.length] for part in located)
            assert b"".join(found) == stream[start : start + size]


def test_damage_to_an_old_file_spoils_only_what_is_made_of_it(bench: Bench) -> None:
    (bench.device / "b.bin").write_bytes(bytes(2500))
    _, hashes = bench.follow()
    assert hashes == {path: sha256(NEW[path]).digest() for path in NEW_CONTENTS - {"b.bin"}}


def test_a_missing_old_file_spoils_only_what_is_made_of_it(bench: Bench) -> None:
    (bench.device / "b.bin").unlink()
    _, hashes = bench.follow()
    assert hashes == {path: sha256(NEW[path]).digest() for path in NEW_CONTENTS - {"b.bin"}}


def test_a_damaged_patch_is_forgotten(bench: Bench) -> None:
    built = bench.build()
    patch = built.ref.patch
    data = bytearray(built.location.read_bytes())
    data[len(data) // 2] ^= 1
    bench.keep(patch, bytes(data))
    with pytest.raises(IntegrityError, match=patch.sha256[:12]):
        verify_patch(bench.spool, patch)
    assert not any(bench.spool.has(piece.pack, piece.offset, piece.length) for piece in patch_pieces(patch))


def test_a_segment_that_is_not_there_is_told(bench: Bench) -> None:
    patch = ObjectRef("1" * 64, 3 * SEGMENT)
    bench.spool.add(patch.sha256, 0, bytes(SEGMENT))
    with pytest.raises(IntegrityError, match="segment"):
        parts.read_segments(bench.spool, patch, SEGMENT - 1, 2)
    assert parts.read_segments(bench.spool, patch, 10, SEGMENT - 10) == bytes(SEGMENT - 10)


@pytest.mark.parametrize("kept", [set(), {0}, {1}, {0, 1}, {2}, {0, 2}, {0, 1, 2}, {3}, {1, 3}])
def test_what_is_missing_of_a_patch_is_asked_in_as_few_requests_as_can_be(kept: set[int]) -> None:
    patch = ObjectRef("1" * 64, 3 * SEGMENT + 7)
    asked = patch_requests(patch, lambda piece: piece.offset // SEGMENT in kept)
    missing = set(range(4)) - kept
    assert [piece.offset // SEGMENT for request in asked for piece in request.pieces] == sorted(missing)
    assert len(asked) == sum(number - 1 not in missing for number in missing)
    for request in asked:
        assert request.kind == "patches"
        assert request.length == sum(piece.length for piece in request.pieces)


def test_a_manifest_with_a_wrong_hash_is_not_complete(bench: Bench) -> None:
    built = bench.build()
    bench.keep(built.ref.patch, built.location.read_bytes())
    found = outline(kept_header(bench.spool, built.ref), built.ref, bench.tree())
    hashes = compute_hashes(found, bench.spool, lambda _: None)
    wrong = hashes | {next(iter(hashes)): sha256(b"something else").digest()}
    for other in (wrong, {}, dict(list(hashes.items())[1:])):
        with pytest.raises(IntegrityError, match="does not lead"):
            found.complete(other, built.ref.root)


Change = Callable[[Patch], Patch]
BIG = LIMITS.prefix_size + 1


def change_frame(patch: Patch, **values: object) -> Patch:
    first, *others = patch.frames
    return replace(patch, frames=(replace(first, **values), *others))


def first_old(patch: Patch) -> int:
    return next(index for index, source in enumerate(patch.sources) if source is not None)


HOSTILE: dict[str, tuple[type[ContentError], Change]] = {
    "frame beyond the object": (FormatError, lambda patch: change_frame(patch, length=patch.frames[0].length + 1)),
    "frame short of the object": (FormatError, lambda patch: replace(patch, frames=patch.frames[:-1])),
    "frame of nothing": (FormatError, lambda patch: change_frame(patch, size=0)),
    "frame larger than allowed": (FormatError, lambda patch: change_frame(patch, size=LIMITS.frame_size + 1)),
    "frame longer than a pack": (FormatError, lambda patch: change_frame(patch, length=LIMITS.pack_length + 1)),
    "more bytes than contents": (FormatError, lambda patch: change_frame(patch, size=patch.frames[0].size + 1)),
    "fewer bytes than contents": (FormatError, lambda patch: change_frame(patch, size=patch.frames[0].size - 1)),
    "prefix beyond the old stream": (FormatError, lambda patch: change_frame(patch, prefix=((0, 1 << 30),))),
    "prefix behind the old stream": (FormatError, lambda patch: change_frame(patch, prefix=((1 << 30, 5),))),
    "prefix before the old stream": (FormatError, lambda patch: change_frame(patch, prefix=((-5, 10),))),
    "prefix that is empty": (FormatError, lambda patch: change_frame(patch, prefix=((5, 0),))),
    "prefix that runs backwards": (FormatError, lambda patch: change_frame(patch, prefix=((50, -10),))),
    "prefix again and again": (FormatError, lambda patch: change_frame(patch, prefix=((0, 8000),) * (BIG // 8000 + 1))),
    "old content that is not there": (FormatError, lambda patch: replace(patch, sources=(99, *patch.sources[1:]))),
    "sources too few": (FormatError, lambda patch: replace(patch, sources=patch.sources[:-1])),
    "sources too many": (FormatError, lambda patch: replace(patch, sources=(*patch.sources, None))),
    "sources too many, and in order": (
        FormatError,
        lambda patch: replace(patch, sources=(*patch.sources, None), order=(*patch.order, len(patch.sources))),
    ),
    "one old content twice": (
        ContentError,
        lambda patch: replace(
            patch, sources=(patch.sources[first_old(patch)], *patch.sources[1:]), order=tuple(set(patch.order) - {0})
        ),
    ),
    "old contents of other sizes": (
        FormatError,
        lambda patch: replace(patch, sources=tuple(s if s is None else (s + 1) % 5 for s in patch.sources)),
    ),
    "order with a repetition": (FormatError, lambda patch: replace(patch, order=(patch.order[0], *patch.order[:-1]))),
    "order with an old content": (FormatError, lambda patch: replace(patch, order=(*patch.order, first_old(patch)))),
    "order beyond the contents": (FormatError, lambda patch: replace(patch, order=(*patch.order, 1000))),
    "order with less than nothing": (FormatError, lambda patch: replace(patch, order=(-1, *patch.order[1:]))),
    "order that is not all": (FormatError, lambda patch: replace(patch, order=patch.order[:-1])),
    "manifest cut off": (FormatError, lambda patch: replace(patch, bare=patch.bare[:-1])),
    "no manifest": (FormatError, lambda patch: replace(patch, bare=b"")),
    "manifest of something else": (FormatError, lambda patch: replace(patch, bare=b"CSPT\x01" + patch.bare[5:])),
}


@pytest.mark.parametrize(("error", "spoil"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_refused(bench: Bench, error: type[ContentError], spoil: Change) -> None:
    built = bench.build()
    tree = bench.tree()
    data = built.location.read_bytes()
    sizes = [content.size for content in tree.contents]
    good = read_patch(data[: built.ref.header], tree.bare, sizes, len(data))
    assert write_patch_header(good, tree.bare, 3) == data[: built.ref.header]
    header = write_patch_header(spoil(good), tree.bare)
    length = len(data) - built.ref.header + len(header)
    ref = PatchRef(built.ref.base, built.ref.root, ObjectRef("2" * 64, length), len(header))
    with pytest.raises(error):
        outline(header, ref, tree)


ZSTD = b"\x28\xb5\x2f\xfd"


def announce(size: int) -> bytes:
    """A frame that announces so many bytes: magic, descriptor, size in eight bytes, and a last block of nothing."""
    return ZSTD + b"\xe0" + size.to_bytes(8, "little") + b"\x01\x00\x00"


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (b"", FormatError),
        (b"\0", FormatError),
        (b"<html>Please log in</html>", FormatError),
        (ZSTD, FormatError),
        (announce(LIMITS.manifest_size + 1), LimitError),
        (announce(1 << 63), LimitError),
        (announce(100), ContentError),
        (compress_after(b"", b"", 3), FormatError),
        (compress_after(b"CSPT\x01", b"", 3), FormatError),
        (compress_after(b"CSPT\x02" + bytes(50), b"", 3), FormatError),
        (compress_after(b"CSPT\x01" + b"\xff" * 50, b"", 3), FormatError),
        (compress_after(b"CSPT\x01" + b"\0" * 500, b"", 3), FormatError),
        (compress_after(bytes(20 << 20), b"", 3), FormatError),
    ],
)
def test_what_is_no_header_is_refused(bench: Bench, header: bytes, error: type[ContentError]) -> None:
    ref = PatchRef("", "0" * 64, ObjectRef("2" * 64, len(header) + 10), len(header) or 1)
    with pytest.raises(error):
        outline(header, ref, bench.tree())


def cuts(data: bytes) -> Iterator[bytes]:
    yield from (data[:at] for at in range(len(data)))


def test_a_header_that_is_cut_or_damaged_anywhere_is_refused(bench: Bench) -> None:
    built = bench.build()
    tree = bench.tree()
    header = built.location.read_bytes()[: built.ref.header]
    for wrong in (*cuts(header), header + b"\0", header + header):
        with pytest.raises(ContentError):
            outline(wrong, built.ref, tree)
    for at in range(4, len(header)):  # a bit of zstd's own header may say the same thing in another way
        rotten = bytearray(header)
        rotten[at] ^= 0x55
        with pytest.raises(ContentError):
            outline(bytes(rotten), built.ref, tree)


@pytest.mark.parametrize(
    "stored",
    [
        lambda size: announce(1 << 62),
        lambda size: compress_after(bytes(60 << 20), b"", 3),
        lambda size: compress_after(bytes(size - 1), b"", 3),
        lambda size: compress_after(bytes(size), b"", 3) * 2,
        lambda size: compress_after(bytes(size), b"", 3)[:-1],
        announce,
        bytes,
    ],
    ids=["bomb", "60 MiB", "short", "twice", "cut", "empty", "no frame"],
)
def test_a_frame_that_yields_something_else_yields_nothing(bench: Bench, stored: Callable[[int], bytes]) -> None:
    manifest = describe({"only": bytes(700)}, 2)
    body = stored(700)
    frame = PatchFrame(0, len(body), 0, 700, ())
    header = write_patch_header(Patch(bare_manifest(manifest), (None,), (0,), (frame,)), b"")
    data = header + body
    ref = PatchRef("", root_of(manifest), ObjectRef.of(data), len(header))
    bench.keep(ref.patch, data)
    verify_patch(bench.spool, ref.patch)
    found = outline(kept_header(bench.spool, ref), ref, OldTree(None, bench.device))
    assert compute_hashes(found, bench.spool, lambda _: None) == {}


def test_a_small_header_that_names_very_many_old_contents_takes_little_memory() -> None:
    """400 frames that each need all of 5,000 old contents stand in some 70 bytes."""
    contents = tuple(Content(sha256(b"%d" % i).digest(), 100, 0, i) for i in range(5000))
    where = (PackRef(ObjectRef("11" * 32, 1000), ObjectRef("22" * 32, 100)),)
    old = OldTree(
        Manifest("shoes", 1, where, contents, tuple(Entry(f"{i:06}", 0, i) for i in range(5000))), Path("nowhere")
    )
    new = Manifest("shoes", 2, where, (Content(b"x" * 32, 400, 0, 0),), (Entry("a", 0, 0),))
    frames = tuple(PatchFrame(0, 0, start, 1, ((0, 500_000),)) for start in range(400))
    header = write_patch_header(Patch(bare_manifest(new), (None,), (0,), frames), old.bare)
    assert len(header) < 200
    ref = PatchRef(old.sha256, "00" * 32, ObjectRef("33" * 32, len(header)), len(header))
    tracemalloc.start()
    try:
        outline(header, ref, old)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20
