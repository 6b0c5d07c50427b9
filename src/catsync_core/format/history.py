"""The history: the patches between the last versions of a catalog, for devices to which no single one leads."""

from __future__ import annotations

from itertools import islice, pairwise

import msgspec

from catsync_core.format.columns import Reader, Writer
from catsync_core.format.frames import compress, decompress_bounded
from catsync_core.format.head import PatchRef
from catsync_core.format.index import is_catalog_id
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS

__all__ = ["History", "HistoryEntry", "read_history", "write_history"]

_MAGIC = b"CSHS\x01"
_LEVEL = 19
_SHA256 = 32
_VERSION_MOST = (1 << 53) - 1


class HistoryEntry(msgspec.Struct, frozen=True):
    """A version, as far as patches are concerned.

    Attributes:
        version: Number.
        root: SHA-256 of its plain manifest, 64 hexadecimal digits.
        patches: That lead to it from other versions of the history.
    """

    version: int
    root: str
    patches: tuple[PatchRef, ...] = ()


class History(msgspec.Struct, frozen=True):
    """What leads where.

    Attributes:
        catalog: Id.
        entries: The newest version first; those that patches begin from are among them.
    """

    catalog: str
    entries: tuple[HistoryEntry, ...]

    def patches(self) -> tuple[PatchRef, ...]:
        """Return all patches."""
        return tuple(patch for entry in self.entries for patch in entry.patches)


def write_history(history: History) -> bytes:
    """Return the canonical bytes of a history."""
    places = {entry.root: place for place, entry in enumerate(history.entries)}
    patches = history.patches()
    out = Writer(_MAGIC)
    out.blob(history.catalog.encode())
    out.number(len(history.entries))
    out.deltas(entry.version for entry in history.entries)
    out.raw(b"".join(bytes.fromhex(entry.root) for entry in history.entries))
    out.numbers(len(entry.patches) for entry in history.entries)
    out.numbers(places[patch.base] - places[patch.root] for patch in patches)
    out.numbers(patch.patch.length for patch in patches)
    out.numbers(patch.header for patch in patches)
    out.raw(b"".join(bytes.fromhex(patch.patch.sha256) for patch in patches))
    return compress(out.finish(), _LEVEL)


def read_history(data: bytes, what: str = "The history") -> History:
    """Parse a history and check all of it.

    Args:
        data: As it lies in the repository.
        what: What it is, for error messages.

    Raises:
        FormatError: (content) it is not one.
        LimitError: (content) it is larger than is allowed.
    """
    source = Reader(decompress_bounded(data, LIMITS.history_size, what), _MAGIC, what)
    catalog = source.blob(64).decode("ascii", "replace")
    if not is_catalog_id(catalog):
        raise source.error("does not name a catalog")
    versions = source.deltas(source.count(LIMITS.history, _SHA256), _VERSION_MOST)
    if any(older >= newer for newer, older in pairwise((*versions, 0))):
        raise source.error("does not have the newest version first")
    roots = [source.raw(_SHA256).hex() for _ in versions]
    counts = source.numbers(len(versions), LIMITS.history)
    total = sum(counts)
    if total > LIMITS.history or len(set(roots)) != len(roots):
        raise source.error("has versions that cannot be")
    targets = [place for place, count in enumerate(counts) for _ in range(count)]
    steps = source.numbers(total, LIMITS.history)
    lengths = source.numbers(total, LIMITS.pack_length)
    headers = source.numbers(total, LIMITS.manifest_length)
    names = [source.raw(_SHA256).hex() for _ in range(total)]
    source.finish()
    bases = [target + step for target, step in zip(targets, steps, strict=True)]
    if (
        0 in steps
        or any(base >= len(roots) for base in bases)
        or any(not 0 < header <= length for header, length in zip(headers, lengths, strict=True))
    ):
        raise source.error("has a patch that cannot be")
    patches = iter(
        [
            PatchRef(roots[base], roots[target], ObjectRef(name, length), header)
            for base, target, name, length, header in zip(bases, targets, names, lengths, headers, strict=True)
        ]
    )
    entries = (
        HistoryEntry(version, root, tuple(islice(patches, count)))
        for version, root, count in zip(versions, roots, counts, strict=True)
    )
    return History(catalog, tuple(entries))
