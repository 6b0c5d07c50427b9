"""Frames: what is decoded, and every bomb that is refused before it can go off."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard

from catsync_core.errors import ContentError, FormatError, IntegrityError, LimitError
from catsync_core.format.frames import compress, decompress, decompress_bounded, seal
from catsync_core.limits import LIMITS

MIB = 1 << 20
DATA = b"catalogs of tools, " * 100
MAGIC = b"\x28\xb5\x2f\xfd"
END = b"\x01\x00\x00"  # an empty last block


@pytest.fixture
def memory() -> Iterator[None]:
    """Refuse a test that allocates more than a little, however it ends."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB


def header(size: int, *, window_log: int = 0, dictionary: int = 0) -> bytes:
    """Return a zstd frame header that announces a size and a checksum; without a window the frame is one segment."""
    single = 0 if window_log else 0x20
    descriptor = 0xC0 | single | 0x04 | (0x03 if dictionary else 0)
    window = bytes([(window_log - 10) << 3]) if window_log else b""
    named = dictionary.to_bytes(4, "little") if dictionary else b""
    return MAGIC + bytes([descriptor]) + window + named + size.to_bytes(8, "little")


def bomb(size: int, *, window_log: int = 0, dictionary: int = 0) -> bytes:
    return header(size, window_log=window_log, dictionary=dictionary) + END + bytes(4)


def with_options(data: bytes, *, checksum: bool = True, size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=size).compress(data)


@pytest.mark.parametrize("data", [b"x", DATA, bytes(MIB), bytes(range(256)) * 4096])
@pytest.mark.parametrize("level", [1, 3, 12, 19, 22])
def test_what_was_compressed_is_decompressed(data: bytes, level: int) -> None:
    frame = compress(data, level)
    assert decompress(frame, len(data), "It") == data
    assert decompress_bounded(frame, len(data), "It") == data
    parameters = zstandard.get_frame_parameters(frame)
    assert (parameters.content_size, parameters.has_checksum, parameters.dict_id) == (len(data), True, 0)


def test_the_seal_of_a_frame_is_half_a_sha256() -> None:
    assert seal(b"") == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb924")
    assert seal(DATA) == hashlib.sha256(DATA).digest()[:16]


@pytest.mark.parametrize("size", [0, 1, len(DATA) - 1, len(DATA) + 1, 1 << 62])
def test_a_frame_that_yields_another_size_is_refused(size: int) -> None:
    with pytest.raises(FormatError, match="announces 1,900 bytes instead of"):
        decompress(compress(DATA, 3), size, "It")


@pytest.mark.parametrize("data", [b"", b"\x28", MAGIC, MAGIC + b"\xc0", b"PK\x03\x04" + bytes(100), DATA])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="not a zstd frame"):
        decompress(data, 100, "It")


@pytest.mark.parametrize("cut", [1, 4, 5, 20])
def test_a_truncated_frame_is_refused(cut: int) -> None:
    with pytest.raises(IntegrityError, match="It is damaged"):
        decompress(compress(DATA, 3)[:-cut], len(DATA), "It")


def test_every_flipped_bit_is_noticed() -> None:
    frame = compress(DATA, 3)
    for at in range(len(frame)):
        for bit in range(8):
            flipped = frame[:at] + bytes([frame[at] ^ 1 << bit]) + frame[at + 1 :]
            try:
                # Bits that are reserved or that only widen the window change nothing in what is yielded.
                assert decompress(flipped, len(DATA), "It") == DATA
            except ContentError:
                continue
            assert at == len(MAGIC)


@pytest.mark.parametrize("extra", [b"\0", b"xyz", compress(DATA, 3), compress(b"y", 3)])
def test_bytes_behind_the_frame_are_refused(extra: bytes) -> None:
    with pytest.raises(IntegrityError, match="unused data"):
        decompress(compress(DATA, 3) + extra, len(DATA), "It")


@pytest.mark.parametrize("extra", [b"", b"xyz", compress(DATA, 3)])
def test_an_empty_frame_is_refused(extra: bytes) -> None:
    for decode in (decompress, decompress_bounded):
        with pytest.raises(FormatError, match="yields nothing"):
            decode(compress(b"", 3) + extra, 0, "It")


def test_a_skippable_frame_is_refused() -> None:
    skippable = bytes.fromhex("502a4d18") + (5).to_bytes(4, "little") + b"hello"
    for data in (skippable, skippable + compress(b"hello", 3)):
        with pytest.raises(ContentError, match="It"):
            decompress(data, 5, "It")


def test_a_frame_of_unknown_size_is_refused() -> None:
    with pytest.raises(FormatError, match="without a size"):
        decompress(with_options(DATA, size=False), len(DATA), "It")


def test_a_frame_without_a_checksum_is_refused_unless_it_was_compared_with_its_seal() -> None:
    frame = compress(DATA, 3, checksum=False)
    assert not zstandard.get_frame_parameters(frame).has_checksum
    with pytest.raises(FormatError, match="without a checksum"):
        decompress(frame, len(DATA), "It")
    with pytest.raises(FormatError, match="without a checksum"):
        decompress_bounded(frame, len(DATA), "It")
    assert decompress(frame, len(DATA), "It", sealed=True) == DATA


def test_a_damaged_checksum_counts_in_a_sealed_frame_too() -> None:
    frame = compress(DATA, 3)
    with pytest.raises(IntegrityError, match="It is damaged"):
        decompress(frame[:-1] + bytes([frame[-1] ^ 1]), len(DATA), "It", sealed=True)


def test_frames_are_decoded_on_many_threads_at_once() -> None:
    frames = [(compress(bytes([number]) * MIB, 3), number) for number in range(32)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda frame: decompress(frame[0], MIB, "It"), frames))
    assert found == [bytes([number]) * MIB for _, number in frames]


def test_a_frame_that_needs_a_dictionary_is_refused() -> None:
    dictionary = zstandard.train_dictionary(1024, [b"tool %d of %d" % (n, n * n) for n in range(1000)])
    frame = zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=True).compress(DATA)
    with pytest.raises(FormatError, match="with a dictionary"):
        decompress(frame, len(DATA), "It")


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("size", [10**10, 1 << 40, (1 << 64) - 3])
@pytest.mark.parametrize("window_log", [0, 20])
def test_a_frame_that_announces_too_much_is_refused_before_it_is_decoded(size: int, window_log: int) -> None:
    with pytest.raises(LimitError, match=r"would decompress to|asks for a window"):
        decompress_bounded(bomb(size, window_log=window_log), LIMITS.manifest_size, "It")
    with pytest.raises(ContentError, match="It"):
        decompress(bomb(size, window_log=window_log), 1000, "It")


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("window_log", [28, 31])
def test_a_frame_that_asks_for_a_large_window_is_refused_before_it_is_decoded(window_log: int) -> None:
    with pytest.raises(LimitError, match="asks for a window of"):
        decompress(bomb(1000, window_log=window_log), 1000, "It")
    with pytest.raises(FormatError, match="too much memory"):
        decompress(bomb(1000, window_log=38), 1000, "It")


@pytest.mark.usefixtures("memory")
def test_a_frame_that_announces_a_dictionary_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(FormatError, match="with a dictionary"):
        decompress(bomb(1000, dictionary=0xBAD), 1000, "It")


@pytest.mark.usefixtures("memory")
def test_a_frame_that_yields_more_than_it_announces_is_refused() -> None:
    # One block that repeats a byte 128 KiB times, where 1,000 bytes are announced.
    block = ((128 << 10) << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"x"
    with pytest.raises(IntegrityError, match="It is damaged"):
        decompress(header(1000) + block + b"\0\0\0\0", 1000, "It")


def test_a_frame_may_shrink_a_million_times() -> None:
    frame = compress(bytes(LIMITS.frame_size), 19)
    assert len(frame) < LIMITS.frame_size // 10_000
    assert decompress(frame, LIMITS.frame_size, "It").count(0) == LIMITS.frame_size


BOMBS = """
import resource, sys
from catsync_core.errors import ContentError
from catsync_core.format.frames import decompress, decompress_bounded
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
for line in sys.stdin:
    for decode in (decompress, decompress_bounded):
        try:
            decode(bytes.fromhex(line), 64 << 20, "It")
        except ContentError:
            print("refused")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process's memory that Python can set")
def test_no_bomb_takes_memory_that_python_does_not_see() -> None:
    """The decompressor allocates by itself, so the operating system has to watch it."""
    announced = LIMITS.frame_size
    bombs = [
        bomb(10**10),
        bomb(10**10, window_log=27),
        bomb(announced, window_log=31),
        bomb(announced, window_log=27),
        bomb(announced, dictionary=0xBAD),
        bomb(announced),
        header(announced, window_log=27),
        compress(bytes(announced), 1) * 2,
        compress(bytes(announced), 1)[:-5],
        with_options(bytes(announced), size=False),
    ]
    script = [sys.executable, "-c", BOMBS]
    lines = "\n".join(data.hex() for data in bombs)
    done = subprocess.run(script, input=lines, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == ["refused"] * 2 * len(bombs)
