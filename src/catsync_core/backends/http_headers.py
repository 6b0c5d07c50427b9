"""The few HTTP header fields that ranges and retries need (RFC 9110), for both sides; pure functions."""

from __future__ import annotations

import re

from catsync_core.limits import LIMITS

__all__ = ["names_etag", "parse_content_range", "parse_range", "parse_retry_after"]

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_SECONDS = re.compile(r"\d{1,9}")


def names_etag(text: str, etag: str) -> bool:
    """Whether an ``If-None-Match`` field names an ETag.

    Args:
        text: Value of the field; empty where there is none.
        etag: With its quotation marks.
    """
    return text.strip() == "*" or any(tag.strip().removeprefix("W/") == etag for tag in text.split(","))


def parse_range(text: str, length: int) -> tuple[int, int] | None:
    """First byte and end (exclusive) of the range that a request asks for.

    Args:
        text: Value of ``Range``.
        length: Of the object, in bytes.

    Returns:
        None when the field is to be ignored: another unit, several ranges, or no range at all.

    Raises:
        ValueError: the range lies outside the object.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:  # the last n bytes
        start, stop = max(0, length - int(match[2])), length
    else:
        start, stop = int(match[1]), min(length, int(match[2] or length) + 1)
        if match[2] and int(match[2]) < start:
            return None
    if start >= stop:
        raise ValueError(f"{text} of {length} bytes")
    return start, stop


def parse_content_range(text: str) -> tuple[int, int, int | None] | None:
    """First byte, end (exclusive) and length of the whole object (None if unknown); None when it makes no sense."""
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None:
        return None
    return int(match[1]), int(match[2]) + 1, None if match[3] == "*" else int(match[3])


def parse_retry_after(text: str, now: float) -> float | None:
    """Seconds to wait, between one second and the limit; None when the field makes no sense.

    Args:
        text: Value of ``Retry-After``: seconds or a date.
        now: Seconds since 1970.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - loads much, and few servers tell a date

        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 1.0), LIMITS.retry_after_seconds)
