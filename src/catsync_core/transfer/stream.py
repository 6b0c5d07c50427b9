"""A content of a repository as a file: seekable, read by ranges, verified frame by frame, nothing on disk.

Whoever reads on gets more and more fetched ahead; whoever jumps, only what was asked for. So the header of a film costs
a few frames, and the film itself few requests.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from catsync_core.format.manifest import Content
from catsync_core.transfer.reader import ContentReader

__all__ = ["ContentStream"]

_FIRST = 256 << 10  # bytes that are fetched ahead at first
_MOST = 2 << 20
_PIECE = 4 << 20


class ContentStream(io.RawIOBase):
    """A content as a raw binary file.

    Thread model: one thread at a time; the reader may be shared.

    Args:
        reader: Fetches and verifies.
        content: Which content.
    """

    def __init__(self, reader: ContentReader, content: Content) -> None:
        super().__init__()
        self._reader = reader
        self._content = content
        self._position = 0
        self._end = -1  # of the last read: one that begins there goes on
        self._known = 0  # up to where what goes on was fetched
        self._ahead = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return where the next read begins, bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go somewhere; nothing is fetched for that.

        Raises:
            ValueError: that is before the beginning, or no ``whence``.
        """
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._content.size}
        if whence not in origins:
            raise ValueError(f"invalid whence: {whence}")
        position = origins[whence] + offset
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed names a type of its own
        """Fill a buffer, and less of it only at the end; returns the bytes.

        Raises:
            RemoteError: (remote) it cannot be fetched.
            IntegrityError: (content) it is damaged; nothing that is wrong is given out.
        """
        view = memoryview(buffer).cast("B")
        length = max(min(len(view), self._content.size - self._position), 0)
        done = 0
        for piece in self._reader.read_range(
            self._content, self._position, length, ahead=self._look_ahead(self._position, length)
        ):
            view[done : done + len(piece)] = piece
            done += len(piece)
        self._position += done
        self._end = self._position
        return done

    def read_range(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield a range in pieces that grow, each fetched when it is asked for, and nothing behind the range.

        Raises:
            RemoteError: (remote) it cannot be fetched.
            IntegrityError: (content) it is damaged; nothing that is wrong is given out.
        """
        stop = min(stop, self._content.size)
        length = _FIRST
        while start < stop:
            length = min(length, stop - start)
            yield b"".join(self._reader.read_range(self._content, start, length))
            start += length
            length = min(2 * length, _PIECE)

    def _look_ahead(self, start: int, length: int) -> int:
        """Return how many bytes to fetch ahead of a read: more each time that one goes on beyond what was fetched."""
        if start != self._end:
            self._ahead, self._known = 0, start + length
        elif start + length > self._known:
            self._ahead = min(max(2 * self._ahead, _FIRST), _MOST)
            self._known = start + length + self._ahead
        return self._ahead
