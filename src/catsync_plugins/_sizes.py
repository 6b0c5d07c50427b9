"""Sizes in settings: a number of bytes, or a text such as ``500 MB``. Pure functions."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

__all__ = ["Size", "check_sizes", "read_size"]

Size = Annotated[int, msgspec.Meta(ge=0)] | str
"""What a setting that is a size may be in the configuration."""
_UNITS: dict[str, int] = {"": 1, "b": 1, "bytes": 1} | {
    f"{prefix}{unit}": base**power
    for unit, base in (("b", 1000), ("ib", 1024))
    for power, prefix in enumerate("kmgt", start=1)
}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)")


def read_size(size: int | str) -> int:
    """Return the bytes that a size means: ``500 MB`` is 500,000,000 and ``1 MiB`` is 1,048,576.

    Raises:
        ValueError: it means nothing.
    """
    if isinstance(size, int):
        return size
    match = _SIZE.fullmatch(size.strip())
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f"`{size}` is no size; write bytes as a number, or a text such as `500 MB` or `2 GiB`")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def check_sizes(**sizes: int | str) -> None:
    """Refuse settings that are no sizes.

    Raises:
        ValueError: one means nothing; it is named.
    """
    for name, size in sizes.items():
        try:
            read_size(size)
        except ValueError as error:
            raise ValueError(f"`{name}`: {error}") from error
