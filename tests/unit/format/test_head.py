"""The head: what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catsync_core.errors import FormatError, IntegrityError, UnsupportedFormatError
from catsync_core.format.head import Head, PatchRef, read_head, write_head
from catsync_core.format.objects import ObjectRef, object_key, verify
from catsync_core.limits import LIMITS

REF = {"sha256": "0f" * 32, "length": 321}
PATCH: dict[str, Any] = {"base": "ab" * 32, "root": "cd" * 32, "patch": REF, "header": 100}
HEAD: dict[str, Any] = {
    "format": 1,
    "catalog": "tools",
    "version": 3,
    "title": "Tools",
    "published": 1_750_000_000,
    "files": 2,
    "bytes": 10,
    "manifest": REF,
}


def read(**changes: object) -> Head:
    return read_head(json.dumps({**HEAD, **changes}).encode())


def test_a_head_is_read_and_written() -> None:
    head = read(note="Spring prices", previous=REF)
    ref = ObjectRef("0f" * 32, 321)
    assert head == Head(1, "tools", 3, "Tools", 1_750_000_000, 2, 10, ref, "Spring prices", ref)
    assert read_head(write_head(head)) == head


def test_what_has_its_default_is_not_written() -> None:
    assert b"note" not in write_head(read())
    assert b"previous" not in write_head(read(note="", previous=None))
    assert b"patches" not in write_head(read(patches=[]))


def test_a_head_may_name_a_history() -> None:
    head = read(history=REF)
    assert head.history == ObjectRef("0f" * 32, 321)
    assert read_head(write_head(head)) == head
    assert b"history" not in write_head(read(history=None))


def test_a_patch_is_found_by_what_it_builds_on() -> None:
    head = read(patches=[PATCH, {**PATCH, "base": ""}, {**PATCH, "header": 7}])
    ref = PatchRef("ab" * 32, "cd" * 32, ObjectRef("0f" * 32, 321), 100)
    assert read_head(write_head(head)) == head
    assert head.find_patch("ab" * 32) == ref
    assert head.find_patch("") == PatchRef("", ref.root, ref.patch, 100)
    assert head.find_patch("cd" * 32) is None
    assert read().find_patch("") is None


def test_a_head_has_room_for_all_patches_that_are_allowed() -> None:
    longest = {**PATCH, "patch": {**REF, "length": LIMITS.pack_length}, "header": LIMITS.manifest_length}
    head = read(patches=[longest] * LIMITS.patches, note="\u00e4" * LIMITS.note_length, previous=REF, history=REF)
    assert len(head.patches) == LIMITS.patches
    assert len(write_head(head)) < LIMITS.head_length


@pytest.mark.parametrize("field", list(HEAD))
def test_no_field_may_be_missing(field: str) -> None:
    with pytest.raises(FormatError, match=field):
        read_head(json.dumps({name: value for name, value in HEAD.items() if name != field}).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("catalog", "../tools"),
        ("catalog", "tools\n"),
        ("version", 0),
        ("version", -(1 << 63)),
        ("version", 1 << 63),
        ("version", 3.0),
        ("version", "3"),
        ("title", "x" * (LIMITS.title_length + 1)),
        ("note", "x" * (LIMITS.note_length + 1)),
        ("note", None),
        ("published", -1),
        ("published", 10**15),
        ("files", -1),
        ("bytes", LIMITS.total_size + 1),
        ("manifest", "0f" * 32),
        ("manifest", {**REF, "sha256": "0F" * 32}),
        ("manifest", {**REF, "sha256": "0f" * 32 + "\n"}),
        ("previous", {**REF, "length": -1}),
        ("previous", {}),
        ("patches", None),
        ("patches", PATCH),
        ("patches", [PATCH] * (LIMITS.patches + 1)),
        ("patches", [{**PATCH, "base": "AB" * 32}]),
        ("patches", [{**PATCH, "base": "ab" * 32 + "\n"}]),
        ("patches", [{**PATCH, "base": "ab"}]),
        ("patches", [{**PATCH, "base": None}]),
        ("patches", [{**PATCH, "root": ""}]),
        ("patches", [{**PATCH, "patch": "0f" * 32}]),
        ("patches", [{**PATCH, "header": 0}]),
        ("patches", [{**PATCH, "header": LIMITS.manifest_length + 1}]),
        ("patches", [{name: value for name, value in PATCH.items() if name != "root"}]),
        ("history", "0f" * 32),
        ("history", {**REF, "length": 1.5}),
    ],
)
def test_values_that_cannot_be_are_refused(field: str, value: object) -> None:
    with pytest.raises(FormatError, match="The head"):
        read(**{field: value})


def test_another_format_is_refused() -> None:
    with pytest.raises(UnsupportedFormatError, match="format 2"):
        read(format=2)


def test_unknown_fields_are_ignored() -> None:
    assert read(mirrors=[{"from": 2}]) == read()


def test_an_object_is_named_by_its_kind_and_hash() -> None:
    ref = ObjectRef.of(b"abc")
    assert ref.length == 3
    assert object_key("heads", ref) == "heads/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert verify(b"abc", ref, "It") == b"abc"


@pytest.mark.parametrize("data", [b"", b"ab", b"abd", b"abcd"])
def test_bytes_that_an_object_does_not_name_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="It"):
        verify(data, ObjectRef.of(b"abc"), "It")
