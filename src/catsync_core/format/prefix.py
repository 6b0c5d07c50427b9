"""zstd in prefix mode: old bytes are the history that new bytes are compressed against.

This is what makes a patch: whatever stands in the prefix costs almost nothing. python-zstandard has no prefix mode, so
this uses the standard library's zstd, or its backport before Python 3.14.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from catsync_core.errors import FormatError, IntegrityError

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

__all__ = ["announced_size", "compress_after", "decompress_after"]

_WINDOW_LOG_MOST = 27
_WINDOW_LOG_LEAST = 10
_PIECE = 1 << 20
_LONG_FROM = 1 << 20  # bytes of data and prefix: below, zstd's ordinary matching reaches everything
_THOROUGH = range(9, 13)  # levels whose ordinary matching reaches further
_THOROUGH_LONG_FROM = 4 << 20
_NEAR = 20  # logarithm of the slots of their table where far matches are found in the other way: it stays in the cache
_SMALL = 1 << 20  # bytes of data and prefix: below, those levels would clear a table of twice as many slots as bytes


def compress_after(data: bytes, prefix: bytes, level: int, *, first_match: int = 0) -> bytes:
    """Return one zstd frame, with its size and a checksum, that needs the prefix again to be decoded.

    Args:
        data: What to compress.
        prefix: What the reader has; may be empty.
        level: zstd's level, 1 to 22.
        first_match: Take the first match of so many bytes, 4 to 6, instead of looking for a better one; 0 leaves that
            to the level.
    """
    parameter = zstd.CompressionParameter
    reach = len(data) + len(prefix)
    window = max(reach.bit_length(), _WINDOW_LOG_LEAST)
    long_distance = _needs_long_distance(reach, level)
    options: dict[int, int] = {
        parameter.compression_level: level,
        parameter.window_log: min(window, _WINDOW_LOG_MOST),
        parameter.enable_long_distance_matching: int(long_distance),
        parameter.checksum_flag: 1,
    }
    if level in _THOROUGH and long_distance:
        options[parameter.hash_log] = _NEAR
    if level in _THOROUGH and reach < _SMALL:
        options[parameter.hash_log] = window
    if first_match:
        options[parameter.strategy] = zstd.Strategy.greedy
        options[parameter.min_match] = first_match
        options[parameter.hash_log] = window - 1  # half of that: more of it stays in the cache
    compressor = zstd.ZstdCompressor(options=options, zstd_dict=_as_prefix(prefix))
    compressor.set_pledged_input_size(len(data))
    return compressor.compress(data, mode=zstd.ZstdCompressor.FLUSH_FRAME)


def _needs_long_distance(reach: int, level: int) -> bool:
    """Whether zstd's long-distance matcher pays.

    It costs time, and where it finds a match the other matcher, which might find a better one, does not look. At the
    levels of ``_THOROUGH`` that one sees 4 MiB by itself, and patches become smaller (decision 10 has figures). Lower
    levels see far less, and at higher ones it makes hardly any difference.
    """
    return reach >= (_THOROUGH_LONG_FROM if level in _THOROUGH else _LONG_FROM)


def decompress_after(data: bytes, prefix: bytes | bytearray, size: int, what: str) -> bytearray:
    """Decode a frame of :func:`compress_after` that must yield exactly ``size`` bytes.

    It takes memory for a copy of the prefix and twice for what it yields. The prefix itself is let go as soon as it was
    copied; hand over the only reference to it, for it can be large.

    Raises:
        FormatError: (content) it is no such frame, or announces another size.
        IntegrityError: (content) it is damaged, or the prefix is not what it was made with.
    """
    announced = announced_size(data, what)
    if announced != size:
        raise FormatError(f"{what} announces {announced:,} bytes instead of {size:,}")
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MOST}
    decompressor = zstd.ZstdDecompressor(zstd_dict=_as_prefix(prefix), options=options)
    del prefix
    plain, done = bytearray(size), 0
    try:
        while not decompressor.eof and done <= size:
            piece = decompressor.decompress(data, max_length=_PIECE)
            if not piece and decompressor.needs_input:
                break
            plain[done : done + len(piece)] = piece
            data, done = b"", done + len(piece)
    except zstd.ZstdError as error:
        raise IntegrityError(f"{what} is damaged, or what it builds on is ({error})") from error
    if done != size or not decompressor.eof or decompressor.unused_data:
        raise FormatError(f"{what} is not one whole zstd frame")
    return plain


def announced_size(data: bytes, what: str) -> int:
    """Return the size that a frame announces.

    Raises:
        FormatError: (content) it is no frame, or announces none.
    """
    try:
        size = zstd.get_frame_info(data).decompressed_size
    except zstd.ZstdError as error:
        raise FormatError(f"{what} is not a zstd frame") from error
    if size is None:
        raise FormatError(f"{what} is a zstd frame that does not announce its size")
    return size


def _as_prefix(prefix: bytes | bytearray) -> tuple[zstd.ZstdDict, int] | None:
    # A raw dictionary of less than 8 bytes is refused by zstd, and would be of no use.
    return zstd.ZstdDict(prefix, is_raw=True).as_prefix if len(prefix) >= 8 else None
