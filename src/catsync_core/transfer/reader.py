"""Reading content straight from a repository: any range of any file of a version, decoded frame by frame.

Every coarse frame has a seal in its table, the manifest names the table, and the head the manifest: so every byte is
verified before it is given out, and a whole content once more against its own SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from catsync_core.errors import IntegrityError
from catsync_core.format.manifest import Content, Manifest
from catsync_core.format.objects import object_key
from catsync_core.format.table import Frame, Table
from catsync_core.transfer.frame_cache import FrameCache
from catsync_core.transfer.repository import Repository, decode_frame

__all__ = ["ContentReader"]

_CACHED_BYTES = 16 << 20


class ContentReader:
    """Reads the contents of one version.

    Keeps the frames that were decoded last, so that neighbours cost nothing. Not thread-safe: one reader a thread.

    Args:
        repository: Where the version lies.
        manifest: What it contains.
    """

    def __init__(self, repository: Repository, manifest: Manifest) -> None:
        self._repository = repository
        self._manifest = manifest
        self._tables: dict[int, Table] = {}
        self._frames = FrameCache[bytes](_CACHED_BYTES)

    def table(self, pack: int) -> Table:
        """Return the frame table of one of the manifest's packs, fetched once."""
        if pack not in self._tables:
            self._tables[pack] = self._repository.table(self._manifest.packs[pack])
        return self._tables[pack]

    def read_content(self, content: Content) -> Iterator[bytes]:
        """Stream a whole content; the last piece is only yielded once the SHA-256 is right.

        Raises:
            IntegrityError: (content) it is not what the manifest names.
        """
        digest = hashlib.sha256()
        held = b""
        for piece in self.read_range(content, 0, content.size):
            digest.update(piece)
            if held:
                yield held
            held = piece
        if digest.digest() != content.sha256:
            raise IntegrityError(
                f"A file of {self._manifest.catalog} does not have the SHA-256 that the manifest names"
            )
        if held:
            yield held

    def read_range(self, content: Content, offset: int, length: int) -> Iterator[bytes]:
        """Stream a range of a content; each piece is verified by its frame's seal."""
        table = self.table(content.pack)
        if content.number >= len(table.sizes) or table.sizes[content.number] != content.size:
            raise IntegrityError(f"The frame table of {self._manifest.catalog} does not fit the manifest")
        start = table.starts[content.number] + offset
        for frame in table.coarse_over(start, length):
            (begin, size), *_ = frame.ranges
            data = self._decode(content.pack, frame)
            yield data[max(start - begin, 0) : min(start + length - begin, size)]

    def _decode(self, pack: int, frame: Frame) -> bytes:
        ref = self._manifest.packs[pack].pack
        key = (ref.sha256, frame.offset)
        data = self._frames.get(key)
        if data is None:
            stored = b"".join(self._repository.backend.read(object_key("packs", ref), frame.offset, frame.length))
            data = decode_frame(frame, stored, f"A frame of pack {ref.sha256[:12]}")
            self._frames.put(key, data)
        return data
