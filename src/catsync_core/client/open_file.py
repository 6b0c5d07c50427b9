"""An open file of a catalog: a binary file like any other, wherever its bytes are."""

from __future__ import annotations

import io
from collections.abc import Iterator

from catsync_core.transfer.stream import ContentStream

__all__ = ["OnlineFile", "OpenFile"]

_BUFFER = 64 << 10
_PIECE = 256 << 10


class OpenFile(io.BufferedReader):
    """A file of one version of a catalog, opened for reading; get it from :meth:`Catalog.open`.

    It is an :class:`io.BufferedReader`, so whatever reads binary files reads it. It stays what it was when it was
    opened: neither an update nor going online changes it.

    Thread model: one thread at a time; open it once for each thread.

    Args:
        raw: Its bytes.
        path: In the catalog.
        version: Of the catalog.
        size: Bytes.
        sha256: Of its content, 64 hexadecimal digits.
    """

    def __init__(self, raw: io.RawIOBase, *, path: str, version: int, size: int, sha256: str) -> None:
        super().__init__(raw, _BUFFER)
        self.path = path
        self.version = version
        self.size = size
        self.sha256 = sha256

    def read_range(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of a range in pieces; nothing behind it is fetched.

        Where the file stands afterwards is not said.

        Args:
            start: First byte.
            stop: End of the range, exclusive.

        Raises:
            RemoteError: (remote) they cannot be fetched.
            IntegrityError: (content) they are damaged; none that is wrong is given out.
        """
        self.seek(start)
        while start < stop and (piece := self.read(min(_PIECE, stop - start))):
            start += len(piece)
            yield piece


class OnlineFile(OpenFile):
    """A file whose bytes are fetched when they are read."""

    raw: ContentStream

    def read_range(self, start: int, stop: int) -> Iterator[bytes]:
        """See :meth:`OpenFile.read_range`."""
        return self.raw.read_range(start, stop)
