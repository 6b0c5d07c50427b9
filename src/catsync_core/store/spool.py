"""Frames that have arrived, kept until the version that needs them is committed; they survive a kill and a restart.

For each pack a sparse file holds the frames at their own offsets, and a journal beside it says which are there: fixed
records of offset, length and a CRC-32 of the two, appended after the data was written. A record whose length has its
highest bit set takes the frame back. Nothing is flushed to the medium: a power cut may lose frames or leave other
bytes in their place, and every frame is verified when it is used.

Thread-safe, and only what is said about frames is said under the lock: their bytes are written and read at once by
several threads. The files of the packs that were used last stay open, so that thousands of packs need few descriptors.
"""

from __future__ import annotations

import os
import re
import struct
import threading
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress

from catsync_core.errors import NotFoundError, UsageError
from catsync_core.store.beneath import Beneath
from catsync_core.store.durable import Bytes, read_at, write_all, write_at
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import SPOOL, CatalogStore

__all__ = ["Spool", "bytes_kept", "last_arrival"]

_PLACE = struct.Struct("<QQ")
_CHECK = struct.Struct("<I")
_RECORD = _PLACE.size + _CHECK.size
_GONE = 1 << 63
_OPEN = 8  # packs
_SHA256 = re.compile("[0-9a-f]{64}")

Frames = dict[int, int]
"""Lengths by offset."""


class Spool:
    """The frames of one catalog that have arrived, for one job: a commit removes them beneath this object.

    They are not sent on their way to the disk: most are used and removed before the system would do so by itself.

    Args:
        store: The catalog's place; its lock is held.
    """

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._packs: dict[str, Frames] = {}
        self._open: OrderedDict[str, tuple[_Descriptor, _Descriptor]] = OrderedDict()  # of frames, and of the journal
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
            part, journal = self._files(beneath, pack_sha256)
        with Attempt("write", f"{SPOOL}/{pack_sha256}", len(data)):
            write_at(part.number, data, offset)
        with self._working("write", pack_sha256):
            _append(journal, offset, len(data))
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
            part, _ = self._files(beneath, pack_sha256)
        with Attempt("read", f"{SPOOL}/{pack_sha256}"):
            data = read_at(part.number, offset, length)
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
                _append(self._files(beneath, pack_sha256)[1], offset, length | _GONE)

    def close(self) -> None:
        """Close the files of all packs, so that others can remove them; they are opened again when they are needed."""
        with self._lock:
            self._open.clear()

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
                self._open.pop(pack, None)
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

    def _files(self, beneath: Beneath, pack: str) -> tuple[_Descriptor, _Descriptor]:
        files = self._open.get(pack)
        if files is None:
            part = _Descriptor(beneath.open(_part(pack), os.O_RDWR | os.O_CREAT))
            journal = _Descriptor(beneath.open(_done(pack), os.O_WRONLY | os.O_APPEND | os.O_CREAT))
            files = self._open[pack] = (part, journal)
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(pack)
        return files

    @contextmanager
    def _working(self, action: str, what: str, size: int = 0) -> Iterator[Beneath]:
        with self._lock, Attempt(action, f"{SPOOL}/{what}", size):
            if self._beneath is None:
                self._beneath = self._store.beneath()
                weakref.finalize(self, self._beneath.close)
            yield self._beneath


def bytes_kept(store: CatalogStore) -> int:
    """Return the bytes of all frames that are kept of a catalog. Changes nothing, and needs no lock.

    Raises:
        LocalError: (local) a journal cannot be read.
    """
    with _looking(store) as beneath:
        return sum(sum(_read(beneath, pack)[0].values()) for pack in _kept_packs(beneath)) if beneath else 0
    return 0


def last_arrival(store: CatalogStore) -> float:
    """Return when the last frame of a catalog arrived, seconds since 1970; 0 when none is kept. As :func:`bytes_kept`.

    Raises:
        LocalError: (local) the files cannot be looked at.
    """
    with _looking(store) as beneath:
        return max((status.st_mtime for _, status in beneath.list(SPOOL)), default=0.0) if beneath else 0.0
    return 0.0


@contextmanager
def _looking(store: CatalogStore) -> Iterator[Beneath | None]:
    """Open a catalog's folder to look at its spool; what another process removes meanwhile is not there."""
    folder = store.find()
    if folder is None:
        yield None
        return
    with folder, Attempt("read", SPOOL), suppress(FileNotFoundError):
        yield folder


class _Descriptor:
    """An open file, closed with its last user: it may still be read when others have taken its place."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)


def _load(beneath: Beneath, pack: str) -> Frames:
    frames, good, length = _read(beneath, pack)
    if good != length:  # torn by a kill; cut off, so that what is appended next stands in line
        journal = _Descriptor(beneath.open(_done(pack), os.O_WRONLY))
        os.ftruncate(journal.number, good)
    return frames


def _read(beneath: Beneath, pack: str) -> tuple[Frames, int, int]:
    """Return what a journal tells, how many of its bytes are whole records, and its length."""
    frames: Frames = {}
    try:
        journal = beneath.read(_done(pack))
    except FileNotFoundError:
        return frames, 0, 0
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
    return frames, good, len(journal)


def _append(journal: _Descriptor, offset: int, length: int) -> None:
    place = _PLACE.pack(offset, length)
    write_all(journal.number, place + _CHECK.pack(zlib.crc32(place)))


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
