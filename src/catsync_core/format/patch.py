"""A patch: one object that leads from one version to another, or from nothing to a version.

It is a header and, behind it, frames. All contents of the old version, one after the other in the order of its
manifest, form the *old stream*; all contents that only the new version has, in an order of the patch's own, form the
*new stream*. Every frame yields the next bytes of the new stream, and needs some ranges of the old one as its prefix.

The header holds the new manifest without the SHA-256 of its contents: those of old contents the device knows, and those
of new ones it computes. Whether all is right shows when the finished manifest has the SHA-256 that the head names. The
header is compressed with the old manifest, likewise without hashes, as its prefix.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, islice

import msgspec

from catsync_core.errors import FormatError, LimitError
from catsync_core.format.columns import Reader, Writer
from catsync_core.format.manifest import Content, Manifest, write_plain
from catsync_core.format.prefix import announced_size, compress_after, decompress_after
from catsync_core.limits import LIMITS

__all__ = [
    "Patch",
    "PatchFrame",
    "bare_manifest",
    "check_contents",
    "plain_manifest",
    "read_patch",
    "write_patch_header",
]

_MAGIC = b"CSPT\x01"
_LEVEL = 19
_SHA256 = 32
_NEW = 1


class PatchFrame(msgspec.Struct, frozen=True):
    """A frame of a patch.

    Attributes:
        offset: Where it begins in the patch object, bytes.
        length: As stored, bytes.
        start: Where what it yields begins in the new stream.
        size: Bytes that it yields.
        prefix: (offset, length) in the old stream, in the order in which they make up the prefix.
    """

    offset: int
    length: int
    start: int
    size: int
    prefix: tuple[tuple[int, int], ...]


class Patch(msgspec.Struct, frozen=True):
    """What a patch does.

    Attributes:
        bare: The new manifest's plain bytes without the hashes.
        sources: For each content of the new manifest, the old content that it is; None when it is new.
        order: The new contents, by their index in the new manifest, in the order of the new stream.
        frames: In the order of the new stream and of the object.
    """

    bare: bytes
    sources: tuple[int | None, ...]
    order: tuple[int, ...]
    frames: tuple[PatchFrame, ...]


def bare_manifest(manifest: Manifest, plain: bytes | None = None) -> bytes:
    """Return the plain bytes of a manifest without the hashes that they end with.

    Args:
        manifest: Which one.
        plain: Its plain bytes, where they are at hand.
    """
    plain = write_plain(manifest) if plain is None else plain
    return plain[: len(plain) - _SHA256 * len(manifest.contents)]


def plain_manifest(bare: bytes, contents: Iterable[Content]) -> bytes:
    """Return the plain bytes of a manifest: the bare ones, and the hashes that they end with."""
    return bare + b"".join(content.sha256 for content in contents)


def write_patch_header(patch: Patch, old: bytes, level: int = _LEVEL) -> bytes:
    """Return a patch's header.

    Args:
        patch: What to write; the frames' offsets follow from their lengths.
        old: The old manifest, bare; empty for a patch from nothing.
        level: zstd's level, 1 to 22.
    """
    out = Writer(_MAGIC)
    out.blob(patch.bare)
    out.number(len(patch.sources))
    out.numbers(_refer(patch.sources))
    out.number(len(patch.order))
    out.deltas(patch.order)
    out.number(len(patch.frames))
    out.numbers(frame.length for frame in patch.frames)
    out.numbers(frame.size for frame in patch.frames)
    out.numbers(len(frame.prefix) for frame in patch.frames)
    out.deltas(edge for frame in patch.frames for start, size in frame.prefix for edge in (start, start + size))
    return compress_after(out.finish(), old, level)


def read_patch(data: bytes, old: bytes, old_sizes: list[int], length: int, what: str = "The patch") -> Patch:
    """Parse a patch's header and check it.

    Args:
        data: The header.
        old: The old manifest, bare; empty for a patch from nothing.
        old_sizes: Of the old contents, bytes.
        length: Of the whole patch object, bytes.
        what: What it is, for error messages.

    Raises:
        FormatError: (content) it is not one, or does not fit the old version.
        LimitError: (content) it is larger than is allowed.
        IntegrityError: (content) it is damaged.
    """
    size = announced_size(data, what)
    if size > LIMITS.manifest_size:
        raise LimitError(f"{what} would decompress to {size:,} bytes; at most {LIMITS.manifest_size:,} are allowed")
    source = Reader(bytes(decompress_after(data, old, size, what)), _MAGIC, what)
    bare = source.blob(LIMITS.manifest_size)
    count = source.count(LIMITS.entries)
    sources = _resolve(source.numbers(count, len(old_sizes) + _NEW), len(old_sizes), source)
    new = [index for index, old_index in enumerate(sources) if old_index is None]
    order = source.deltas(source.count(LIMITS.entries), LIMITS.entries)
    if sorted(order) != new:
        raise source.error("does not yield exactly the new contents")
    frames = _read_frames(source, sum(old_sizes), len(data))
    source.finish()
    if sum(frame.length for frame in frames) != length - len(data):
        raise source.error("does not describe the whole object")
    return Patch(bare, tuple(sources), tuple(order), tuple(frames))


def _read_frames(source: Reader, old_stream: int, begin: int) -> list[PatchFrame]:
    count = source.count(LIMITS.entries)
    lengths = source.numbers(count, LIMITS.pack_length)
    sizes = source.numbers(count, LIMITS.frame_size)
    counts = source.numbers(count, LIMITS.entries)
    if sum(counts) > LIMITS.entries or 0 in sizes:
        raise source.error("has frames that cannot be")
    edges = source.deltas(2 * sum(counts), old_stream)
    bounds = list(zip(edges[::2], edges[1::2], strict=True))
    if any(not 0 <= start < end for start, end in bounds):
        raise source.error("has a prefix that cannot be")
    spans = iter([(start, end - start) for start, end in bounds])
    frames = [
        PatchFrame(offset, length, start, size, tuple(islice(spans, ranges)))
        for offset, length, start, size, ranges in zip(
            accumulate(lengths, initial=begin), lengths, accumulate(sizes, initial=0), sizes, counts, strict=False
        )
    ]
    if any(sum(size for _, size in frame.prefix) > LIMITS.prefix_size for frame in frames):
        raise source.error("needs more old content at a time than is allowed")
    return frames


def _refer(sources: tuple[int | None, ...]) -> list[int]:
    # 0 is the old content that follows the one before, 1 a new content, 2 + n old content n: mostly zeros.
    refs, following = [], 0
    for old in sources:
        if old is None:
            refs.append(_NEW)
            continue
        refs.append(0 if old == following else 2 + old)
        following = old + 1
    return refs


def _resolve(refs: list[int], count: int, source: Reader) -> list[int | None]:
    sources: list[int | None] = []
    following = 0
    for ref in refs:
        if ref == _NEW:
            sources.append(None)
            continue
        old = ref - 2 if ref else following
        if old >= count:
            raise source.error("refers to an old content that there is not")
        sources.append(old)
        following = old + 1
    return sources


def check_contents(patch: Patch, manifest: Manifest) -> None:
    """Refuse a patch whose frames do not yield exactly the new contents of the manifest that it holds.

    Raises:
        FormatError: (content) they do not.
    """
    size = sum(manifest.contents[index].size for index in patch.order)
    if size != sum(frame.size for frame in patch.frames):
        raise FormatError("The patch's frames do not yield as many bytes as its new contents have")
