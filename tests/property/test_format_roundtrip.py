"""Whatever can be said in the format comes back as it was, and has one encoding only."""

from __future__ import annotations

import hashlib
from itertools import accumulate, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from catsync_core.errors import PathError
from catsync_core.format.canonical import write
from catsync_core.format.columns import Reader, Writer
from catsync_core.format.frames import Codec, compress, decompress
from catsync_core.format.head import Head, PatchRef, read_head, write_head
from catsync_core.format.history import History, Step, find_path, read_history, write_history
from catsync_core.format.index import CatalogSummary, Index, is_catalog_id, read_index, write_index
from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, read_manifest, write_manifest
from catsync_core.format.objects import ObjectRef
from catsync_core.format.patch import Patch, PatchFrame, bare_manifest, read_patch, write_patch_header
from catsync_core.format.paths import check_paths
from catsync_core.format.prefix import compress_after, decompress_after
from catsync_core.format.table import Frame, SignatureShape, Table, read_table, write_table
from catsync_core.limits import LIMITS

unhurried = settings(deadline=None)  # seconds would say more about the machine than about the code
MOST = (1 << 63) - 1

numbers = st.lists(st.integers(0, MOST) | st.integers(0, 300))
hashes = st.binary(min_size=32, max_size=32)
catalogs = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True).filter(is_catalog_id)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
seconds = st.integers(0, 253_402_300_799)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6) | st.sampled_from(
    ["a", "b", "A", "Stra\u00dfe", "strasse", "\u00e4", "\u00c4", "fi", "\ufb01", "con", "a.", ".."]
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@st.composite
def refs(draw: st.DrawFn, most: int = 1 << 20) -> ObjectRef:
    return ObjectRef(draw(hashes).hex(), draw(st.integers(0, most)))


def portable(candidates: list[str]) -> list[str]:
    """Keep the paths that can stand side by side."""
    kept: list[str] = []
    for path in candidates:
        try:
            check_paths([*kept, path])
        except PathError:
            continue
        kept.append(path)
    return sorted(kept)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    packs = draw(st.lists(st.builds(PackRef, refs(), refs()), max_size=4))
    digests = draw(st.lists(hashes, max_size=8, unique=True)) if packs else []
    contents: list[Content] = []
    entries = []
    for path in portable(draw(st.lists(paths, max_size=16))):
        kind = draw(st.sampled_from(["new", "again", "folder"]))
        number = None
        if kind == "new" and len(contents) < len(digests):
            number = len(contents)
            size = draw(st.integers(0, LIMITS.file_size) | st.integers(0, 1000))
            place = draw(st.integers(0, len(packs) - 1))
            contents.append(Content(digests[number], size, place, draw(st.integers(0, LIMITS.entries))))
        elif kind == "again" and contents:
            number = draw(st.integers(0, len(contents) - 1))
        entries.append(Entry(path, draw(st.integers(-(1 << 40), 1 << 40)), number))
    version = draw(st.integers(1, (1 << 53) - 1))
    return Manifest(draw(catalogs), version, tuple(packs), tuple(contents), tuple(entries))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, int]:
    sizes = draw(st.lists(st.integers(0, 2000), max_size=6))
    stream = sum(sizes)
    cuts = sorted(draw(st.sets(st.integers(1, max(stream - 1, 1)), max_size=5))) if stream > 1 else []
    edges = [0, *cuts, stream] if stream else [0]
    coarse = [((start, end - start),) for start, end in pairwise(edges)]
    marks = sorted(draw(st.sets(st.integers(0, stream), max_size=12)))
    spans = draw(st.permutations([(start, end - start) for start, end in zip(marks[::2], marks[1::2], strict=False)]))
    fine = []
    while spans:
        count = draw(st.integers(1, len(spans)))
        fine.append(tuple(spans[:count]))
        spans = spans[count:]
    order = draw(st.permutations([True] * len(fine) + [False] * len(coarse)))
    frames, offset = [], 0
    for is_fine in order:
        ranges = fine.pop(0) if is_fine else coarse.pop(0)
        codec = draw(st.sampled_from(Codec))
        length = sum(size for _, size in ranges) if codec is Codec.RAW else draw(st.integers(0, 3000))
        seal = draw(st.binary(min_size=16, max_size=16)) if codec is Codec.RAW or not is_fine else b""
        frames.append(Frame(offset, length, codec, ranges, seal, is_fine))
        offset += length
    shapes, end = {}, 0
    for number, size in enumerate(sizes):
        if size and draw(st.booleans()):
            block = draw(st.integers(1, 1 << 24))
            weak, strong = draw(st.integers(2, 4)), draw(st.integers(1, 16))
            shapes[number] = SignatureShape(end, block, weak, strong, -(-size // block))
            end += shapes[number].length
    signatures = ObjectRef(draw(hashes).hex(), end) if shapes else None
    return Table(tuple(sizes), tuple(frames), shapes, signatures), offset


@st.composite
def histories(draw: st.DrawFn) -> tuple[History, tuple[PatchRef, ...]]:
    """Return a history and the patches of its head."""
    heads = draw(st.lists(st.sampled_from(["", "ab" * 32]), min_size=1, max_size=4))
    known = [place for place, base in enumerate(heads) if base]
    steps: list[Step] = []
    for base in draw(st.lists(st.binary(min_size=8, max_size=8), max_size=8, unique=True)) if known else []:
        onward = draw(st.sampled_from([*known, *(len(heads) + place for place in range(len(steps)))]))
        length = draw(st.integers(1, LIMITS.pack_length))
        header = draw(st.integers(1, min(length, LIMITS.manifest_length)))
        steps.append(Step(base.hex(), onward, ObjectRef(draw(hashes).hex(), length), header))
    patches = tuple(PatchRef(base, "cd" * 32, ObjectRef("0f" * 32, 9), 9) for base in heads)
    return History(draw(catalogs), tuple(steps)), patches


@st.composite
def patches(draw: st.DrawFn) -> tuple[Patch, list[int], int]:
    """Return a patch, the sizes of the old contents, and the length of its frames."""
    old_sizes = draw(st.lists(st.integers(0, 2000), max_size=6))
    stream = sum(old_sizes)
    known = [None, *range(len(old_sizes))]
    sources = tuple(draw(st.lists(st.sampled_from(known), max_size=12)))
    order = tuple(draw(st.permutations([index for index, source in enumerate(sources) if source is None])))
    span = st.tuples(st.integers(0, stream), st.integers(0, stream)).filter(lambda edges: edges[0] != edges[1])
    prefixes = st.lists(span, max_size=4) if stream else st.just([])
    frames, offset, start = [], 0, 0
    for _ in range(draw(st.integers(0, 5))):
        prefix = tuple((min(edges), max(edges) - min(edges)) for edges in draw(prefixes))
        length, size = draw(st.integers(0, 3000)), draw(st.integers(1, 3000) | st.just(LIMITS.frame_size))
        frames.append(PatchFrame(offset, length, start, size, prefix))
        offset, start = offset + length, start + size
    return Patch(bare_manifest(draw(manifests())), sources, order, tuple(frames)), old_sizes, offset


@unhurried
@given(numbers, st.lists(st.integers(-(1 << 40), 1 << 40)), st.binary())
def test_columns_come_back(unsigned: list[int], signed: list[int], blob: bytes) -> None:
    out = Writer(b"M")
    out.numbers(unsigned)
    out.deltas(signed)
    out.blob(blob)
    source = Reader(out.finish(), b"M", "It")
    assert source.numbers(len(unsigned), MOST) == unsigned
    assert source.deltas(len(signed), 1 << 40) == signed
    assert source.blob(len(blob)) == blob
    source.finish()


@unhurried
@given(numbers)
def test_a_column_is_its_numbers_one_after_the_other(values: list[int]) -> None:
    together, single = Writer(b""), Writer(b"")
    together.numbers(values)
    for value in values:
        single.number(value)
    assert together.finish() == single.finish()
    source = Reader(single.finish(), b"", "It")
    assert [source.number(MOST) for _ in values] == values


@unhurried
@given(manifests())
def test_manifests_come_back(manifest: Manifest) -> None:
    assert read_manifest(write_manifest(manifest)) == manifest


@unhurried
@given(tables())
def test_tables_come_back(table: tuple[Table, int]) -> None:
    found = read_table(write_table(table[0]), table[1])
    assert found == table[0]
    assert found.starts == tuple(accumulate(found.sizes, initial=0))


@unhurried
@given(patches(), st.binary(max_size=200))
def test_headers_of_patches_come_back(patch: tuple[Patch, list[int], int], old: bytes) -> None:
    header = write_patch_header(patch[0], old)
    found = read_patch(header, old, patch[1], len(header) + patch[2])
    assert (found.bare, found.sources, found.order) == (patch[0].bare, patch[0].sources, patch[0].order)
    assert found.frames == tuple(
        PatchFrame(len(header) + frame.offset, frame.length, frame.start, frame.size, frame.prefix)
        for frame in patch[0].frames
    )
    assert write_patch_header(found, old) == header


@unhurried
@given(tables(), st.data())
def test_coarse_frames_hold_exactly_the_range_that_was_asked_for(table: tuple[Table, int], data: st.DataObject) -> None:
    found, stream = table[0], table[0].starts[-1]
    start = data.draw(st.integers(0, stream))
    length = data.draw(st.integers(0, stream - start))
    expected = [
        frame
        for frame in found.frames
        if not frame.fine and frame.ranges[0][0] < start + length and start < sum(frame.ranges[0]) and length
    ]
    assert list(found.coarse_over(start, length)) == expected


@unhurried
@given(
    st.builds(
        Head,
        format=st.just(1),
        catalog=catalogs,
        version=st.integers(1, (1 << 53) - 1),
        title=texts,
        published=seconds,
        files=st.integers(0, LIMITS.entries),
        bytes=st.integers(0, LIMITS.total_size),
        manifest=refs(),
        note=texts,
        previous=st.none() | refs(),
        patches=st.lists(
            st.builds(
                PatchRef,
                base=st.just("") | hashes.map(bytes.hex),
                root=hashes.map(bytes.hex),
                patch=refs(),
                header=st.integers(1, LIMITS.manifest_length),
            ),
            max_size=LIMITS.patches,
        ).map(tuple),
    )
)
def test_heads_come_back(head: Head) -> None:
    data = write_head(head)
    assert read_head(data) == head
    assert len(data) <= LIMITS.head_length


@unhurried
@given(
    st.builds(
        Index,
        format=st.just(1),
        repository=st.binary(min_size=16, max_size=16).map(bytes.hex),
        serial=st.integers(1, (1 << 53) - 1),
        created=seconds,
        catalogs=st.dictionaries(
            catalogs,
            st.builds(
                CatalogSummary,
                title=texts,
                version=st.integers(1, (1 << 53) - 1),
                published=seconds,
                files=st.integers(0, LIMITS.entries),
                bytes=st.integers(0, LIMITS.total_size),
                head=refs(),
            ),
            max_size=4,
        ),
        expires=seconds,
    )
)
def test_indexes_come_back(index: Index) -> None:
    assert read_index(write_index(index)) == index
    assert write(read_index(write_index(index))) == write_index(index)


@unhurried
@given(st.binary(min_size=1), st.integers(1, 22))
def test_frames_come_back(data: bytes, level: int) -> None:
    assert decompress(compress(data, level), len(data), "It") == data


@unhurried
@given(st.binary(), st.binary(max_size=300), st.integers(1, 22))
def test_frames_with_a_prefix_come_back(data: bytes, prefix: bytes, level: int) -> None:
    assert decompress_after(compress_after(data, prefix, level), prefix, len(data), "It") == data


@unhurried
@given(st.binary(min_size=1))
def test_hashes_name_what_they_are_of(data: bytes) -> None:
    assert ObjectRef.of(data) == ObjectRef(hashlib.sha256(data).hexdigest(), len(data))


@unhurried
@given(made=histories())
def test_histories(made: tuple[History, tuple[PatchRef, ...]]) -> None:
    history, patches = made
    data = write_history(history)
    assert read_history(data, patches) == history
    for step in history.steps:
        path = find_path(history, patches, step.base)
        assert path[0] == step
        assert path[-1] in patches
        assert len(set(path)) == len(path)
