"""Canonical JSON: what is refused, and the one spelling that is written."""

from __future__ import annotations

import json
import tracemalloc

import msgspec
import pytest

from catsync_core.errors import FormatError
from catsync_core.format.canonical import parse, write
from catsync_core.limits import LIMITS


class Thing(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str = ""
    number: int = 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"number":1}x',
        '{"number":1}{}',
        '{"number":1,}',
        "{'number':1}",
        '{"number":01}',
        '{"number":+1}',
        '{"name":"a\nb"}',
        '{"name":"\\x"}',
        "\ufeff{}",
        "[]",
        "null",
        '"number"',
        '{"number":"1"}',
        '{"number":true}',
        '{"number":null}',
        '{"number":[1]}',
    ],
)
def test_what_is_not_json_or_not_the_structure_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="The thing"):
        parse(text.encode(), Thing, "The thing")


@pytest.mark.parametrize("number", ["1.0", "1.5", "1e3", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "0.0"])
@pytest.mark.parametrize("field", ["number", "unknown"])
def test_only_integers_are_numbers(field: str, number: str) -> None:
    with pytest.raises(FormatError, match="only integers"):
        parse(f'{{"{field}":{number}}}'.encode(), Thing, "The thing")


@pytest.mark.parametrize("number", [1 << 53, -(1 << 53), 1 << 63, 10**400, -(10**17)])
def test_integers_beyond_2_to_53_are_refused(number: int) -> None:
    with pytest.raises(FormatError, match="beyond"):
        parse(json.dumps({"unknown": number}).encode(), Thing, "The thing")


@pytest.mark.parametrize("number", [(1 << 53) - 1, -(1 << 53) + 1, 0, -0])
def test_integers_up_to_there_are_read(number: int) -> None:
    assert parse(json.dumps({"number": number}).encode(), Thing, "The thing").number == number


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"a","name":"a"}',
        '{"name":"a","na\\u006de":"b"}',
        '{"unknown":{"x":1,"x":2}}',
        '{"unknown":[{"":1,"":1}]}',
    ],
)
def test_a_key_that_stands_twice_is_refused_however_it_is_spelled(text: str) -> None:
    with pytest.raises(FormatError, match="twice"):
        parse(text.encode(), Thing, "The thing")


@pytest.mark.parametrize(
    "data", [b'{"name":"\xff"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"\xc0\xaf"}', b"\xfe\xff\x00{"]
)
def test_what_is_not_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="not valid JSON"):
        parse(data, Thing, "The thing")


@pytest.mark.parametrize(
    "text", [r'{"name":"\ud800"}', r'{"name":"a\uDFFFb"}', r'{"\ud800":1}', r'{"unknown":["\ud800"]}']
)
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="not valid JSON"):
        parse(text.encode(), Thing, "The thing")


def test_a_whole_surrogate_pair_is_read() -> None:
    assert parse(rb'{"name":"\ud83d\ude00 \\ud800"}', Thing, "The thing").name == "\U0001f600 \\ud800"


@pytest.mark.parametrize("depth", [LIMITS.json_depth, 1_000, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        with pytest.raises(FormatError, match=r"nested more than|recursion"):
            parse(b'{"unknown":' + text.encode() + b"}", Thing, "The thing")


def test_nesting_up_to_the_limit_is_read() -> None:
    inner = LIMITS.json_depth - 1
    assert parse(f'{{"name":"a","unknown":{"[" * inner}{"]" * inner}}}'.encode(), Thing, "The thing") == Thing("a")


def test_fields_that_are_not_known_are_ignored() -> None:
    assert parse(b'{"later":{"x":[1,null,true]},"name":"a"}', Thing, "The thing") == Thing("a")


def test_what_is_written_has_one_spelling() -> None:
    value = {"b": [1, True, None], "a": {"z": "Gr\u00f6\u00dfe \U0001f600", "y": '"\\/\n\x1f\x7f'}, "": -1}
    expected = '{"":-1,"a":{"y":"\\"\\\\/\\n\\u001f\x7f","z":"Gr\u00f6\u00dfe \U0001f600"},"b":[1,true,null]}'
    assert write(value) == expected.encode()
    assert write(dict(reversed(value.items()))) == expected.encode()


def test_fields_that_have_their_default_are_not_written() -> None:
    assert write(Thing()) == b"{}"
    assert write(Thing("a")) == b'{"name":"a"}'


@pytest.mark.parametrize("filler", [b"[],", b"{},", b"0,", b'"",'])
def test_the_memory_taken_is_in_proportion_to_the_text(filler: bytes) -> None:
    length = LIMITS.index_length // 64
    data = b'{"unknown":[' + filler * ((length - 16) // len(filler)) + b"0]}"
    tracemalloc.start()
    try:
        assert parse(data, Thing, "The thing") == Thing()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * length
