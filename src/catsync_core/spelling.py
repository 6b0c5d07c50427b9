"""What somebody may have meant who wrote a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["find_close"]


def find_close(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the known names that a mistyped one is most like, the closest first.

    Args:
        name: As it was written.
        known: All names that there are.
        most: How many to return.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only after a mistake, and every command loads this module

    return get_close_matches(name, known, n=most, cutoff=0.5)
