from __future__ import annotations

import pytest

from catsync_plugins._sizes import check_sizes, read_size


@pytest.mark.parametrize(
    ("size", "count"),
    [
        (0, 0),
        (123, 123),
        ("123", 123),
        ("500 MB", 500_000_000),
        ("1.5kB", 1500),
        (" 2 GiB ", 2 * 1024**3),
        ("1 tb", 10**12),
        ("3 KiB", 3072),
        ("7 bytes", 7),
    ],
)
def test_sizes_are_read(size: int | str, count: int) -> None:
    assert read_size(size) == count


@pytest.mark.parametrize("size", ["", "MB", "-1", "1 mile", "1,5 GB", "1 GB 2", "9" * 40, "²"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match=r"`largest`: `.*` is no size; write bytes as a number"):
        check_sizes(largest=size)
