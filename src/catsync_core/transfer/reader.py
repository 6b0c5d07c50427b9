"""Reading content straight from a repository: any range of any file of a version, decoded frame by frame.

Every coarse frame has a seal in its table, the manifest names the table, and the head the manifest: so every byte is
verified before it is given out, and a whole content once more against its own SHA-256.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise

from catsync_core.errors import ContentError, IntegrityError
from catsync_core.format.manifest import Content, Manifest
from catsync_core.format.objects import object_key
from catsync_core.format.table import Frame, Table
from catsync_core.transfer.frame_cache import FrameCache
from catsync_core.transfer.repository import Repository, decode_frame

__all__ = ["ContentReader"]

_CACHED_BYTES = 16 << 20
_REQUEST = 4 << 20  # bytes, stored and decoded: what is held in memory for one reader


class ContentReader:
    """Reads the contents of one version.

    Frames that lie next to each other in a pack are fetched together, and those that were decoded last are kept, so
    that neighbours cost nothing.

    Thread model: any thread may call any method; two that want the same frame at once both fetch it.

    Args:
        repository: Where the version lies.
        manifest: What it contains.
        frames: Keeps decoded frames, those of other readers too; by default up to 16 MiB of this one's.
    """

    def __init__(self, repository: Repository, manifest: Manifest, frames: FrameCache[bytes] | None = None) -> None:
        self._repository = repository
        self._manifest = manifest
        self._tables: dict[int, Table] = {}
        self._lock = threading.Lock()
        self._frames = FrameCache[bytes](_CACHED_BYTES) if frames is None else frames

    def table(self, pack: int) -> Table:
        """Return the frame table of one of the manifest's packs, fetched once."""
        found = self._tables.get(pack)
        if found is not None:
            return found  # without the lock: thousands of contents ask for the same one
        with self._lock:
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

    def read_range(self, content: Content, offset: int, length: int, *, ahead: int = 0) -> Iterator[bytes]:
        """Stream a range of a content; each piece is verified by its frame's seal.

        Args:
            content: Of which content.
            offset: Where the range begins, bytes.
            length: Of the range, bytes.
            ahead: Bytes behind the range that will probably be asked for next. They are fetched together with the last
                of what is missing of the range, if anything is.
        """
        start = self._find(content) + offset
        return self._read_stream(content.pack, start, length, min(ahead, content.size - offset - length))

    def read_row(self, contents: Sequence[Content], offset: int, length: int) -> Iterator[bytes]:
        """Stream a range of some contents in a row, as if they were one; those that adjoin in a pack are read at once.

        Args:
            contents: Which, in their order.
            offset: Where the range begins, bytes from the beginning of the first one.
            length: Of the range, bytes.
        """
        stretches: list[tuple[int, int, int]] = []  # pack, and from where to where in its stream
        for content in contents:
            if offset >= content.size:
                offset -= content.size
                continue
            if not length:
                break
            start = self._find(content) + offset
            stop = start + min(content.size - offset, length)
            offset, length = 0, length - (stop - start)
            if stretches and (stretches[-1][0], stretches[-1][2]) == (content.pack, start):
                start = stretches.pop()[1]  # it adjoins
            stretches.append((content.pack, start, stop))
        for pack, start, stop in stretches:
            yield from self._read_stream(pack, start, stop - start)

    def _find(self, content: Content) -> int:
        """Return where a content begins in the stream of its pack."""
        table = self.table(content.pack)
        if content.number >= len(table.sizes) or table.sizes[content.number] != content.size:
            raise IntegrityError(f"The frame table of {self._manifest.catalog} does not fit the manifest")
        return table.starts[content.number]

    def _read_stream(self, pack: int, start: int, length: int, ahead: int = 0) -> Iterator[bytes]:
        table = self.table(pack)
        wanted = table.coarse_over(start, length)
        likely = table.coarse_over(start, length + ahead) if ahead else wanted
        for frame, data in self._decode(pack, wanted, likely[len(wanted) :]):
            (begin, size), *_ = frame.ranges
            yield data[max(start - begin, 0) : min(start + length - begin, size)]

    def _decode(self, pack: int, wanted: Sequence[Frame], likely: Sequence[Frame]) -> Iterator[tuple[Frame, bytes]]:
        # By offset, as stored: each is only decoded, and so verified, when its turn comes.
        fetched: dict[int, bytes] = {}
        for number, frame in enumerate(wanted):
            data = self._frames.get(self._key(pack, frame))
            if data is None:
                if frame.offset not in fetched:
                    fetched = self._fetch(pack, self._choose(pack, [*wanted[number:], *likely]))
                data = self._unpack(pack, frame, fetched.pop(frame.offset))
            yield frame, data
        for frame in likely:
            if frame.offset in fetched:
                try:
                    self._unpack(pack, frame, fetched.pop(frame.offset))
                except ContentError:
                    return  # nobody has asked for it yet: whoever does fetches it again and is told

    def _choose(self, pack: int, frames: Sequence[Frame]) -> list[Frame]:
        """Return the frames to fetch in one request: the first one, and those after it that adjoin and are not kept."""
        chosen = [frames[0]]
        stored, size = frames[0].length, frames[0].size
        for before, frame in pairwise(frames):
            stored, size = stored + frame.length, size + frame.size
            adjoins = before.offset + before.length == frame.offset
            if not adjoins or max(stored, size) > _REQUEST or self._key(pack, frame) in self._frames:
                break
            chosen.append(frame)
        return chosen

    def _fetch(self, pack: int, frames: Sequence[Frame]) -> dict[int, bytes]:
        ref, first, last = self._manifest.packs[pack].pack, frames[0], frames[-1]
        length = last.offset + last.length - first.offset
        stored = b"".join(self._repository.backend.read(object_key("packs", ref), first.offset, length))
        cuts = (frame.offset - first.offset for frame in frames)
        return {frame.offset: stored[cut : cut + frame.length] for frame, cut in zip(frames, cuts, strict=True)}

    def _unpack(self, pack: int, frame: Frame, stored: bytes) -> bytes:
        key = self._key(pack, frame)
        data = decode_frame(frame, stored, f"A frame of pack {key[0][:12]}")
        self._frames.put(key, data)
        return data

    def _key(self, pack: int, frame: Frame) -> tuple[str, int]:
        return self._manifest.packs[pack].pack.sha256, frame.offset
