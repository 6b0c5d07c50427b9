"""Does a file compress? A quick try on a sample tells; names and magic numbers only guess."""

from __future__ import annotations

from pathlib import Path

from catsync_core.format.frames import compress

__all__ = ["compresses"]

_SAMPLE = 64 << 10
_LEVEL = 3
_WORTH = 0.95
_SMALL = 256  # bytes: the frame's own few bytes would decide


def compresses(location: Path, size: int) -> bool:
    """Whether compressing a file of ``size`` bytes is worth while, judged by samples from its beginning and middle."""
    if size <= _SMALL:
        return True
    with location.open("rb") as stream:
        sample = stream.read(_SAMPLE)
        if size > 2 * _SAMPLE:
            stream.seek(size // 2)
            sample += stream.read(_SAMPLE)
    return len(compress(sample, _LEVEL)) < _WORTH * len(sample)
