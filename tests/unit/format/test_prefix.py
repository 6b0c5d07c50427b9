"""zstd in prefix mode: what a prefix saves, and every frame that is refused."""

from __future__ import annotations

import random

import pytest
import zstandard

from catsync_core.errors import FormatError, IntegrityError
from catsync_core.format.prefix import announced_size, compress_after, decompress_after

MIB = 1 << 20
OLD = random.Random(1).randbytes(10_000)
NEW = OLD[:5_000] + b"something new" + OLD[5_000:]
STORED = compress_after(NEW, OLD, 19)
SKIPPABLE = b"\x50\x2a\x4d\x18" + b"\4\0\0\0" + b"skip"


def decode(data: bytes, prefix: bytes = OLD, size: int = len(NEW)) -> bytearray:
    return decompress_after(data, prefix, size, "It")


@pytest.mark.parametrize("level", [1, 3, 12, 19, 22])
@pytest.mark.parametrize("prefix", [b"", b"1234567", b"12345678", OLD, OLD * 200])
@pytest.mark.parametrize("data", [b"", b"a", NEW], ids=["nothing", "a byte", "new"])
def test_what_was_compressed_comes_back(data: bytes, prefix: bytes, level: int) -> None:
    assert decode(compress_after(data, prefix, level), prefix, len(data)) == data


@pytest.mark.parametrize("prefix", [b"", OLD, OLD * 200])
@pytest.mark.parametrize("data", [b"", b"a", NEW], ids=["nothing", "a byte", "new"])
def test_what_was_compressed_with_first_matches_comes_back(data: bytes, prefix: bytes) -> None:
    stored = compress_after(data, prefix, 9, first_match=6)
    assert decode(stored, prefix, len(data)) == data
    assert not (prefix and data) or len(stored) < 100


def test_what_stands_in_the_prefix_costs_almost_nothing() -> None:
    assert len(STORED) < 100
    assert len(compress_after(NEW, b"", 19)) > len(NEW)


def test_the_whole_prefix_is_within_reach() -> None:
    """The beginning of a long prefix is farther away than zstd looks by itself."""
    prefix = OLD + bytes(24 * MIB)
    assert len(compress_after(NEW, prefix, 3)) < 2_000
    assert decode(compress_after(NEW, prefix, 3), prefix) == NEW


@pytest.mark.parametrize("size", [MIB // 2, 3 * MIB, 5 * MIB])  # below, between and above where long distances begin
@pytest.mark.parametrize("level", [3, 9, 12, 19])
def test_a_far_match_is_found_at_every_level(size: int, level: int) -> None:
    old = random.Random(3).randbytes(size)
    new = old[:100_000]
    assert len(compress_after(new, old, level)) < 1_000


def test_a_prefix_of_less_than_eight_bytes_is_none() -> None:
    assert compress_after(NEW, b"1234567", 3) == compress_after(NEW, b"", 3)
    assert decode(compress_after(NEW, b"", 3), b"1234567") == NEW


def test_frames_announce_their_size_and_carry_a_checksum() -> None:
    header = zstandard.get_frame_parameters(STORED)
    assert (header.content_size, header.has_checksum, header.dict_id) == (len(NEW), True, 0)


@pytest.mark.parametrize("prefix", [b"", OLD[5_000:], OLD[:-1], OLD[:5_000] + b"?" + OLD[5_001:], OLD[::-1]])
def test_another_prefix_is_noticed(prefix: bytes) -> None:
    with pytest.raises(IntegrityError, match="or what it builds on is"):
        decode(STORED, prefix)


@pytest.mark.parametrize("size", [0, len(NEW) - 1, len(NEW) + 1, 1 << 62])
def test_another_size_is_refused_before_anything_is_decoded(size: int) -> None:
    with pytest.raises(FormatError, match="announces 10,013 bytes instead of"):
        decode(STORED, size=size)


@pytest.mark.parametrize("length", range(len(STORED)))
def test_every_truncation_is_refused(length: int) -> None:
    with pytest.raises((FormatError, IntegrityError), match="It "):
        decode(STORED[:length])


@pytest.mark.parametrize("tail", [b"\0", STORED, SKIPPABLE], ids=["a byte", "a frame", "a skippable frame"])
def test_trailing_bytes_are_refused(tail: bytes) -> None:
    with pytest.raises(FormatError, match="not one whole zstd frame"):
        decode(STORED + tail)


@pytest.mark.parametrize("data", [b"", b"hello", SKIPPABLE + STORED], ids=["nothing", "text", "skippable"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="It "):
        decode(data)


def test_a_frame_that_does_not_announce_its_size_is_refused() -> None:
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(NEW)
    with pytest.raises(FormatError, match="does not announce its size"):
        announced_size(silent, "It")
    with pytest.raises(FormatError, match="does not announce its size"):
        decode(silent)


def test_a_frame_that_needs_a_dictionary_by_its_number_is_refused() -> None:
    numbered = zstandard.ZstdCompressionDict(
        zstandard.train_dictionary(2_000, [b"%d,shoe,%d" % (n, n * n) for n in range(2_000)]).as_bytes()
    )
    data = zstandard.ZstdCompressor(dict_data=numbered).compress(NEW)
    assert zstandard.get_frame_parameters(data).dict_id
    for prefix in (b"", OLD):
        with pytest.raises(IntegrityError, match="It is damaged"):
            decode(data, prefix)
