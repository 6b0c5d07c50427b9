from __future__ import annotations

import pytest

from catsync_core.backends.http_headers import parse_content_range, parse_range, parse_retry_after


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-200", (90, 100)),
        ("bytes=90-", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        (" bytes=1-2 ", (1, 3)),
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=0-" + "9" * 5000, None),
        ("", None),
    ],
)
def test_parse_range(text: str, span: tuple[int, int] | None) -> None:
    assert parse_range(text, 100) == span


@pytest.mark.parametrize("text", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_cannot_be_satisfied(text: str) -> None:
    with pytest.raises(ValueError, match="100 bytes"):
        parse_range(text, 100)


def test_an_empty_object_has_no_ranges() -> None:
    with pytest.raises(ValueError, match="0 bytes"):
        parse_range("bytes=0-0", 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytes 0-9/100", (0, 10, 100)),
        ("bytes 0-9/*", (0, 10, None)),
        ("bytes */100", None),
        ("bytes 0-9", None),
        ("bytes=0-9/100", None),
        ("bytes -1-9/100", None),
        ("bytes 0-9/100 junk", None),
        ("bytes 0-" + "9" * 5000 + "/*", None),
        ("", None),
    ],
)
def test_parse_content_range(text: str, found: tuple[int, int, int | None] | None) -> None:
    assert parse_content_range(text) == found


NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 1.0),
        ("999999999", 3600.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 1.0),
        ("Fri, 15 Jan 2100 07:00:00 GMT", 3600.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 5000, None),
        ("Fri, 99 Jan 2027 08:01:00 GMT", None),
        ("", None),
    ],
)
def test_parse_retry_after(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds
