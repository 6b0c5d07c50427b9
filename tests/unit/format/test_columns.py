"""Varints and columns: one encoding for every value, and nothing is allocated for what is not there."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from catsync_core.errors import FormatError
from catsync_core.format.columns import Reader, Writer

MOST = (1 << 63) - 1


def open_bytes(data: bytes) -> Reader:
    return Reader(b"M" + data, b"M", "The thing")


def encode(*writes: Callable[[Writer], None]) -> bytes:
    out = Writer(b"")
    for write in writes:
        write(out)
    return out.finish()


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (16_383, "ff7f"),
        (16_384, "808001"),
        (MOST, "ffffffffffffffff7f"),
    ],
)
def test_a_number_has_its_one_encoding(value: int, data: str) -> None:
    assert encode(lambda out: out.number(value)).hex() == data
    source = open_bytes(bytes.fromhex(data))
    assert source.number(MOST) == value
    source.finish()


@pytest.mark.parametrize("data", ["8000", "ff00", "808000", "80808080808080808000", "818000"])
def test_a_number_that_is_not_in_its_shortest_form_is_refused(data: str) -> None:
    with pytest.raises(FormatError, match=r"shortest form|too long"):
        open_bytes(bytes.fromhex(data)).number(MOST)
    with pytest.raises(FormatError, match=r"shortest form|too long"):
        open_bytes(bytes.fromhex(data)).numbers(1, MOST)


@pytest.mark.parametrize("data", ["ff" * 8 + "ff01", "80" * 9 + "01", "ff" * 1000, "80" * 100_000])
def test_a_number_of_more_than_63_bits_is_refused(data: str) -> None:
    with pytest.raises(FormatError, match="too long"):
        open_bytes(bytes.fromhex(data)).number(MOST)


@pytest.mark.parametrize("data", ["", "80", "ffff", "ff" * 8])
def test_a_number_that_is_cut_off_is_refused(data: str) -> None:
    with pytest.raises(FormatError, match="ends too early"):
        open_bytes(bytes.fromhex(data)).number(MOST)


def test_a_number_beyond_what_is_allowed_is_refused() -> None:
    assert open_bytes(b"\x05").number(5) == 5
    with pytest.raises(FormatError, match="holds the number 5 where at most 4 is allowed"):
        open_bytes(b"\x05").number(4)
    with pytest.raises(FormatError, match="holds the number 5 where at most 4 is allowed"):
        open_bytes(b"\x05").numbers(1, 4)


def test_what_does_not_begin_as_it_should_is_refused() -> None:
    for data in (b"", b"X", b"\x00M"):
        with pytest.raises(FormatError, match="does not begin as one"):
            Reader(data, b"M", "The thing")


def test_bytes_are_read_by_a_known_or_a_given_length() -> None:
    source = open_bytes(encode(lambda out: out.blob(b"ab"), lambda out: out.raw(b"cd")))
    assert (source.blob(2), source.raw(2), source.raw(0)) == (b"ab", b"cd", b"")
    source.finish()


def test_bytes_that_are_not_there_are_refused() -> None:
    with pytest.raises(FormatError, match="ends too early"):
        open_bytes(b"abc").raw(4)
    with pytest.raises(FormatError, match="ends too early"):
        open_bytes(b"\x03ab").blob(10)
    with pytest.raises(FormatError, match="at most 2"):
        open_bytes(b"\x03abc").blob(2)


def test_trailing_bytes_are_refused() -> None:
    source = open_bytes(b"\x01\x02")
    source.number(MOST)
    with pytest.raises(FormatError, match="1 bytes too many"):
        source.finish()


def test_columns_are_read_as_they_were_written() -> None:
    unsigned = [0, 1, 127, 128, 300, MOST, 5]
    signed = [0, -1, 5, 5, -1000, 1 << 40, -(1 << 40)]
    source = open_bytes(encode(lambda out: out.numbers(unsigned), lambda out: out.deltas(signed)))
    assert source.numbers(len(unsigned), MOST) == unsigned
    assert source.deltas(len(signed), 1 << 40) == signed
    assert source.numbers(0, MOST) == source.deltas(0, 0) == []
    source.finish()


def test_a_column_of_signed_numbers_is_the_zigzag_of_its_steps() -> None:
    assert encode(lambda out: out.deltas([3, 2, 2, -62])).hex() == "0601007f"


@pytest.mark.parametrize("values", [[6], [-6], [5, 6], [-5, -6], [5, -6]])
def test_a_signed_number_beyond_what_is_allowed_is_refused(values: list[int]) -> None:
    data = encode(lambda out: out.deltas(values))
    with pytest.raises(FormatError, match=r"beyond 5|at most 21"):
        open_bytes(data).deltas(len(values), 5)
    assert open_bytes(data).deltas(len(values), 6) == values


@pytest.mark.parametrize("count", [3, 1 << 20, 1 << 62])
def test_more_items_than_bytes_are_refused_before_anything_is_allocated(count: int) -> None:
    data = encode(lambda out: out.number(count)) + b"ab"
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="announces more than it holds"):
            open_bytes(data).count(MOST)
        with pytest.raises(FormatError, match="announces more than it holds"):
            open_bytes(data).numbers(count + len(data), MOST)
        with pytest.raises(FormatError, match="announces more than it holds"):
            open_bytes(b"\x02" + bytes(63)).count(MOST, 32)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 16
