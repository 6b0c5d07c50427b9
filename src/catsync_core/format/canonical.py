"""Canonical JSON: one spelling for every value, parsed strictly and within bounds.

Written: UTF-8, keys sorted, no blanks, integers and no other numbers (RFC 8785 for the values used here). Read:
duplicate keys, floats, NaN, a byte-order mark, trailing data and deep nesting are refused; unknown fields are ignored.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from catsync_core.errors import FormatError
from catsync_core.limits import LIMITS

__all__ = ["parse", "write"]

T = TypeVar("T")
_LARGEST = (1 << 53) - 1


def write(value: Any) -> bytes:  # noqa: ANN401  # JSON is any of its types
    """Return the canonical bytes of a structure of dicts, lists, strings, integers, booleans and None."""
    return json.dumps(
        msgspec.to_builtins(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode()


def parse(data: bytes, kind: type[T], what: str) -> T:
    """Parse strictly into a msgspec structure.

    Args:
        data: The JSON text; its length was bounded by whoever fetched it.
        kind: The structure.
        what: What it is, for error messages.

    Raises:
        FormatError: (content) it is not strict JSON or does not fit the structure.
    """

    def refuse(text: str) -> int:
        raise FormatError(f"{what} holds {text[:40]!r}, where only integers are allowed")

    def integer(text: str) -> int:
        if len(text) > 17 or abs(int(text)) > _LARGEST:
            raise FormatError(f"{what} holds a number beyond 2^53")
        return int(text)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(items)
        if len(fields) != len(items):
            raise FormatError(f"{what} holds a key twice")
        return fields

    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=refuse,
            parse_constant=refuse,
            parse_int=integer,
            object_pairs_hook=pairs,
        )
        json.dumps(value, ensure_ascii=False).encode()  # an escape can spell half a surrogate pair, which is no text
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not valid JSON ({_first_line(error)})") from error
    if _depth(value) > LIMITS.json_depth:
        raise FormatError(f"{what} is nested more than {LIMITS.json_depth} deep")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise FormatError(f"{what} is not as it should be: {error}") from error


def _depth(value: object) -> int:
    deepest, layer = 0, [value]
    while layer:
        deepest += 1
        layer = [
            child
            for item in layer
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return deepest


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:120]
