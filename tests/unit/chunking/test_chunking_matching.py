from __future__ import annotations

import io
from random import Random
from typing import TYPE_CHECKING

import pytest

from catsync_core.chunking import BasisError, ChunkingError, Copy, Delta, match, signature

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = Random(2)
A, B, C, D = (RANDOM.randbytes(1000) for _ in range(4))
TAIL = RANDOM.randbytes(300)
SIZE = 1000


def find(target: bytes, *bases: bytes) -> Delta:
    return match(signature(target, SIZE), bases)


def test_identical_files_are_one_copy() -> None:
    assert find(A + B + C + TAIL, A + B + C + TAIL) == Delta(3300, (Copy(0, 0, 0, 3300),), ())


def test_repeated_blocks_of_identical_files_are_one_copy_too() -> None:
    target = bytes(100 * SIZE) + A + bytes(100 * SIZE) + TAIL
    assert find(target, target).copies == (Copy(0, 0, 0, len(target)),)


def test_blocks_are_found_at_any_offset() -> None:
    delta = find(A + B + C, b"12345" + B + b"6" + A)
    assert delta == Delta(3000, (Copy(0, 0, 1006, 1000), Copy(1000, 0, 5, 1000)), ((2000, 1000),))


def test_a_block_found_once_serves_all_its_repetitions() -> None:
    delta = find(A + B + A + C + A, C + A)
    assert delta.missing == ((1000, 1000),)
    assert [copy.offset for copy in delta.copies] == [1000, 1000, 0]
    assert delta.copies[1:] == (Copy(2000, 0, 1000, 1000), Copy(3000, 0, 0, 2000))


def test_later_bases_are_searched_for_the_rest_only() -> None:
    delta = find(A + B + C, B + D, D + A + B)
    assert delta == Delta(3000, (Copy(0, 1, 1000, 1000), Copy(1000, 0, 0, 1000)), ((2000, 1000),))


def test_bases_behind_the_last_find_are_not_opened(tmp_path: Path) -> None:
    assert match(signature(A + B, SIZE), [B, A, tmp_path / "nowhere"]).missing == ()


@pytest.mark.parametrize("basis", [A + TAIL, A + TAIL + D, D + TAIL, TAIL, D[:1] + A + TAIL + D])
def test_the_tail_is_found_behind_its_predecessor_and_at_the_end(basis: bytes) -> None:
    delta = find(A + TAIL, basis)
    (copy,) = [copy for copy in delta.copies if copy.target + copy.length == 1300]
    assert basis[copy.offset + copy.length - 300 : copy.offset + copy.length] == TAIL


@pytest.mark.parametrize("basis", [TAIL, TAIL + A, A + TAIL])
def test_a_file_smaller_than_a_block_is_found_at_the_start_and_at_the_end(basis: bytes) -> None:
    assert find(TAIL, basis).missing == ()


def test_a_tail_in_the_middle_of_nowhere_is_missing() -> None:
    assert find(A + TAIL, D + TAIL + D).missing == ((0, 1300),)


def test_an_empty_target_needs_nothing() -> None:
    assert find(b"", A) == Delta(0, (), ())


@pytest.mark.parametrize("bases", [(), (b"",), (b"", A[:-1])])
def test_nothing_is_found_in_nothing(bases: tuple[bytes, ...]) -> None:
    assert find(A + TAIL, *bases) == Delta(1300, (), ((0, 1300),))


def test_all_sorts_of_bases_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "basis"
    path.write_bytes(D + B + TAIL)
    expected = match(signature(A + B + TAIL, SIZE), [D + B + TAIL])
    assert expected.missing == ((0, 1000),)
    with path.open("rb") as file:
        for basis in (path, str(path), file, bytearray(path.read_bytes()), memoryview(path.read_bytes())):
            assert match(signature(A + B + TAIL, SIZE), [basis]) == expected


def test_no_match_is_lost_at_the_edge_of_a_window() -> None:
    target = RANDOM.randbytes(64 * 50 + 20)
    for shift in range(0, 300, 7):
        basis = RANDOM.randbytes(shift) + target
        delta = match(signature(target, 64), [basis], window=1)
        assert delta == Delta(len(target), (Copy(0, 0, shift, len(target)),), ())


def test_a_basis_that_is_shortened_meanwhile_is_an_error() -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.truncate(SIZE)
            return data

    with pytest.raises(BasisError, match="shortened"):
        match(signature(A + B, SIZE), [Shrinking(D * 20)], window=1)


def test_a_window_must_be_positive() -> None:
    with pytest.raises(ChunkingError, match="window"):
        match(signature(A, SIZE), [A], window=0)
