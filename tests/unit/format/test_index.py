"""The index: what is refused, and who may be a catalog."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catsync_core.errors import FormatError, UnsupportedFormatError, UsageError
from catsync_core.format.index import CatalogSummary, Index, check_catalog_id, read_index, write_index
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS

HEAD = {"sha256": "0f" * 32, "length": 321}
SUMMARY: dict[str, Any] = {
    "title": "Tools",
    "version": 3,
    "published": 1_750_000_000,
    "files": 2,
    "bytes": 10,
    "head": HEAD,
}
INDEX: dict[str, Any] = {
    "format": 1,
    "repository": "ab" * 16,
    "serial": 7,
    "created": 1_750_000_001,
    "catalogs": {"tools": SUMMARY},
}


def read(**changes: object) -> Index:
    return read_index(json.dumps({**INDEX, **changes}).encode())


def read_summary(**changes: object) -> Index:
    return read(catalogs={"tools": {**SUMMARY, **changes}})


def test_an_index_is_read_and_written() -> None:
    index = read()
    expected = CatalogSummary("Tools", 3, 1_750_000_000, 2, 10, ObjectRef("0f" * 32, 321))
    assert index == Index(1, "ab" * 16, 7, 1_750_000_001, {"tools": expected})
    assert read_index(write_index(index)) == index


@pytest.mark.parametrize("version", [0, -1, 2, 3, 1 << 40])
def test_another_format_is_refused_before_anything_else_is_looked_at(version: int) -> None:
    with pytest.raises(UnsupportedFormatError, match=f"format {version}; this catsync reads format 1"):
        read_index(json.dumps({"format": version, "catalogs": "something else"}).encode())


def test_an_unsupported_format_says_what_to_do() -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        read(format=2)
    assert "newer catsync" in caught.value.hint


@pytest.mark.parametrize("version", [None, "1", True, [1], {}])
def test_a_format_that_is_no_number_is_refused(version: object) -> None:
    with pytest.raises(FormatError, match="The index"):
        read(format=version)


@pytest.mark.parametrize("field", list(INDEX))
def test_no_field_of_the_index_may_be_missing(field: str) -> None:
    with pytest.raises(FormatError, match=field):
        read_index(json.dumps({name: value for name, value in INDEX.items() if name != field}).encode())


@pytest.mark.parametrize("field", list(SUMMARY))
def test_no_field_of_a_catalog_may_be_missing(field: str) -> None:
    with pytest.raises(FormatError, match=field):
        read(catalogs={"tools": {name: value for name, value in SUMMARY.items() if name != field}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("repository", "AB" * 16),
        ("repository", "ab" * 15),
        ("repository", "ab" * 17),
        ("repository", "gh" * 16),
        ("repository", "ab" * 16 + "\n"),
        ("repository", "\n" + "ab" * 16),
        ("serial", 0),
        ("serial", -1),
        ("serial", 1 << 63),
        ("serial", 1.5),
        ("serial", "7"),
        ("created", -1),
        ("created", 253_402_300_800),
        ("expires", -1),
        ("catalogs", []),
        ("catalogs", {"tools": None}),
    ],
)
def test_values_that_cannot_be_are_refused(field: str, value: object) -> None:
    with pytest.raises(FormatError, match="The index"):
        read(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("version", -1),
        ("version", 1 << 63),
        ("version", 1.0),
        ("version", "3"),
        ("title", "x" * (LIMITS.title_length + 1)),
        ("published", -1),
        ("files", -1),
        ("bytes", -1),
        ("bytes", LIMITS.total_size + 1),
        ("head", None),
        ("head", {"sha256": "0f" * 32}),
        ("head", {**HEAD, "length": -1}),
        ("head", {**HEAD, "length": (1 << 50) + 1}),
        ("head", {**HEAD, "sha256": "0F" * 32}),
        ("head", {**HEAD, "sha256": "0f" * 31}),
        ("head", {**HEAD, "sha256": "0f" * 32 + "\n"}),
        ("head", {**HEAD, "sha256": "../" + "0f" * 30 + "0"}),
    ],
)
def test_values_of_a_catalog_that_cannot_be_are_refused(field: str, value: object) -> None:
    with pytest.raises(FormatError, match="The index"):
        read_summary(**{field: value})


BAD_IDS = [
    "",
    ".",
    "..",
    "../tools",
    "/tools",
    "a/b",
    "a\\b",
    "Tools",
    "t\u00f6ols",
    "-tools",
    ".tools",
    "_tools",
    "tools\n",
    "to ols",
    "tools:",
    "x" * 65,
    "con",
    "nul.txt",
    "com1",
    "lpt0.x",
    "tools.",
    "\u0661",
]


@pytest.mark.parametrize("catalog", BAD_IDS)
def test_a_name_that_cannot_be_a_catalogs_id_is_refused_from_both_sides(catalog: str) -> None:
    with pytest.raises(FormatError, match="The index"):
        read(catalogs={catalog: SUMMARY})
    with pytest.raises(UsageError, match="cannot be a catalog's id"):
        check_catalog_id(catalog)


@pytest.mark.parametrize("catalog", ["a", "0", "x" * 64, "a.b-c_d", "console", "com10", "a..b", "nulls.txt"])
def test_a_name_that_can_be_a_catalogs_id_is_accepted(catalog: str) -> None:
    assert check_catalog_id(catalog) == catalog
    assert list(read(catalogs={catalog: SUMMARY}).catalogs) == [catalog]


def test_more_catalogs_than_allowed_are_refused() -> None:
    summary = {**SUMMARY, "title": ""}
    catalogs = {f"c{number}": summary for number in range(LIMITS.catalogs + 1)}
    with pytest.raises(FormatError, match="10,001 catalogs"):
        read(catalogs=catalogs)
    catalogs.popitem()
    assert len(read(catalogs=catalogs).catalogs) == LIMITS.catalogs


def test_an_empty_repository_is_an_index() -> None:
    assert read(catalogs={}).catalogs == {}


def test_unknown_fields_are_ignored_everywhere() -> None:
    later = {"signature": "xyz", "catalogs": {"tools": {**SUMMARY, "icon": [1], "head": {**HEAD, "age": 1}}}}
    assert read(**later) == read()
