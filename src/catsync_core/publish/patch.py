"""Make a patch: the new contents of a version, compressed with the old version as history, and read back."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

import msgspec

from catsync_core.format.head import PatchRef
from catsync_core.format.manifest import Manifest, write_plain
from catsync_core.format.objects import ObjectRef
from catsync_core.format.patch import Patch, PatchFrame, bare_manifest, write_patch_header
from catsync_core.format.prefix import compress_after, decompress_after
from catsync_core.publish.draft import Draft, OldVersion, draft_frames
from catsync_core.publish.layout import type_and_path
from catsync_core.publish.scan import SourceFile

__all__ = ["BuiltPatch", "build_patch", "root_of"]

_MIB = 1 << 20
_IN_FLIGHT = 2
_RAW_LEVEL = 3
_MODERATE = range(9, 13)  # levels that take the first match where all is known,
_FIRST_MATCH = 6  # of at least so many bytes,
_FIRST_MATCH_UNTIL = _MIB  # in frames that see less than this


class BuiltPatch(msgspec.Struct, frozen=True):
    """A patch on the local disk, ready to be uploaded.

    Attributes:
        location: The file.
        ref: Names it, and the versions that it leads from and to.
        base: Number of the version that it leads from; None for nothing.
    """

    location: Path
    ref: PatchRef
    base: int | None


def build_patch(
    location: Path,
    old: OldVersion,
    manifest: Manifest,
    plain: bytes,
    files: Mapping[bytes, SourceFile],
    *,
    level: int,
    pool: Executor,
) -> BuiltPatch:
    """Write a patch from an old version to a new one; every frame is decoded again and compared.

    Args:
        location: The file to write.
        old: What devices have.
        manifest: The new version.
        plain: Its manifest's bytes before compression.
        files: The new version's files by SHA-256.
        level: zstd's level.
        pool: Compresses.

    Raises:
        ChangedWhilePublishingError: (local) a source file is not what it was.
        ContentError: (content) the old version is damaged in the repository.
    """
    sources = tuple(old.by_hash.get(content.sha256) for content in manifest.contents)
    new = [index for index, source in enumerate(sources) if source is None and manifest.contents[index].size]
    empty = [index for index, source in enumerate(sources) if source is None and not manifest.contents[index].size]
    new.sort(key=lambda index: type_and_path(files[manifest.contents[index].sha256].path))
    drafts = list(draft_frames(old, [files[manifest.contents[index].sha256] for index in new]))
    body = location.with_suffix(".body")
    frames = []
    start = 0
    with body.open("wb") as stream:
        for draft, stored in _compress_all(drafts, old, level, pool):
            stream.write(stored)
            frames.append(PatchFrame(0, len(stored), start, draft.size, draft.prefix))
            start += draft.size
    bare = bare_manifest(manifest, plain)
    root = hashlib.sha256(plain).hexdigest()
    patch = Patch(bare, sources, (*empty, *new), tuple(frames))
    header = write_patch_header(patch, old.bare, level)
    digest = hashlib.sha256(header)
    with location.open("wb") as stream, body.open("rb") as written:
        stream.write(header)
        while piece := written.read(_MIB):
            digest.update(piece)
            stream.write(piece)
        length = stream.tell()
    body.unlink()
    ref = PatchRef(old.root, root, ObjectRef(digest.hexdigest(), length), len(header))
    return BuiltPatch(location, ref, old.manifest.version if old.root else None)


def _compress_all(
    drafts: Sequence[Draft], old: OldVersion, level: int, pool: Executor
) -> Iterator[tuple[Draft, bytes]]:
    """Yield every draft with its frame, in order, with two of them under way; a single one gains nothing by that."""
    if len(drafts) == 1:
        yield drafts[0], _compress(drafts[0], old, level)
        return
    waiting: deque[tuple[Draft, Future[bytes]]] = deque()
    for draft in drafts:
        waiting.append((draft, pool.submit(_compress, draft, old, level)))
        if len(waiting) >= _IN_FLIGHT:
            ready, future = waiting.popleft()
            yield ready, future.result()
    while waiting:
        ready, future = waiting.popleft()
        yield ready, future.result()


def _compress(draft: Draft, old: OldVersion, level: int) -> bytes:
    data = b"".join(data for piece in draft.pieces for data in piece.read())
    prefix = b"".join(data for start, size in draft.prefix for data in old.read_span(start, size))
    level = min(level, _RAW_LEVEL) if draft.raw else level
    # Half the time, and fewer bytes for many small texts in which little changed (decision 10 has figures).
    greedy = draft.known and level in _MODERATE and len(data) + len(prefix) < _FIRST_MATCH_UNTIL
    stored = compress_after(data, prefix, level, first_match=_FIRST_MATCH if greedy else 0)
    if decompress_after(stored, prefix, len(data), "A frame that was just made") != data:
        raise AssertionError("zstd did not give back what it was given")
    return stored


def root_of(manifest: Manifest) -> str:
    """Return the SHA-256 of a plain manifest, as patches name versions: 64 hexadecimal digits."""
    return ObjectRef.of(write_plain(manifest)).sha256
