"""Frames: how content is compressed, and how it is decompressed within known bounds.

A frame is either raw bytes or one zstd frame that carries its size and, unless a seal stands for it, a checksum. The
size that is expected is known from the table before anything is decoded, and python-zstandard ignores
``max_output_size`` when a frame carries its own size; so the frame's header is checked first.
"""

from __future__ import annotations

import hashlib
import threading
from enum import IntEnum

import zstandard

from catsync_core.errors import FormatError, IntegrityError, LimitError
from catsync_core.limits import LIMITS

__all__ = ["SEAL_LENGTH", "Codec", "compress", "decompress", "decompress_bounded", "seal"]

SEAL_LENGTH = 16  # bytes
_WINDOW_LOG_MOST = 27


class _Own(threading.local):
    """What each thread makes once, and not for each frame: a decompressor serves one thread at a time."""

    def __init__(self) -> None:
        self.decompressor = zstandard.ZstdDecompressor()


_OWN = _Own()


class Codec(IntEnum):
    """How a frame's bytes are stored."""

    RAW = 0
    ZSTD = 1


def seal(stored: bytes) -> bytes:
    """Return the seal of a frame: the first 16 bytes of the SHA-256 of what is stored.

    It is compared before anything is decoded, so that a single frame can be trusted as far as the table that names it.
    """
    return hashlib.sha256(stored).digest()[:SEAL_LENGTH]


def compress(data: bytes, level: int, *, checksum: bool = True) -> bytes:
    """Return one zstd frame with its size.

    Args:
        data: What to compress.
        level: zstd's level, 1 to 22.
        checksum: Whether it carries one; what is going to be sealed is decoded faster without (decision 9).
    """
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=len(data), write_checksum=checksum, write_content_size=True
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def decompress(data: bytes, size: int, what: str, *, sealed: bool = False) -> bytes:
    """Decode one zstd frame that must yield exactly ``size`` bytes.

    Args:
        data: The frame.
        size: Bytes that it must yield.
        what: For messages.
        sealed: It was compared with its seal, so it may do without a checksum.

    Raises:
        FormatError: (content) it is no such frame, or announces another size.
        IntegrityError: (content) it is damaged.
    """
    announced = _announced_size(data, what, sealed=sealed)
    if announced != size:
        raise FormatError(f"{what} announces {announced:,} bytes instead of {size:,}")
    if not size:
        raise FormatError(f"{what} is a zstd frame that yields nothing")  # python-zstandard would not even decode it
    try:
        return _OWN.decompressor.decompress(data, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise IntegrityError(f"{what} is damaged ({error})") from error


def decompress_bounded(data: bytes, most: int, what: str) -> bytes:
    """Decode one zstd frame of unknown size, up to ``most`` bytes.

    Raises:
        LimitError: (content) it announces more.
        FormatError: (content) it is no such frame.
        IntegrityError: (content) it is damaged.
    """
    announced = _announced_size(data, what)
    if announced > most:
        raise LimitError(f"{what} would decompress to {announced:,} bytes; at most {most:,} are allowed")
    return decompress(data, announced, what)


def _announced_size(data: bytes, what: str, *, sealed: bool = False) -> int:
    try:
        header = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise FormatError(f"{what} is not a zstd frame ({error})") from error
    if header.content_size in {zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR} or header.dict_id:
        raise FormatError(f"{what} is a zstd frame without a size, or with a dictionary")
    if not (header.has_checksum or sealed):
        raise FormatError(f"{what} is a zstd frame without a checksum")
    if header.window_size > max(1 << _WINDOW_LOG_MOST, LIMITS.frame_size):
        raise LimitError(f"{what} asks for a window of {header.window_size:,} bytes")
    return int(header.content_size)
