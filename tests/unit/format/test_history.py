"""The history: what is refused, built byte by byte."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from catsync_core.errors import ContentError, FormatError, IntegrityError, LimitError
from catsync_core.format.columns import Writer
from catsync_core.format.frames import compress
from catsync_core.format.head import PatchRef
from catsync_core.format.history import History, HistoryEntry, read_history, write_history
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS

ROOTS = [bytes([digit]) * 32 for digit in (0xAA, 0xBB, 0xCC)]
NAMES = [bytes([digit]) * 32 for digit in (0x11, 0x22, 0x33)]


@dataclass(frozen=True)
class Columns:
    """The columns of a history of versions 7, 6 and 4; each test spoils one."""

    magic: bytes = b"CSHS\x01"
    catalog: bytes = b"tools"
    count: int = 3
    versions: tuple[int, ...] = (7, 6, 4)
    roots: tuple[bytes, ...] = tuple(ROOTS)
    patches: tuple[int, ...] = (2, 1, 0)
    steps: tuple[int, ...] = (1, 2, 1)
    lengths: tuple[int, ...] = (300, 700, 20)
    headers: tuple[int, ...] = (100, 20, 20)
    names: tuple[bytes, ...] = tuple(NAMES)
    rest: bytes = b""

    def plain(self) -> bytes:
        out = Writer(self.magic)
        out.blob(self.catalog)
        out.number(self.count)
        out.deltas(self.versions)
        out.raw(b"".join(self.roots))
        for column in (self.patches, self.steps, self.lengths, self.headers):
            out.numbers(column)
        out.raw(b"".join(self.names) + self.rest)
        return out.finish()


def patch(base: int, root: int, number: int) -> PatchRef:
    columns = Columns()
    name = ObjectRef(NAMES[number].hex(), columns.lengths[number])
    return PatchRef(ROOTS[base].hex(), ROOTS[root].hex(), name, columns.headers[number])


HISTORY = History(
    "tools",
    (
        HistoryEntry(7, ROOTS[0].hex(), (patch(1, 0, 0), patch(2, 0, 1))),
        HistoryEntry(6, ROOTS[1].hex(), (patch(2, 1, 2),)),
        HistoryEntry(4, ROOTS[2].hex()),
    ),
)


def test_a_history_is_read_and_written() -> None:
    data = compress(Columns().plain(), 19)
    assert read_history(data) == HISTORY
    assert write_history(HISTORY) == data
    assert HISTORY.patches() == (patch(1, 0, 0), patch(2, 0, 1), patch(2, 1, 2))


def test_a_history_may_be_empty() -> None:
    empty = History("tools", ())
    assert read_history(write_history(empty)) == empty


@pytest.mark.parametrize(
    "change",
    [
        {"magic": b"CSHS\x02"},
        {"catalog": b"../tools"},
        {"catalog": b""},
        {"count": 4},
        {"count": 2},
        {"versions": (6, 7, 4)},
        {"versions": (7, 7, 4)},
        {"versions": (7, 6, 0)},
        {"versions": (7, 6, -4)},
        {"versions": (1 << 53, 6, 4)},
        {"roots": (ROOTS[0], ROOTS[1], ROOTS[0])},
        {"patches": (2, 1, 1)},
        {"patches": (2, 0, 1)},
        {"patches": (3, 1, 0)},
        {"patches": (LIMITS.history + 1, 1, 0)},
        {"patches": (LIMITS.history, 1, 0)},
        {"steps": (0, 2, 1)},
        {"steps": (1, 3, 1)},
        {"steps": (1, 2, 2)},
        {"headers": (0, 20, 20)},
        {"headers": (301, 20, 20)},
        {"headers": (LIMITS.manifest_length + 1, 20, 20), "lengths": (LIMITS.manifest_length + 1, 700, 20)},
        {"lengths": (LIMITS.pack_length + 1, 700, 20)},
        {"names": (NAMES[0], NAMES[1])},
        {"rest": b"\0"},
    ],
    ids=repr,
)
def test_what_cannot_be_is_refused(change: dict[str, object]) -> None:
    data = compress(replace(Columns(), **change).plain(), 3)  # type: ignore[arg-type]  # of any field
    with pytest.raises(FormatError, match="The history"):
        read_history(data)


@pytest.mark.parametrize("count", [LIMITS.history + 1, 1 << 40])
def test_more_versions_than_are_allowed_are_refused_at_once(count: int) -> None:
    with pytest.raises(FormatError, match="The history"):
        read_history(compress(replace(Columns(), count=count).plain(), 3))


def test_the_largest_history_that_is_allowed_is_read() -> None:
    roots = [number.to_bytes(32, "big") for number in range(LIMITS.history)]
    entries = [HistoryEntry(LIMITS.history - place, root.hex()) for place, root in enumerate(roots)]
    longest = ObjectRef("ab" * 32, LIMITS.pack_length)
    newest = tuple(PatchRef(entry.root, entries[0].root, longest, LIMITS.manifest_length) for entry in entries[1:])
    again = (PatchRef(entries[2].root, entries[1].root, longest, LIMITS.manifest_length),)
    entries[0] = HistoryEntry(entries[0].version, entries[0].root, newest)
    entries[1] = HistoryEntry(entries[1].version, entries[1].root, again)
    history = History("tools", tuple(entries))
    data = write_history(history)
    assert len(data) <= LIMITS.history_length
    assert read_history(data) == history


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", FormatError),
        (b"<html>Please log in</html>", FormatError),
        (compress(bytes(LIMITS.history_size + 1), 3), LimitError),
        (compress(Columns().plain(), 3)[:-1] + b"\0", IntegrityError),
    ],
)
def test_what_is_no_compressed_object_is_refused(data: bytes, error: type[ContentError]) -> None:
    with pytest.raises(error, match="The history"):
        read_history(data)
