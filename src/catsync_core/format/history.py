"""The history: from which older versions patches lead on, for devices to which no patch of the head fits.

For each of these versions it names one patch: the first on the cheapest way to the newest version, as the publisher
found it. It leads to a version from which a patch of the head leads on, or for which the history names the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catsync_core.format.columns import Reader, Writer
from catsync_core.format.frames import compress, decompress_bounded
from catsync_core.format.head import PatchRef
from catsync_core.format.index import is_catalog_id
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS

__all__ = ["History", "Step", "find_path", "mark", "read_history", "write_history"]

_MAGIC = b"CSHS\x01"
_LEVEL = 19
_SHA256 = 32
_MARK = 8  # bytes


class Step(msgspec.Struct, frozen=True):
    """A patch that leads on from an older version.

    Attributes:
        base: The mark of the version that it builds on.
        onward: What it leads to: the version that the n-th patch of the head builds on, or beyond those the one that
            the n-th step builds on.
        patch: The object.
        header: Bytes of its header, which it begins with.
    """

    base: str
    onward: int
    patch: ObjectRef
    header: int


class History(msgspec.Struct, frozen=True):
    """Where patches lead on from.

    Attributes:
        catalog: Id.
        steps: One for each version; each leads to the version of an earlier one, or to one that the head knows.
    """

    catalog: str
    steps: tuple[Step, ...]


def mark(root: str) -> str:
    """Return what a history knows a version by: the first 8 bytes of its root, as 16 hexadecimal digits.

    A hint is enough: what several patches lead to together must have the root that the head names.
    """
    return root[: 2 * _MARK]


def find_path(history: History, patches: Sequence[PatchRef], root: str) -> tuple[Step | PatchRef, ...]:
    """Return the patches that lead from a version to the newest one; none where the history does not know the version.

    Args:
        history: That the newest version's head names.
        patches: Of that head.
        root: Of the version to begin with.
    """
    at = next((number for number, step in enumerate(history.steps) if step.base == mark(root)), None)
    path: list[Step | PatchRef] = []
    while at is not None:
        step = history.steps[at]
        path.append(step)
        at = step.onward - len(patches)
        if at < 0:
            return (*path, patches[step.onward])
    return ()


def write_history(history: History) -> bytes:
    """Return the canonical bytes of a history."""
    out = Writer(_MAGIC)
    out.blob(history.catalog.encode())
    out.number(len(history.steps))
    out.raw(b"".join(bytes.fromhex(step.base) for step in history.steps))
    out.numbers(step.onward for step in history.steps)
    out.numbers(step.patch.length for step in history.steps)
    out.numbers(step.header for step in history.steps)
    out.raw(b"".join(bytes.fromhex(step.patch.sha256) for step in history.steps))
    return compress(out.finish(), _LEVEL)


def read_history(data: bytes, patches: Sequence[PatchRef], what: str = "The history") -> History:
    """Parse a history and check all of it.

    Args:
        data: As it lies in the repository.
        patches: Of the head that names it.
        what: What it is, for error messages.

    Raises:
        FormatError: (content) it is not one, or does not fit the head.
        LimitError: (content) it is larger than is allowed.
    """
    source = Reader(decompress_bounded(data, LIMITS.history_size, what), _MAGIC, what)
    catalog = source.blob(64).decode("ascii", "replace")
    if not is_catalog_id(catalog):
        raise source.error("does not name a catalog")
    count = source.count(LIMITS.history, _MARK)
    bases = [source.raw(_MARK).hex() for _ in range(count)]
    onward = source.numbers(count, LIMITS.patches + LIMITS.history)
    lengths = source.numbers(count, LIMITS.pack_length)
    headers = source.numbers(count, LIMITS.manifest_length)
    names = [source.raw(_SHA256).hex() for _ in range(count)]
    source.finish()
    if len(set(bases)) != count:
        raise source.error("names a version twice")
    if any(number >= len(patches) + place for place, number in enumerate(onward)) or any(
        not patch.base and place in onward for place, patch in enumerate(patches)
    ):
        raise source.error("has a patch that leads nowhere")
    if any(not 0 < header <= length for header, length in zip(headers, lengths, strict=True)):
        raise source.error("has a patch that cannot be")
    steps = (
        Step(base, number, ObjectRef(name, length), header)
        for base, number, name, length, header in zip(bases, onward, names, lengths, headers, strict=True)
    )
    return History(catalog, tuple(steps))
