"""Follow a patch: from the version that is here, or from nothing, to the new one.

The header comes without the hashes of new contents. They are computed from what the frames yield, before anything is
written; when the manifest that they complete is the one that the head names, everything is as it was published, and
files are then assembled and verified as always. When it is not, whatever part of it is right is still used.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import msgspec

from catsync_core.errors import ContentError, FormatError, IntegrityError
from catsync_core.format.manifest import Content, Manifest, read_plain
from catsync_core.format.objects import ObjectRef, object_key
from catsync_core.format.patch import Patch, PatchFrame, bare_manifest, check_contents, plain_manifest, read_patch
from catsync_core.plan.model import LocalPart, OldBytes, PatchPart
from catsync_core.plan.requests import patch_pieces
from catsync_core.store.durable import Bytes
from catsync_core.store.spool import Spool
from catsync_core.transfer.frame_cache import Decoded, FrameCache
from catsync_core.transfer.parts import PartSource, read_segments
from catsync_core.transfer.repository import Repository

__all__ = [
    "Located",
    "Old",
    "OldTree",
    "Outline",
    "compute_hashes",
    "fetch_header",
    "kept_header",
    "outline",
    "verify_patch",
]


class Old(OldBytes, Protocol):
    """What a patch builds on."""

    @property
    def bare(self) -> bytes:
        """Its manifest's bytes, without hashes."""

    @property
    def contents(self) -> Sequence[Content]:
        """Its contents, in the order of the old stream."""


class Located(Protocol):
    """A patch in a repository."""

    @property
    def patch(self) -> ObjectRef:
        """The object."""

    @property
    def header(self) -> int:
        """Bytes of its header, which it begins with."""


class OldTree:
    """The version that is here, as a patch builds on it; without a manifest, nothing is.

    Args:
        manifest: What it contains; None for nothing.
        root: Where its files lie.
        plain: The manifest's bytes before compression, where they are at hand.
    """

    def __init__(self, manifest: Manifest | None, root: Path, plain: bytes | None = None) -> None:
        self.manifest = manifest
        self.contents = manifest.contents if manifest else ()
        self.bare = bare_manifest(manifest, plain) if manifest else b""
        self.sha256 = hashlib.sha256(plain_manifest(self.bare, self.contents)).hexdigest() if manifest else ""
        self._root = root
        self._starts = list(accumulate((content.size for content in self.contents), initial=0))
        self._paths: dict[int, str] = {}
        for entry in manifest.entries if manifest else ():
            if entry.content is not None:
                self._paths.setdefault(entry.content, entry.path)

    def locate(self, start: int, size: int) -> Iterator[LocalPart]:
        """Yield the local bytes that make up a range of the old stream.

        They are looked up when a frame is decoded and not before: a small header can name very many of them.
        """
        index = bisect_right(self._starts, start) - 1
        while size:
            offset = start - self._starts[index]
            length = min(size, self.contents[index].size - offset)
            if length:
                yield LocalPart(f"{self._root}/{self._paths[index]}", offset, length)
            start, size, index = start + length, size - length, index + 1


class Outline(msgspec.Struct, frozen=True):
    """What a patch leads to, as far as its header tells.

    Attributes:
        bare: The new manifest's bytes, without hashes.
        manifest: The new manifest; new contents have placeholders in place of their SHA-256.
        parts: Of the new contents, by index.
    """

    bare: bytes
    manifest: Manifest
    parts: Mapping[int, tuple[PatchPart, ...]]

    def new_bytes(self) -> int:
        """Return the bytes of all new contents."""
        return sum(self.manifest.contents[index].size for index in self.parts)

    def complete(self, hashes: Mapping[int, bytes], root: str) -> tuple[Manifest, bytes]:
        """Return the manifest with the hashes of new contents, and its bytes before compression.

        Raises:
            IntegrityError: (content) it is not the one that was published.
        """
        contents = tuple(
            Content(hashes.get(index, content.sha256), content.size, content.pack, content.number)
            for index, content in enumerate(self.manifest.contents)
        )
        plain = plain_manifest(self.bare, contents)
        if hashlib.sha256(plain).hexdigest() != root:
            raise IntegrityError(
                f"The patch of {self.manifest.catalog} does not lead to the version that was published"
            )
        return msgspec.structs.replace(self.manifest, contents=contents), plain


def fetch_header(repository: Repository, ref: Located) -> bytes:
    """Fetch only the header of a patch."""
    return b"".join(repository.backend.read(object_key("patches", ref.patch), 0, ref.header))


def kept_header(spool: Spool, ref: Located) -> bytes:
    """Return the header of a patch that was fetched."""
    return read_segments(spool, ref.patch, 0, ref.header)


def verify_patch(spool: Spool, ref: ObjectRef) -> None:
    """Compare a fetched patch with the SHA-256 that names it; a wrong one is forgotten.

    Raises:
        IntegrityError: (content) it is not what it should be.
    """
    digest = hashlib.sha256()
    for piece in patch_pieces(ref):
        digest.update(read_segments(spool, ref, piece.offset, piece.length))
    if digest.hexdigest() != ref.sha256:
        for piece in patch_pieces(ref):
            spool.forget(piece.pack, piece.offset, piece.length)
        raise IntegrityError(f"The patch {ref.sha256[:12]} does not have the SHA-256 that names it")


def outline(header: bytes, ref: Located, old: Old) -> Outline:
    """Return what a patch leads to.

    Raises:
        ContentError: (content) the header is damaged or does not fit the old version.
    """
    patch = read_patch(header, old.bare, [content.size for content in old.contents], ref.patch.length)
    hashes = (
        _placeholder(ref, index) if source is None else old.contents[source].sha256
        for index, source in enumerate(patch.sources)
    )
    manifest = read_plain(patch.bare + b"".join(hashes), "The manifest in the patch")
    check_contents(patch, manifest)
    if any(
        source is not None and old.contents[source].size != content.size
        for source, content in zip(patch.sources, manifest.contents, strict=True)
    ):
        raise FormatError("The patch gives an old content another size")
    return Outline(patch.bare, manifest, _find_parts(patch, manifest, ref.patch, old))


def _placeholder(ref: Located, index: int) -> bytes:
    return hashlib.sha256(f"content {index} of patch {ref.patch.sha256}".encode()).digest()


def _find_parts(patch: Patch, manifest: Manifest, ref: ObjectRef, old: Old) -> dict[int, tuple[PatchPart, ...]]:
    """Deal the bytes that the frames yield, in order, to the new contents."""
    parts: dict[int, tuple[PatchPart, ...]] = {}
    frames = iter(patch.frames)
    frame: PatchFrame | None = None
    used = 0
    for index in patch.order:
        left = manifest.contents[index].size
        found: list[PatchPart] = []
        while left:
            if frame is None or used == frame.size:
                frame, used = next(frames), 0
            length = min(left, frame.size - used)
            found.append(PatchPart(ref, frame, old, used, length))
            used += length
            left -= length
        parts[index] = tuple(found)
    return parts


def compute_hashes(
    outlined: Outline,
    spool: Spool,
    on_bytes: Callable[[int], None],
    decoded: FrameCache[Decoded] | None = None,
    keep: Callable[[int, int, Bytes], None] | None = None,
) -> dict[int, bytes]:
    """Return the SHA-256 of every new content that the patch yields; those that it fails to yield are left out.

    Args:
        outlined: What the patch leads to.
        spool: Holds the patch.
        on_bytes: Called with the bytes that were decoded.
        decoded: Keeps decoded frames for the assembly, as far as there is room.
        keep: Gets what was decoded: of which content, from which offset in it on, and the bytes.
    """
    hashes: dict[int, bytes] = {}
    bad: set[int] = set()  # offsets of frames that cannot be decoded: each is tried once
    parts = outlined.parts
    with closing(PartSource(spool, (part for found in parts.values() for part in found), decoded=decoded)) as source:
        for index, found in parts.items():
            digest = hashlib.sha256()
            done = 0
            for part in found:
                if part.frame.offset in bad:
                    break
                try:
                    for data in source.read(part):
                        digest.update(data)
                        if keep is not None:
                            keep(index, done, data)
                        done += len(data)
                        on_bytes(len(data))
                except ContentError:
                    bad.add(part.frame.offset)  # what it holds is fetched in another way, and that is told
                    break
            else:
                hashes[index] = digest.digest()
    return hashes
