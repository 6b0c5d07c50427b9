"""The history: what is refused, built byte by byte."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from catsync_core.errors import ContentError, FormatError, IntegrityError, LimitError
from catsync_core.format.columns import Writer
from catsync_core.format.frames import compress
from catsync_core.format.head import PatchRef
from catsync_core.format.history import History, Step, find_path, mark, read_history, write_history
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS

MARKS = [bytes([digit]) * 8 for digit in (0xAA, 0xBB, 0xCC)]
NAMES = [bytes([digit]) * 32 for digit in (0x11, 0x22, 0x33)]
REF = ObjectRef("0f" * 32, 321)
PATCHES = (
    PatchRef("dd" * 32, "ff" * 32, REF, 9),
    PatchRef("ee" * 32, "ff" * 32, REF, 9),
    PatchRef("", "ff" * 32, REF, 9),
)
"""Of the head: from two versions, and from nothing."""


@dataclass(frozen=True)
class Columns:
    """The columns of a history of three versions; each test spoils one."""

    magic: bytes = b"CSHS\x01"
    catalog: bytes = b"tools"
    count: int = 3
    bases: tuple[bytes, ...] = tuple(MARKS)
    onward: tuple[int, ...] = (1, 0, 3)
    lengths: tuple[int, ...] = (300, 700, 20)
    headers: tuple[int, ...] = (100, 20, 20)
    names: tuple[bytes, ...] = tuple(NAMES)
    rest: bytes = b""

    def plain(self) -> bytes:
        out = Writer(self.magic)
        out.blob(self.catalog)
        out.number(self.count)
        out.raw(b"".join(self.bases))
        for column in (self.onward, self.lengths, self.headers):
            out.numbers(column)
        out.raw(b"".join(self.names) + self.rest)
        return out.finish()


HISTORY = History(
    "tools",
    (
        Step("aa" * 8, 1, ObjectRef("11" * 32, 300), 100),
        Step("bb" * 8, 0, ObjectRef("22" * 32, 700), 20),
        Step("cc" * 8, 3, ObjectRef("33" * 32, 20), 20),
    ),
)


def test_a_history_is_read_and_written() -> None:
    data = compress(Columns().plain(), 19)
    assert read_history(data, PATCHES) == HISTORY
    assert write_history(HISTORY) == data


def test_a_history_may_be_empty() -> None:
    empty = History("tools", ())
    assert read_history(write_history(empty), ()) == empty


def test_patches_lead_on_from_the_versions_that_it_names() -> None:
    first, second, third = HISTORY.steps
    assert find_path(HISTORY, PATCHES, "aa" * 32) == (first, PATCHES[1])
    assert find_path(HISTORY, PATCHES, "bb" * 8 + "00" * 24) == (second, PATCHES[0])
    assert find_path(HISTORY, PATCHES, "cc" * 32) == (third, first, PATCHES[1])
    assert find_path(HISTORY, PATCHES, "dd" * 32) == ()


def test_a_version_is_known_by_the_first_bytes_of_its_root() -> None:
    assert mark("0123456789abcdef" * 4) == "0123456789abcdef"


@pytest.mark.parametrize(
    "change",
    [
        {"magic": b"CSHS\x02"},
        {"catalog": b"../tools"},
        {"catalog": b""},
        {"count": 4},
        {"count": 2},
        {"bases": (MARKS[0], MARKS[1], MARKS[0])},
        {"onward": (3, 0, 3)},
        {"onward": (4, 0, 3)},
        {"onward": (1, 4, 3)},
        {"onward": (1, 0, 5)},
        {"onward": (1, 0, 2)},
        {"onward": (1, 0, LIMITS.patches + LIMITS.history + 1)},
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
        read_history(data, PATCHES)


def test_a_history_of_another_head_is_refused() -> None:
    with pytest.raises(FormatError, match="leads nowhere"):
        read_history(write_history(HISTORY), PATCHES[:1])


@pytest.mark.parametrize("count", [LIMITS.history + 1, 1 << 40])
def test_more_versions_than_are_allowed_are_refused_at_once(count: int) -> None:
    with pytest.raises(FormatError, match="The history"):
        read_history(compress(replace(Columns(), count=count).plain(), 3), PATCHES)


def test_the_largest_history_that_is_allowed_is_read() -> None:
    longest = ObjectRef("ab" * 32, LIMITS.pack_length)
    patches = (PATCHES[0],) * LIMITS.patches
    history = History(
        "tools",
        tuple(
            Step(f"{number:016x}", LIMITS.patches + number - 1, longest, LIMITS.manifest_length)
            for number in range(LIMITS.history)
        ),
    )
    data = write_history(history)
    assert len(data) <= LIMITS.history_length
    assert read_history(data, patches) == history
    assert len(find_path(history, patches, history.steps[-1].base)) == LIMITS.history + 1


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
        read_history(data, PATCHES)
