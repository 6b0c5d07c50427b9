"""Does a file compress? A quick try on a sample tells; names and magic numbers only guess."""

from __future__ import annotations

from pathlib import Path

from catsync_core.format.frames import compress

__all__ = ["compresses"]

_SAMPLE = 64 << 10
_LEVEL = 3
_WORTH = 0.95
_SMALL = 256  # bytes: the frame's own few bytes would decide


def compresses(location: Path) -> bool:
    """Whether compressing a file is worth while, judged by samples from its beginning and its middle."""
    with location.open("rb") as stream:
        size = stream.seek(0, 2)
        if size <= _SMALL:
            return True
        stream.seek(0)
        sample = stream.read(_SAMPLE)
        if size > 2 * _SAMPLE:
            stream.seek(size // 2)
            sample += stream.read(_SAMPLE)
    return len(compress(sample, _LEVEL)) < _WORTH * len(sample)
