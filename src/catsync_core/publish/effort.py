"""Effort: how much time a publisher spends for how few bytes."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Effort", "Settings"]

_MIB = 1 << 20


class Effort(StrEnum):
    """What the publisher may choose."""

    FAST = "fast"
    DEFAULT = "default"
    BEST = "best"


class Settings(msgspec.Struct, frozen=True):
    """What an effort means.

    Attributes:
        level: zstd's level.
        frame_size: Bytes of content in a coarse frame: larger ones compress better and are coarser to read online.
        fresh_size: Bytes of content in a fine frame of new blocks.
        patch_level: zstd's level for patches.
        distances: How many versions back patches begin.
        solid: Whether there is a patch from nothing, for first downloads.
    """

    level: int
    frame_size: int
    fresh_size: int
    patch_level: int = 3
    distances: tuple[int, ...] = ()
    solid: bool = False

    @classmethod
    def of(cls, effort: Effort) -> Settings:
        """Return the settings of an effort."""
        return {
            Effort.FAST: cls(level=3, frame_size=_MIB, fresh_size=_MIB, patch_level=3, distances=(1,), solid=False),
            Effort.DEFAULT: cls(
                level=12, frame_size=_MIB, fresh_size=_MIB, patch_level=9, distances=(1, 2, 4, 8), solid=False
            ),
            Effort.BEST: cls(
                level=19, frame_size=4 * _MIB, fresh_size=4 * _MIB, patch_level=19, distances=(1, 2, 4, 8), solid=True
            ),
        }[effort]
