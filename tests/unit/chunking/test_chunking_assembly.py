from __future__ import annotations

import io
from random import Random
from typing import TYPE_CHECKING

import pytest

from catsync_core.chunking import BasisError, ChunkingError, Copy, Delta, assemble
from catsync_core.chunking.assembly import PIECE

if TYPE_CHECKING:
    from pathlib import Path

DELTA = Delta(10, (Copy(0, 0, 2, 3), Copy(5, 1, 0, 4)), ((3, 2), (9, 1)))
BASES = (b"..012", b"5678")


def give(offset: int, length: int) -> bytes:
    return b"0123456789"[offset : offset + length]


def test_writes_copies_and_missing_ranges_in_order(tmp_path: Path) -> None:
    path = tmp_path / "basis"
    path.write_bytes(BASES[1])
    for bases in (BASES, (BASES[0], path), (io.BytesIO(BASES[0]), str(path))):
        output = io.BytesIO()
        assemble(DELTA, bases, give, output)
        assert output.getvalue() == b"0123456789"


def test_bases_that_are_not_copied_from_are_not_opened(tmp_path: Path) -> None:
    output = io.BytesIO()
    assemble(Delta(2, (Copy(0, 1, 0, 2),), ()), (tmp_path / "nowhere", b"ab"), give, output)
    assert output.getvalue() == b"ab"


def test_large_ranges_are_cut() -> None:
    data = Random(1).randbytes(PIECE * 2 + 5)
    asked: list[tuple[int, int]] = []

    def give_and_note(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return data[offset : offset + length]

    output = io.BytesIO()
    assemble(Delta(len(data), (), ((0, len(data)),)), (), give_and_note, output)
    assert output.getvalue() == data
    assert asked == [(0, PIECE), (PIECE, PIECE), (2 * PIECE, 5)]


def test_a_shortened_basis_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "basis"
    path.write_bytes(b"567")
    for basis in (path, b"567"):
        with pytest.raises(BasisError):
            assemble(DELTA, (BASES[0], basis), give, io.BytesIO())


def test_a_basis_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ChunkingError, match="basis 1"):
        assemble(DELTA, BASES[:1], give, io.BytesIO())


def test_missing_bytes_of_another_length_are_an_error() -> None:
    with pytest.raises(ChunkingError, match="asked for"):
        assemble(DELTA, BASES, lambda _offset, _length: b"", io.BytesIO())


@pytest.mark.parametrize(
    ("copies", "missing"),
    [
        ((), ()),
        ((Copy(0, 0, 0, 3),), ()),
        ((Copy(0, 0, 0, 3),), ((2, 2),)),
        ((Copy(0, 0, 0, 3), Copy(3, 0, 0, 2)), ()),
        ((Copy(2, 0, 0, 2), Copy(0, 0, 0, 2)), ()),
        ((Copy(0, 0, 0, 0),), ((0, 4),)),
        ((Copy(0, 0, -1, 4),), ()),
        ((Copy(0, -1, 0, 4),), ()),
    ],
)
def test_deltas_that_do_not_cover_the_target_once_are_refused(
    copies: tuple[Copy, ...], missing: tuple[tuple[int, int], ...]
) -> None:
    with pytest.raises(ChunkingError):
        Delta(4, copies, missing)
