"""Decide which new bytes share a frame of a patch, and which old bytes are their history.

Small contents share a frame, ordered by type and path. The prefix of a frame is, first of all, what its contents looked
like before; for those that nothing precedes, also some old files of the same kind, for like resembles like. A content
that is larger than a frame is cut, and each piece gets the old region that it came from.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

import msgspec

from catsync_core.format.manifest import Content, Manifest
from catsync_core.format.patch import bare_manifest
from catsync_core.plan.basis import BasisFinder, kind_of
from catsync_core.publish.probe import compresses
from catsync_core.publish.scan import SourceFile, read_range, read_source

__all__ = ["Draft", "OldVersion", "Piece", "draft_frames"]

_MIB = 1 << 20
_SOLID = 48 * _MIB  # bytes that a frame without prefix yields at most
_OUTPUT = 16 * _MIB  # bytes that a frame with a prefix yields at most
_PREFIX = 64 * _MIB
_CONTEXT = 2  # times their own size is what files without predecessor get of other old files,
_CONTEXT_LEAST = _MIB // 16  # or this many bytes; more makes patches larger: zstd finds the near matches less well
_SLACK = 16 * _MIB  # bytes on either side of the old region that a piece of a large file probably came from

Span = tuple[int, int]


class Piece(msgspec.Struct, frozen=True):
    """Bytes of a new file."""

    file: SourceFile
    offset: int
    length: int

    def read(self) -> Iterator[bytes]:
        """Stream them; a whole file is compared with its SHA-256."""
        if self.length == self.file.size:
            return read_source(self.file)
        return read_range(self.file, self.offset, self.length)


class Draft(msgspec.Struct, frozen=True):
    """A frame to be made.

    Attributes:
        pieces: What it yields.
        prefix: Its prefix, in the old stream.
        raw: Its bytes do not compress by themselves, so only what stands in the prefix is worth looking for.
        known: The prefix has a predecessor of every piece, so what did not change makes long matches.
    """

    pieces: tuple[Piece, ...]
    prefix: tuple[Span, ...]
    raw: bool = False
    known: bool = False

    @property
    def size(self) -> int:
        """Bytes that it yields."""
        return sum(piece.length for piece in self.pieces)


class OldVersion:
    """The version that a patch builds on; one without entries for a patch from nothing.

    Args:
        manifest: What it contains.
        read: Streams a range, (offset, length), of some of its contents in a row; called from any thread.
        plain: Its manifest's bytes before compression; empty for nothing.
    """

    def __init__(
        self, manifest: Manifest, read: Callable[[Sequence[Content], int, int], Iterable[bytes]], plain: bytes
    ) -> None:
        self.manifest = manifest
        self.root = hashlib.sha256(plain).hexdigest() if plain else ""
        """SHA-256 of its plain manifest; empty for nothing."""
        self.bare = bare_manifest(manifest, plain) if plain else b""
        self.by_hash = {content.sha256: index for index, content in enumerate(manifest.contents)}
        self.paths = {entry.path: entry.content for entry in manifest.entries if entry.content is not None}
        self._starts = list(accumulate((content.size for content in manifest.contents), initial=0))
        self._finder = BasisFinder(self.paths)
        self._read = read

    def predecessors(self, path: str) -> list[int]:
        """Return the old contents that a new file probably came from."""
        same = self.paths.get(path)  # of nearly all files; the finder would say the same, and takes longer
        return [same] if same is not None else [self.paths[old] for old in self._finder.find(path)]

    def span(self, index: int) -> Span:
        """Return where an old content lies in the old stream."""
        return (self._starts[index], self.manifest.contents[index].size)

    def read_span(self, start: int, size: int) -> Iterable[bytes]:
        """Stream a range of the old stream."""
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, start + size)
        return self._read(self.manifest.contents[first:last], start - self._starts[first], size)


def draft_frames(old: OldVersion, files: Sequence[SourceFile]) -> Iterator[Draft]:
    """Divide new files among frames.

    Args:
        old: The version before.
        files: The new files, like beside like, none empty.
    """
    most = _OUTPUT if old.root else _SOLID
    held: list[SourceFile] = []
    size = 0
    for file in files:
        if held and size + file.size > most:
            yield _draft_small(old, held)
            held, size = [], 0
        if file.size > most:
            yield from _draft_large(old, file, most)
        else:
            held.append(file)
            size += file.size
    if held:
        yield _draft_small(old, held)


def _draft_small(old: OldVersion, files: Sequence[SourceFile]) -> Draft:
    pieces = tuple(Piece(file, 0, file.size) for file in files)
    direct: dict[int, None] = {}
    strange: list[SourceFile] = []
    for file in files:
        found = old.predecessors(file.path)
        for index in found:
            direct[index] = None
        if not found:
            strange.append(file)
    spans = _fill(old, direct, _PREFIX)
    if strange:
        context = max(_CONTEXT * sum(file.size for file in strange), _CONTEXT_LEAST)
        room = min(_PREFIX - sum(size for _, size in spans), context)
        spans += _fill(old, _find_context(old, [file.path for file in strange], direct), room)
    return Draft(pieces, tuple(_merge(spans)), known=bool(old.root) and not strange)


def _merge(spans: Iterable[Span]) -> Iterator[Span]:
    """Sort spans and join neighbours: each one stands in the header, and all are within zstd's reach anyway."""
    begin = end = 0
    for start, size in sorted(spans):
        if start != end:
            if end > begin:
                yield (begin, end - begin)
            begin = start
        end = start + size
    if end > begin:
        yield (begin, end - begin)


def _draft_large(old: OldVersion, file: SourceFile, most: int) -> Iterator[Draft]:
    found = old.predecessors(file.path)[:1]
    raw = not compresses(file.location, file.size)
    for offset in range(0, file.size, most):
        piece = Piece(file, offset, min(most, file.size - offset))
        prefix = tuple(_region(old, index, piece) for index in found if old.manifest.contents[index].size)
        yield Draft((piece,), prefix, raw)


def _region(old: OldVersion, index: int, piece: Piece) -> Span:
    """Return the old bytes at about the same place, with some slack for what was inserted or removed before it."""
    start, size = old.span(index)
    middle = (piece.offset + piece.length // 2) * size // piece.file.size
    half = min(piece.length // 2 + _SLACK, _PREFIX // 2)
    first, last = max(middle - half, 0), min(middle + half, size)
    return (start + first, last - first)


def _fill(old: OldVersion, indexes: Iterable[int], room: int) -> list[Span]:
    spans = []
    for index in indexes:
        start, size = old.span(index)
        if 0 < size <= room:
            spans.append((start, size))
            room -= size
    return spans


def _find_context(old: OldVersion, added: Sequence[str], without: Iterable[int]) -> Iterator[int]:
    """Yield old contents that resemble added files, the likeliest first."""
    seen = set(without)
    kinds = {kind_of(path) for path in added}
    suffixes = {suffix for _, suffix in kinds}
    resemblances: tuple[Callable[[tuple[str, str]], bool], ...] = (
        lambda kind: kind in kinds,
        lambda kind: kind[1] in suffixes,
        lambda _: True,
    )
    for likely in resemblances:
        for path, index in old.paths.items():
            if index not in seen and likely(kind_of(path)):
                seen.add(index)
                yield index
