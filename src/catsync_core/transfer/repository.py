"""A repository as typed, verified objects: the one place where bytes from a backend become catsync's data."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catsync_core.backends.protocol import Backend
from catsync_core.errors import FormatError, IntegrityError, MissingObjectError
from catsync_core.format.frames import Codec, decompress, seal
from catsync_core.format.head import Head, read_head
from catsync_core.format.index import CatalogSummary, Index, read_index
from catsync_core.format.manifest import Manifest, PackRef, read_manifest
from catsync_core.format.objects import INDEX_KEY, Kind, ObjectRef, object_key, verify
from catsync_core.format.table import Frame, Table, read_table
from catsync_core.limits import LIMITS
from catsync_core.plan.model import Piece, Request
from catsync_core.transfer.fetch import Kept, fetch_requests

__all__ = ["Found", "Repository", "check_identity", "decode_frame", "parse_manifest"]


class Found(msgspec.Struct, frozen=True):
    """An index and what is needed to ask for it again.

    Attributes:
        index: None when it has not changed.
        etag: To pass to the next :meth:`Repository.index`.
        body: The bytes of the index.
    """

    index: Index | None
    etag: str | None
    body: bytes = b""


class Repository:
    """Reads a repository's objects and verifies each against the reference that names it.

    Thread model: as the backend's; any thread may call any method.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @property
    def url(self) -> str:
        """Where it is, safe to show."""
        return self.backend.url

    def index(self, *, known_etag: str | None = None) -> Found:
        """Fetch the index, or learn that it is still the one with the known etag.

        Raises:
            MissingObjectError: (remote) there is no repository here.
            FormatError: (content) what is there is not an index.
        """
        try:
            reply = self.backend.get(INDEX_KEY, max_length=LIMITS.index_length, known_etag=known_etag)
        except MissingObjectError as error:
            raise MissingObjectError(
                f"There is no repository at {self.url}",
                hint="Check the address; `catsync init` makes a new repository",
            ) from error
        if not reply.modified:
            return Found(None, reply.etag or known_etag)
        return Found(read_index(reply.body, f"The index of {self.url}"), reply.etag, reply.body)

    def newest(self, catalog: str, summary: CatalogSummary) -> Head:
        """Return the head of a catalog's newest version: it may stand in the index; else it is fetched.

        Raises:
            IntegrityError: (content) it is not what the index names.
            FormatError: (content) it is another catalog's or version's.
        """
        data = summary.text.encode()
        if ObjectRef.of(data) == summary.head:
            return _read_head(data, catalog, summary.version)
        return self.head(summary.head, catalog, summary.version)

    def head(self, ref: ObjectRef, catalog: str, version: int) -> Head:
        """Fetch a head.

        Args:
            ref: Names it.
            catalog: Whose it must be.
            version: Which it must be.

        Raises:
            IntegrityError: (content) it is not what was named.
            FormatError: (content) it is another catalog's or version's.
        """
        return _read_head(self.fetch("heads", ref, LIMITS.head_length), catalog, version)

    def manifest(self, head: Head) -> tuple[Manifest, bytes]:
        """Fetch the manifest of a version; returns it parsed and as bytes.

        Raises:
            IntegrityError: (content) it is not what the head names.
            FormatError: (content) it does not fit the head.
        """
        data = self.fetch("manifests", head.manifest, LIMITS.manifest_length)
        return parse_manifest(data, head.catalog, head.version), data

    def table(self, ref: PackRef) -> Table:
        """Fetch the frame table of a pack."""
        (table,) = self.tables([ref])
        return table

    def tables(self, refs: Sequence[PackRef]) -> list[Table]:
        """Fetch the frame tables of several packs, side by side: a version that grew over years has many."""
        found = self._fetch_all("tables", [ref.table for ref in refs], LIMITS.table_length)
        return [
            read_table(data, ref.pack.length, f"The frame table {ref.table.sha256[:12]}")
            for ref, data in zip(refs, found, strict=True)
        ]

    def fetch(self, kind: Kind, ref: ObjectRef, most: int) -> bytes:
        """Fetch a whole immutable object and verify it."""
        what = self._require_short(kind, ref, most)
        return verify(self.backend.get(object_key(kind, ref), max_length=ref.length).body, ref, what)

    def _fetch_all(self, kind: Kind, refs: Sequence[ObjectRef], most: int) -> list[bytes]:
        if len(refs) == 1:  # as most often; it needs no threads
            return [self.fetch(kind, refs[0], most)]
        names = [self._require_short(kind, ref, most) for ref in refs]
        pieces = [Piece(ref.sha256, 0, ref.length) for ref in refs]
        kept = Kept()
        requests = [Request(ref, 0, ref.length, (piece,), kind) for ref, piece in zip(refs, pieces, strict=True)]
        fetch_requests(self.backend, requests, kept, lambda _: None)
        return [verify(kept[piece], ref, what) for piece, ref, what in zip(pieces, refs, names, strict=True)]

    def _require_short(self, kind: Kind, ref: ObjectRef, most: int) -> str:
        what = f"The object {kind}/{ref.sha256[:12]} of {self.url}"
        if not 0 < ref.length <= most:
            raise FormatError(f"{what} is announced with {ref.length:,} bytes; 1 to {most:,} are allowed")
        return what


def _read_head(data: bytes, catalog: str, version: int) -> Head:
    head = read_head(data, f"The head of {catalog}")
    if head.catalog != catalog:
        raise FormatError(f"The head that is named for {catalog} is of {head.catalog}")
    if head.version != version:
        raise FormatError(f"The head that is named for {catalog} version {version} is of version {head.version}")
    return head


def parse_manifest(data: bytes, catalog: str, version: int) -> Manifest:
    """Parse a manifest and refuse another catalog's or version's.

    Raises:
        FormatError: (content) it does not fit.
    """
    manifest = read_manifest(data, f"The manifest of {catalog}")
    check_identity(manifest, catalog, version)
    return manifest


def check_identity(manifest: Manifest, catalog: str, version: int) -> None:
    """Refuse a manifest of another catalog or version.

    Raises:
        FormatError: (content) it is another's.
    """
    if (manifest.catalog, manifest.version) != (catalog, version):
        raise FormatError(
            f"The manifest is of {manifest.catalog} version {manifest.version}, not of {catalog} version {version}"
        )


def decode_frame(frame: Frame, stored: bytes, what: str) -> bytes:
    """Return what a frame yields: all its ranges, one after the other.

    Raises:
        IntegrityError: (content) it is damaged.
        FormatError: (content) it is not such a frame.
    """
    if len(stored) != frame.length:
        raise IntegrityError(f"{what} has {len(stored):,} bytes instead of {frame.length:,}")
    sealed = bool(frame.seal)
    if sealed and seal(stored) != frame.seal:
        raise IntegrityError(f"{what} is damaged")
    return stored if frame.codec is Codec.RAW else decompress(stored, frame.size, what, sealed=sealed)
