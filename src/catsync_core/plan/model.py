"""The plan: what will become of every file, out of which parts, and what must be fetched for it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from catsync_core.format.manifest import Entry, Manifest
from catsync_core.format.objects import Kind, ObjectRef
from catsync_core.format.table import Frame

if TYPE_CHECKING:
    from catsync_core.format.patch import PatchFrame  # loads a second zstd, and not every plan has a patch

__all__ = [
    "Action",
    "FilePlan",
    "FramePart",
    "LocalFile",
    "LocalPart",
    "OldBytes",
    "Part",
    "PatchPart",
    "Piece",
    "Plan",
    "RawPart",
    "Request",
    "Via",
]


class Action(StrEnum):
    """How a file comes about."""

    KEEP = "keep"
    """It is there, at this path, in the version before."""
    COPY = "copy"
    """Its content is on this device, under another name."""
    PATCH = "patch"
    """From an old file and a precomputed delta."""
    BLOCKS = "blocks"
    """From blocks of old files and fetched ones."""
    FULL = "full"
    """Fetched whole."""


class Via(StrEnum):
    """Which ways a plan may take."""

    AUTO = "auto"
    PATCH = "patch"
    BLOCKS = "blocks"
    FULL = "full"


class LocalFile(msgspec.Struct, frozen=True):
    """A file on this device.

    Attributes:
        path: Relative to the tree that it is in.
        location: Where it lies.
        size: Bytes.
        mtime: Seconds since 1970.
        sha256: 32 bytes; empty when nobody knows it yet.
    """

    path: str
    location: Path
    size: int
    mtime: int
    sha256: bytes = b""


class LocalPart(msgspec.Struct, frozen=True):
    """Bytes of a file on this device.

    Attributes:
        location: Path of the file; a string, for a patch names thousands and each is opened once.
        offset: In it.
        length: Bytes.
    """

    location: str
    offset: int
    length: int


class FramePart(msgspec.Struct, frozen=True):
    """Bytes of what a frame yields: ``length`` from ``start`` on."""

    pack: ObjectRef
    frame: Frame
    start: int
    length: int


class RawPart(msgspec.Struct, frozen=True):
    """Bytes of a pack as they are: a part of a raw frame."""

    pack: ObjectRef
    offset: int
    length: int


class OldBytes(Protocol):
    """The old stream of a patch, on this device."""

    def locate(self, start: int, size: int) -> Iterator[LocalPart]:
        """Yield the local bytes that make up a range of it."""


class PatchPart(msgspec.Struct, frozen=True):
    """Bytes of what a frame of a patch yields: ``length`` from ``start`` on.

    Attributes:
        patch: The patch object; all of it is here.
        frame: The frame.
        old: Where the old bytes are that it needs.
        start: Where the part begins in what the frame yields.
        length: Bytes.
    """

    patch: ObjectRef
    frame: PatchFrame
    old: OldBytes
    start: int
    length: int


Part = LocalPart | FramePart | RawPart | PatchPart


class Piece(msgspec.Struct, frozen=True, order=True):
    """Stored bytes that must be here before files can be assembled."""

    pack: str
    offset: int
    length: int


class Request(msgspec.Struct, frozen=True):
    """One range of one object, and the pieces that are kept of it (gaps between them are dropped)."""

    pack: ObjectRef
    offset: int
    length: int
    pieces: tuple[Piece, ...]
    kind: Kind = "packs"


class FilePlan(msgspec.Struct, frozen=True):
    """One entry of the new version.

    Attributes:
        entry: What it will be.
        size: Bytes.
        action: How; None for an empty folder.
        source: The local file for keep and copy.
        parts: For blocks and full, in order; they make up the whole file.
    """

    entry: Entry
    size: int
    action: Action | None
    source: LocalFile | None = None
    parts: tuple[Part, ...] = ()

    @property
    def fetched_bytes(self) -> int:
        """Bytes of the file that do not come from this device."""
        return self.size - self.reused_bytes

    @property
    def reused_bytes(self) -> int:
        """Bytes of the file that come from this device."""
        if self.source is not None:
            return self.size
        return sum(part.length for part in self.parts if isinstance(part, LocalPart))


class Plan(msgspec.Struct, frozen=True):
    """What a transfer will do.

    Attributes:
        manifest: The version that will be there.
        from_version: The version that is there; None for a first download.
        files: Every entry, in the manifest's order.
        requests: What will be fetched.
        kept_bytes: Of pieces that an earlier attempt fetched already.
        metadata_bytes: That were fetched to make this plan: index, head, manifest, tables, signatures.
        metadata_requests: That this took.
    """

    manifest: Manifest
    from_version: int | None
    files: tuple[FilePlan, ...]
    requests: tuple[Request, ...]
    kept_bytes: int = 0
    metadata_bytes: int = 0
    metadata_requests: int = 0

    @property
    def fetch_bytes(self) -> int:
        """Bytes of content that will be fetched, gaps included."""
        return sum(request.length for request in self.requests)

    @property
    def total_bytes(self) -> int:
        """Bytes that travel in all, metadata included."""
        return self.metadata_bytes + self.fetch_bytes

    @property
    def total_requests(self) -> int:
        """Requests in all, those for metadata included."""
        return self.metadata_requests + len(self.requests)

    def count_actions(self) -> dict[Action, tuple[int, int]]:
        """Return the number of files and their bytes, by action."""
        actions = dict.fromkeys(Action, (0, 0))
        for file in self.files:
            if file.action is not None:
                files, size = actions[file.action]
                actions[file.action] = (files + 1, size + file.size)
        return actions

    @property
    def reused_bytes(self) -> int:
        """Bytes of the new version that come from this device."""
        return sum(file.reused_bytes for file in self.files)

    @property
    def write_bytes(self) -> int:
        """Bytes of files that must be written anew (what is kept or copied costs none where links work)."""
        return sum(file.size for file in self.files if file.parts)
