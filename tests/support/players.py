"""How a video player reads: it looks at both ends, then jumps, and plays on for a while."""

from __future__ import annotations

from random import Random

__all__ = ["player_ranges"]

_MB = 1_000_000


def player_ranges(size: int, seed: int, jumps: int) -> list[tuple[int, int]]:
    """Return (start, stop) of what a player asks for of a film: 1 to 4 MB at random places, and stretches of it."""
    random = Random(seed)
    ranges = [(0, _MB), (size - _MB, size)]
    for _ in range(jumps):
        length = random.randint(1 * _MB, 4 * _MB)
        start = random.randrange(size - 5 * length)
        stretch = random.choice([1, 1, 5])
        ranges += [(start + number * length, start + (number + 1) * length) for number in range(stretch)]
    return ranges
