"""The version before: what it contains, and its files' old bytes, read from the repository itself."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from typing import IO, BinaryIO, cast

from catsync_core.errors import ContentError, MissingObjectError
from catsync_core.format.head import Head
from catsync_core.format.manifest import Content, Manifest, PackRef, decompress_manifest
from catsync_core.format.objects import ObjectRef, object_key
from catsync_core.format.table import SignatureShape, Table
from catsync_core.plan.basis import BasisFinder
from catsync_core.transfer.reader import ContentReader
from catsync_core.transfer.repository import Repository

__all__ = ["Previous"]

_IN_MEMORY = 16 << 20
_LIVE = 0.5
_PACKS = 32


class Previous:
    """The newest published version, or nothing at all before the first.

    Its packs may be damaged or gone: then what they held is published anew, for the folder has all of it.

    Thread model: :meth:`open_bases` may be called from any thread.

    Args:
        repository: Where it lies.
        ref: Names its head; None when the catalog is new.
        catalog: Id.
        version: Number; 0 when the catalog is new.
    """

    def __init__(self, repository: Repository, ref: ObjectRef | None, catalog: str, version: int) -> None:
        self.head: Head | None = None
        self.manifest = Manifest(catalog, 0, (), (), ())
        self._data = b""
        if ref is not None:
            self.head = repository.head(ref, catalog, version)
            self.manifest, self._data = repository.manifest(self.head)
        self.files = self.manifest.files()
        self.times = {entry.path: entry.mtime for entry in self.manifest.entries}
        self.by_hash = {content.sha256: content for content in self.manifest.contents}
        self._repository = repository
        self._reader = ContentReader(repository, self.manifest)
        self._reading = threading.Lock()
        self._finder = BasisFinder(self.files)

    def plain_manifest(self) -> bytes:
        """Return its manifest's bytes before compression; none where the catalog is new."""
        return decompress_manifest(self._data) if self._data else b""

    def older(self, versions: Collection[int]) -> Iterator[Previous]:
        """Yield some versions, this one or earlier ones, the newest first.

        Args:
            versions: Their numbers. The heads of those between them are read too, for each names the one before.

        Raises:
            MissingObjectError: (remote) a version, or the way to it, is gone.
            ContentError: (content) likewise, it is damaged.
        """
        head = self.head
        if head is not None and head.version in versions:
            yield self
        while head is not None and head.previous is not None and head.version > min(versions, default=head.version):
            before = (head.previous, self.manifest.catalog, head.version - 1)
            if head.version - 1 in versions:
                version = Previous(self._repository, *before)
                yield version
                head = version.head
            else:
                head = self._repository.head(*before)

    def heads(self, most: int) -> Iterator[Head]:
        """Yield the head of this version and those of earlier ones, as many as are asked for and can be read."""
        head = self.head
        with suppress(MissingObjectError, ContentError):
            for _ in range(most):
                if head is None:
                    return
                yield head
                ref, number = head.previous, head.version - 1
                head = self._repository.head(ref, self.manifest.catalog, number) if ref else None

    def table(self, ref: PackRef) -> Table:
        """Return the frame table of one of this version's packs."""
        return self._reader.table(self.manifest.packs.index(ref))

    def read_signature(self, table: Table, shape: SignatureShape) -> bytes:
        """Return the hashes of a content's blocks; they were not verified, and are a hint.

        Raises:
            MissingObjectError: (remote) they are gone.
        """
        if table.signatures is None:
            raise ValueError("a table with shapes names their object")
        key = object_key("signatures", table.signatures)
        return b"".join(self._repository.backend.read(key, shape.offset, shape.length))

    def read(self, contents: Sequence[Content], offset: int, length: int) -> Iterator[bytes]:
        """Stream a range of some contents in a row, verified frame by frame; one thread at a time."""
        return self._reader.read_row(contents, offset, length)

    def has_basis(self, path: str) -> bool:
        """Whether there is an old file worth comparing with a new one at this path."""
        return bool(self._finder.find(path))

    @contextmanager
    def open_bases(self, path: str) -> Iterator[list[BinaryIO]]:
        """Open the old files worth comparing with a new one; large ones lie in temporary files meanwhile."""
        with ExitStack() as stack:
            bases = []
            for old in self._finder.find(path):
                stream = stack.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
                if self._copy(self.files[old], stream):
                    stream.seek(0)
                    bases.append(cast("BinaryIO", stream))
            yield bases

    def _copy(self, content: Content, stream: IO[bytes]) -> bool:
        try:
            with self._reading:  # neighbours lie in one frame, so one reader for all threads decodes it once
                for piece in self._reader.read_content(content):
                    stream.write(piece)
        except (MissingObjectError, ContentError):
            return False
        return True

    def _is_there(self, pack: int, there: dict[str, int]) -> bool:
        ref = self.manifest.packs[pack].pack
        return there.get(object_key("packs", ref)) == ref.length

    def _size_of_pack(self, pack: int) -> float:
        try:
            return self._reader.table(pack).starts[-1]
        except (MissingObjectError, ContentError):
            return inf

    def dying_packs(self, needed: set[bytes]) -> set[int]:
        """Return the packs that the next version should no longer read from.

        Those are packs that are gone or whose table is, packs of which less than half is still needed, and the least
        needed ones when there are very many: first downloads must not fetch what no file contains, nor read hundreds
        of tables.

        Args:
            needed: SHA-256 of the next version's contents.
        """
        live: Counter[int] = Counter()
        for content in self.manifest.contents:
            if content.sha256 in needed:
                live[content.pack] += content.size
        there = {found.key: found.length for found in self._repository.backend.list("packs/")} if live else {}
        lost = {pack for pack in live if not self._is_there(pack, there)}
        dying = lost | {pack for pack in live.keys() - lost if live[pack] < _LIVE * self._size_of_pack(pack)}
        excess = len(live) - len(dying) - _PACKS
        if excess > 0:
            dying |= set(sorted(live.keys() - dying, key=lambda pack: live[pack])[:excess])
        return dying

    def find(self, sha256: bytes, dying: set[int]) -> Content | None:
        """Return where a content lies already, unless in a pack that is to be left."""
        content = self.by_hash.get(sha256)
        return None if content is None or content.pack in dying else content
