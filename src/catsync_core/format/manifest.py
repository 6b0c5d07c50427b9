"""The manifest: everything that one version contains.

Two lists. *Contents* are the distinct file contents: SHA-256, size, and where they lie (which pack, and which number
in it). *Entries* are the files and the empty directories, sorted by path: path, time of change, and which content.
They are written as columns, so that equal things stand together, and compressed as one zstd frame.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec

from catsync_core.format.columns import Reader, Writer
from catsync_core.format.frames import compress, decompress_bounded
from catsync_core.format.index import is_catalog_id
from catsync_core.format.objects import ObjectRef
from catsync_core.format.paths import check_paths
from catsync_core.limits import LIMITS

__all__ = [
    "Content",
    "Entry",
    "Manifest",
    "PackRef",
    "decompress_manifest",
    "read_manifest",
    "read_plain",
    "write_manifest",
    "write_plain",
]

_MAGIC = b"CSMF\x01"
_LEVEL = 19
_TIME_MOST = 1 << 40  # seconds either side of 1970
_VERSION_MOST = 1 << 53
_SHA256 = 32


class PackRef(msgspec.Struct, frozen=True):
    """A pack and the table that describes it."""

    pack: ObjectRef
    table: ObjectRef


class Content(msgspec.Struct, frozen=True, gc=False):
    """One distinct file content.

    Attributes:
        sha256: 32 bytes.
        size: Bytes.
        pack: Index into :attr:`Manifest.packs`.
        number: Which content of that pack.
    """

    sha256: bytes
    size: int
    pack: int
    number: int


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A file or an empty directory.

    Attributes:
        path: Relative, ``/``-separated, checked to be portable.
        mtime: Time of change in seconds since 1970; 0 for a directory.
        content: Index into :attr:`Manifest.contents`; None for an empty directory.
    """

    path: str
    mtime: int
    content: int | None


class Manifest(msgspec.Struct, frozen=True):
    """What one version of a catalog contains; entries are sorted by path."""

    catalog: str
    version: int
    packs: tuple[PackRef, ...]
    contents: tuple[Content, ...]
    entries: tuple[Entry, ...]

    def files(self) -> dict[str, Content]:
        """Return the content of every file by its path."""
        return {entry.path: self.contents[entry.content] for entry in self.entries if entry.content is not None}

    def total_bytes(self) -> int:
        """Return the bytes of all files, duplicates counted as often as they stand."""
        return sum(self.contents[entry.content].size for entry in self.entries if entry.content is not None)

    def total_files(self) -> int:
        """Return how many files there are."""
        return sum(entry.content is not None for entry in self.entries)


def write_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest as they lie in a repository."""
    return compress(write_plain(manifest), _LEVEL)


def write_plain(manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest before compression; they end with the SHA-256 of all contents."""
    out = Writer(_MAGIC)
    out.blob(manifest.catalog.encode())
    out.number(manifest.version)
    out.number(len(manifest.packs))
    for ref in (ref for pack in manifest.packs for ref in (pack.pack, pack.table)):
        out.raw(bytes.fromhex(ref.sha256))
        out.number(ref.length)
    contents, entries = manifest.contents, manifest.entries
    out.number(len(contents))
    out.numbers(content.size for content in contents)
    out.numbers(content.pack for content in contents)
    out.deltas(content.number for content in contents)
    out.number(len(entries))
    _write_paths(out, [entry.path for entry in entries])
    out.deltas(entry.mtime for entry in entries)
    out.numbers(_refer(entries))
    out.raw(b"".join(content.sha256 for content in contents))
    return out.finish()


def read_manifest(data: bytes, what: str = "The manifest") -> Manifest:
    """Parse a manifest and check all of it: bounds, order, paths, references.

    Raises:
        FormatError: (content) it is not one.
        LimitError: (content) it is larger than is allowed.
        PathError: (content) it names a path that must not be created.
    """
    return read_plain(decompress_manifest(data, what), what)


def decompress_manifest(data: bytes, what: str = "The manifest") -> bytes:
    """Return the bytes of a manifest before compression; raises as :func:`read_manifest` does."""
    return decompress_bounded(data, LIMITS.manifest_size, what)


def read_plain(plain: bytes, what: str = "The manifest") -> Manifest:
    """Parse a manifest that is not compressed; raises as :func:`read_manifest` does."""
    source = Reader(plain, _MAGIC, what)
    catalog = source.blob(64).decode("ascii", "replace")
    if not is_catalog_id(catalog):
        raise source.error("does not name a catalog")
    version = source.number(_VERSION_MOST)
    packs = tuple(
        PackRef(_read_ref(source, LIMITS.pack_length), _read_ref(source, LIMITS.table_length))
        for _ in range(source.count(LIMITS.packs, 2 * _SHA256))
    )
    count = source.count(LIMITS.entries, _SHA256)
    sizes = source.numbers(count, LIMITS.file_size)
    places = source.numbers(count, max(len(packs) - 1, 0))
    numbers = source.deltas(count, LIMITS.entries)
    total = source.count(LIMITS.entries)
    paths = _read_paths(source, total)
    times = source.deltas(total, _TIME_MOST)
    refs = source.numbers(total, count + 1)
    hashes = source.raw(_SHA256 * count)
    source.finish()
    if count and (not packs or min(numbers) < 0):
        raise source.error("refers to a content that cannot exist")
    contents = tuple(
        Content(hashes[at : at + _SHA256], size, place, number)
        for at, size, place, number in zip(range(0, _SHA256 * count, _SHA256), sizes, places, numbers, strict=True)
    )
    if len({content.sha256 for content in contents}) != count:
        raise source.error("lists a content twice")
    entries = tuple(map(Entry, paths, times, _resolve(refs, count, source)))
    if any(before >= after for before, after in pairwise(paths)):
        raise source.error("is not sorted by path")
    check_paths(paths)
    manifest = Manifest(catalog, version, packs, contents, entries)
    if manifest.total_bytes() > LIMITS.total_size:
        raise source.error("names more bytes than is allowed")
    return manifest


def _count_shared(one: bytes, other: bytes) -> int:
    """Return how many bytes two paths begin with in common: up to the highest bit in which they differ as numbers."""
    shortest = min(len(one), len(other))
    differing = int.from_bytes(one[:shortest], "big") ^ int.from_bytes(other[:shortest], "big")
    return shortest - (differing.bit_length() + 7) // 8


def _write_paths(out: Writer, paths: list[str]) -> None:
    shared, suffixes, before = [], [], b""
    for path in paths:
        name = path.encode()
        same = _count_shared(before, name)
        shared.append(same)
        suffixes.append(name[same:])
        before = name
    out.numbers(shared)
    out.blob(b"\0".join(suffixes))


def _read_paths(source: Reader, total: int) -> list[str]:
    shared = source.numbers(total, LIMITS.path_length)
    joined = source.blob(LIMITS.manifest_size)
    if joined.count(b"\0") != max(total - 1, 0) or (joined and not total):
        raise source.error("does not have one name for each entry")
    if sum(shared) + len(joined) > LIMITS.manifest_size:
        raise source.error("has paths that are too long in all")
    paths, before = [], b""
    for same, suffix in zip(shared, joined.split(b"\0"), strict=False):
        if same > len(before) or len(suffix) > LIMITS.path_length:
            raise source.error("has a path that cannot be put together")
        before = before[:same] + suffix
        paths.append(before)
    try:
        return [path.decode() for path in paths]
    except UnicodeDecodeError as error:
        raise source.error("has a path that is not UTF-8") from error


def _refer(entries: tuple[Entry, ...]) -> list[int]:
    # 0 takes the next content, 1 is an empty directory, 2 + n repeats content n: mostly zeros, which cost nothing.
    refs, following = [], 0
    for entry in entries:
        if entry.content is None:
            refs.append(1)
        elif entry.content == following:
            refs.append(0)
            following += 1
        else:
            refs.append(2 + entry.content)
    return refs


def _resolve(refs: list[int], count: int, source: Reader) -> list[int | None]:
    contents: list[int | None] = []
    following = 0
    for ref in refs:
        if ref == 1:
            contents.append(None)
            continue
        content = ref - 2 if ref else following
        following += not ref
        if content >= following or following > count:
            raise source.error("refers to a content that it does not list")
        contents.append(content)
    if following != count:
        raise source.error("lists a content that no file has")
    return contents


def _read_ref(source: Reader, most: int) -> ObjectRef:
    sha256 = source.raw(_SHA256).hex()
    return ObjectRef(sha256, source.number(most))
