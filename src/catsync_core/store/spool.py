"""Frames that have arrived, kept until the version that needs them is committed; they survive a kill and a restart.

For each pack a sparse file holds the frames at their own offsets, and a journal beside it says which are there: fixed
records of offset, length and a CRC-32 of the two, appended after the data was written. A record whose length has its
highest bit set takes the frame back. Nothing is flushed to the medium: a power cut may lose frames or leave other
bytes in their place, and every frame is verified when it is used.

Thread-safe. A pack's files are opened for each operation, so that thousands of packs need no descriptors.
"""

from __future__ import annotations

import os
import re
import struct
import threading
import weakref
import zlib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

from catsync_core.errors import NotFoundError, UsageError
from catsync_core.store.beneath import Beneath
from catsync_core.store.durable import Bytes, start_writing, write_all
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import SPOOL, CatalogStore

__all__ = ["Spool"]

_PLACE = struct.Struct("<QQ")
_CHECK = struct.Struct("<I")
_RECORD = _PLACE.size + _CHECK.size
_GONE = 1 << 63
_LARGE = 64 * 1024  # bytes: the commit flushes frames as well, so large ones are on their way before
_SHA256 = re.compile("[0-9a-f]{64}")

Frames = dict[int, int]
"""Lengths by offset."""


class Spool:
    """The frames of one catalog that have arrived, for one job: a commit removes them beneath this object.

    Args:
        store: The catalog's place; its lock is held.
    """

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._packs: dict[str, Frames] = {}
        self._beneath: Beneath | None = None

    def add(self, pack_sha256: str, offset: int, data: Bytes) -> None:
        """Keep a frame.

        Args:
            pack_sha256: Which pack, 64 hexadecimal digits.
            offset: Where the frame lies in the pack.
            data: The frame as it travelled.

        Raises:
            DiskFullError: (local) no space is left; what was kept before stays.
            LocalError: (local) it cannot be written.
        """
        with self._working("write", pack_sha256, len(data)) as beneath:
            frames = self._frames(beneath, pack_sha256)
            with _opened(beneath, _part(pack_sha256), os.O_WRONLY | os.O_CREAT) as descriptor:
                os.lseek(descriptor, offset, os.SEEK_SET)
                write_all(descriptor, data)
                if len(data) >= _LARGE:
                    start_writing(descriptor)
            _append(beneath, pack_sha256, offset, len(data))
            frames[offset] = len(data)

    def has(self, pack_sha256: str, offset: int, length: int) -> bool:
        """Whether exactly this frame was kept.

        Raises:
            LocalError: (local) the journal cannot be read.
        """
        known = self._packs.get(pack_sha256)
        if known is None:
            with self._working("read", pack_sha256) as beneath:
                known = self._frames(beneath, pack_sha256)
        return known.get(offset) == length

    def read(self, pack_sha256: str, offset: int, length: int) -> bytes:
        """Return a frame; the caller verifies it and calls :meth:`forget` when it is damaged.

        Raises:
            NotFoundError: (local) it is not kept, or the file is shorter than it was.
            LocalError: (local) it cannot be read.
        """
        with self._working("read", pack_sha256) as beneath:
            if self._frames(beneath, pack_sha256).get(offset) != length:
                raise _missing(pack_sha256, offset, length)
            with _opened(beneath, _part(pack_sha256), os.O_RDONLY) as descriptor:
                os.lseek(descriptor, offset, os.SEEK_SET)
                data = os.read(descriptor, length)
                while len(data) < length and (more := os.read(descriptor, length - len(data))):
                    data += more
        if len(data) != length:
            raise _missing(pack_sha256, offset, length)
        return data

    def forget(self, pack_sha256: str, offset: int, length: int) -> None:
        """Take a frame back, because it turned out to be damaged.

        Raises:
            DiskFullError: (local) no space is left.
            LocalError: (local) the journal cannot be written.
        """
        with self._working("write", pack_sha256) as beneath:
            frames = self._frames(beneath, pack_sha256)
            if frames.get(offset) == length:
                del frames[offset]
                _append(beneath, pack_sha256, offset, length | _GONE)

    def bytes_kept(self) -> int:
        """Return the bytes of all frames that are kept.

        Raises:
            LocalError: (local) a journal cannot be read.
        """
        with self._working("read", SPOOL) as beneath:
            return sum(sum(self._frames(beneath, pack).values()) for pack in _kept_packs(beneath))

    def clear(self) -> None:
        """Remove all frames.

        Raises:
            LocalError: (local) a file cannot be removed.
        """
        self.trim(frozenset())

    def trim(self, keep: AbstractSet[str]) -> None:
        """Remove the frames of all packs but these.

        Raises:
            LocalError: (local) a file cannot be removed.
        """
        with self._working("remove", SPOOL) as beneath:
            for pack in _kept_packs(beneath) - keep:
                self._packs.pop(pack, None)
                # The journal first: it must never name frames that are not there.
                beneath.discard(_done(pack))
                beneath.discard(_part(pack))

    def _frames(self, beneath: Beneath, pack: str) -> Frames:
        known = self._packs.get(pack)
        if known is None:
            if not _SHA256.fullmatch(pack):
                raise UsageError(f"{pack[:80]!r} is not a SHA-256")
            known = self._packs[pack] = _load(beneath, pack)
        return known

    @contextmanager
    def _working(self, action: str, what: str, size: int = 0) -> Iterator[Beneath]:
        with self._lock, Attempt(action, f"{SPOOL}/{what}", size):
            if self._beneath is None:
                self._beneath = self._store.beneath()
                weakref.finalize(self, self._beneath.close)
            yield self._beneath


def _load(beneath: Beneath, pack: str) -> Frames:
    try:
        journal = beneath.read(_done(pack))
    except FileNotFoundError:
        return {}
    frames: Frames = {}
    good = 0
    for at in range(0, len(journal) - _RECORD + 1, _RECORD):
        record = journal[at : at + _RECORD]
        if _CHECK.unpack_from(record, _PLACE.size)[0] != zlib.crc32(record[: _PLACE.size]):
            break
        offset, length = _PLACE.unpack_from(record)
        if length & _GONE:
            frames.pop(offset, None)
        else:
            frames[offset] = length
        good = at + _RECORD
    if good != len(journal):  # torn by a kill; cut off, so that what is appended next stands in line
        with _opened(beneath, _done(pack), os.O_WRONLY) as descriptor:
            os.ftruncate(descriptor, good)
    return frames


def _append(beneath: Beneath, pack: str, offset: int, length: int) -> None:
    place = _PLACE.pack(offset, length)
    with _opened(beneath, _done(pack), os.O_WRONLY | os.O_APPEND | os.O_CREAT) as descriptor:
        write_all(descriptor, place + _CHECK.pack(zlib.crc32(place)))


@contextmanager
def _opened(beneath: Beneath, path: str, flags: int) -> Iterator[int]:
    descriptor = beneath.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _kept_packs(beneath: Beneath) -> set[str]:
    names = (name.removesuffix(".part").removesuffix(".done") for name, _ in beneath.list(SPOOL))
    return {name for name in names if _SHA256.fullmatch(name)}


def _part(pack: str) -> str:
    return f"{SPOOL}/{pack}.part"


def _done(pack: str) -> str:
    return f"{SPOOL}/{pack}.done"


def _missing(pack: str, offset: int, length: int) -> NotFoundError:
    return NotFoundError(
        f"The frame of {length:,} bytes at {offset:,} of pack {pack[:12]} is not kept", hint="It is fetched again"
    )
