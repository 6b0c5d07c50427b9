"""Sizes and numbers in the words that people read. Pure functions."""

from __future__ import annotations

__all__ = ["show_bytes", "show_count"]

_THOUSAND = 1000


def show_bytes(count: int) -> str:
    """Return a size as people say it: ``812 bytes``, ``12.4 kB``, ``480 MB``."""
    if count < _THOUSAND:
        return show_count(count, "byte")
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= _THOUSAND
        if value < 999.5 or unit == "PB":  # from here on it would be rounded to 1000
            break
    digits = f"{value:.0f}" if value >= 99.95 else f"{value:.1f}".removesuffix(".0")
    return f"{digits} {unit}"


def show_count(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``1,204 files``."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"
