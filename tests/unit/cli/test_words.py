from __future__ import annotations

import time

import msgspec
import pytest

from catsync_core.cli.words import (
    show_age,
    show_bytes,
    show_count,
    show_date,
    show_day,
    show_seconds,
    show_status,
    show_update_command,
)
from catsync_core.client.labels import Label
from catsync_core.client.report import CatalogInfo


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1234, "1.2 kB"),
        (99_949, "99.9 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_600, "1 MB"),
        (12_400_000, "12.4 MB"),
        (480_000_000, "480 MB"),
        (5_000_000_000_000_000_000, "5000 PB"),
    ],
)
def test_bytes_are_said_as_people_say_them(count: int, shown: str) -> None:
    assert show_bytes(count) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 files"), (1, "1 file"), (1204, "1,204 files")])
def test_counts_agree_with_their_noun(count: int, shown: str) -> None:
    assert show_count(count, "file") == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (0.84, "0.8 s"), (9.96, "10 s"), (42.4, "42 s"), (59.7, "1 min 0 s"), (185.2, "3 min 5 s")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert show_seconds(seconds) == shown


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (-5, "just now"),  # a clock that was set back
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (7300, "2 h ago"),
        (86400, "1 day ago"),
        (864000, "10 days ago"),
    ],
)
def test_ages(age: int, shown: str) -> None:
    assert show_age(1_000_000, 1_000_000.0 + age) == shown


def test_what_never_was() -> None:
    assert (show_age(0, 5e8), show_date(0), show_day(0)) == ("never", "-", "-")


def test_moments_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    try:
        assert (show_date(1_795_508_000), show_day(1_795_508_000)) == ("24 Nov 2026 10:13", "24 Nov 2026")
    finally:
        monkeypatch.undo()
        time.tzset()


def make_info(label: str) -> CatalogInfo:
    """Return an info of which only the state matters."""
    text = dict.fromkeys(("catalog", "title", "repository", "problem", "path"), "")
    defaulted = len(CatalogInfo.__struct_defaults__)
    fields = dict.fromkeys(CatalogInfo.__struct_fields__[:-defaulted], 0) | text
    return msgspec.convert(fields | {"label": label, "offered": True, "mode": "online"}, CatalogInfo)


def test_each_label_has_words() -> None:
    for label in Label:
        assert show_status(make_info(label))[0]


def test_one_update_is_named_and_several_are_all() -> None:
    assert show_update_command(["shoes"]) == "To fetch 1 update: catsync update shoes"
    assert show_update_command(["shoes", "bags"]) == "To fetch 2 updates: catsync update --all"
