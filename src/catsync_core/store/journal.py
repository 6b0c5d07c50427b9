"""Which files of a staging tree are complete and verified, so that a killed job goes on where it was.

An append-only text file: a header line that says which manifest is being built, then one line for each finished file.
It is written without flushing, and is therefore believed only within the same run of the operating system: then all
that was written is still there. After a restart the tree is built anew, from frames that are verified when used.
"""

from __future__ import annotations

import os
from typing import Self

import msgspec

from catsync_core.store._boot import read_boot_id
from catsync_core.store.beneath import Beneath
from catsync_core.store.durable import write_all

__all__ = ["Journal", "JournalEntry"]

_BUFFERED_LINES = 512
_BUFFERED_BYTES = 16 * 1024 * 1024  # of files; so much may have to be written again after a kill


class _Header(msgspec.Struct, frozen=True):
    manifest: str
    boot: str


class JournalEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A finished file.

    Attributes:
        path: In the tree.
        size: Bytes.
        mtime: Time of change that it was given, in seconds since 1970.
    """

    path: str
    size: int
    mtime: int


class Journal(msgspec.Struct):
    """The journal of one staging tree, open for appending. Not thread-safe."""

    _descriptor: int
    _lines: list[bytes]
    _weight: int = 0

    @staticmethod
    def read(beneath: Beneath, path: str, manifest: str) -> dict[str, JournalEntry] | None:
        """Return the finished files by path; None if there is no journal of this manifest that can be believed.

        Raises:
            OSError: it cannot be read.
        """
        try:
            header, *lines = beneath.read(path).split(b"\n")
        except FileNotFoundError:
            return None
        boot = read_boot_id()
        if boot is None or header != _encode(_Header(manifest, boot)):
            return None
        found = {}
        for line in lines:
            try:
                entry = msgspec.json.decode(line, type=JournalEntry)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue  # the torn line of a kill; the file counts as unfinished
            found[entry.path] = entry
        return found

    @classmethod
    def begin(cls, beneath: Beneath, path: str, manifest: str) -> Self:
        """Begin a journal.

        Raises:
            OSError: it exists, or cannot be written.
        """
        journal = cls(beneath.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL), [])
        journal._lines.append(_encode(_Header(manifest, read_boot_id() or "unknown")))
        try:
            journal.flush()
        except OSError:
            journal.close()
            raise
        return journal

    @classmethod
    def go_on(cls, beneath: Beneath, path: str) -> Self:
        """Go on with a journal that was read.

        Raises:
            OSError: it cannot be opened.
        """
        return cls(beneath.open(path, os.O_WRONLY | os.O_APPEND), [b""])  # ends a line that was torn

    def add(self, entry: JournalEntry) -> None:
        """Record a finished file; it reaches the journal together with others.

        Raises:
            OSError: it cannot be written.
        """
        self._lines.append(_encode(entry))
        self._weight += entry.size
        if len(self._lines) >= _BUFFERED_LINES or self._weight >= _BUFFERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what was recorded to the operating system.

        Raises:
            OSError: it cannot be written.
        """
        lines, self._lines, self._weight = self._lines, [], 0
        if lines:
            write_all(self._descriptor, b"\n".join((*lines, b"")))

    def close(self) -> None:
        """Close it; what was not flushed is lost, and done again."""
        os.close(self._descriptor)


def _encode(value: _Header | JournalEntry) -> bytes:
    return msgspec.json.encode(value)
