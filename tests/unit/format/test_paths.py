"""Which paths every device can store, one by one and side by side."""

from __future__ import annotations

import itertools
import tracemalloc
import unicodedata

import msgspec
import pytest

from catsync_core.errors import LimitError, PathError
from catsync_core.format import paths
from catsync_core.format.paths import check_path, check_paths, is_reserved, show_path
from catsync_core.limits import LIMITS

DECOMPOSED = unicodedata.normalize("NFD", "M\u00fchle")

GOOD = [
    "a",
    "a.b",
    ".hidden",
    "..a",
    "a..b",
    " a",
    "a b",
    "~",
    "a~1",
    "-",
    "_",
    "#%&'()+,;=@[]^`{}!$",
    "M\u00fchle/Gr\u00f6\u00dfe.jpg",
    "\u65e5\u672c\u8a9e",
    "\U0001f600.png",
    "a\u200d",
    "console",
    "com",
    "com10",
    "lpt",
    "nulls",
    "a.con",
    "auxiliary/b",
    "x" * 255,
    "\u00fc" * 127,
    "/".join("x" * 255 for _ in range(4)),
    "/".join("x" for _ in range(64)),
]

NOT_RELATIVE = [
    "",
    ".",
    "..",
    "/",
    "/x",
    "//x",
    "../x",
    "a/../../x",
    "a/..",
    "./x",
    "a/.",
    "a/./b",
    "a//b",
    "a/",
]
NOT_STORABLE = [
    "C:\\x",
    "C:x",
    "\\\\srv\\x",
    "a\\..\\..\\x",
    "x:stream",
    "a<b",
    "a>b",
    'a"b',
    "a|b",
    "a?b",
    "a*b",
    "a\0b",
    "a\nb",
    "a\r",
    "a\x1b]0;title\x07",
    "a\x7fb",
    "a\x9bb",
    "a\u202eb",
    "a\u202ab",
    "a\u2066b",
    "a\u2069b",
    "a\ufffeb",
    "a\uffffb",
]
DOT_OR_BLANK = ["a.", "a ", "a/b./c", "a /b", "...", " ", "a. .", "\u00fc."]
RESERVED = [
    "con",
    "CON",
    "Con.txt",
    "nul",
    "nul.txt",
    "nul.tar.gz",
    "prn",
    "AUX/b",
    "a/aux",
    "COM0",
    "COM1.pdf",
    "com9",
    "LPT0",
    "lpt9.x",
    "com\u00b9",
    "LPT\u00b2.x",
    "com\u00b3",
    "CONIN$",
    "conout$.x",
    "con .txt",
]
NOT_COMPOSED = [DECOMPOSED, f"a/{DECOMPOSED}/b", "\u212b", "e\u0301"]


@pytest.mark.parametrize("path", GOOD)
def test_a_portable_path_is_accepted(path: str) -> None:
    check_path(path)
    check_paths([path])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        *((path, "not a plain relative path") for path in NOT_RELATIVE),
        *((path, "not every device can store") for path in NOT_STORABLE),
        *((path, "ends in a dot or a blank") for path in DOT_OR_BLANK),
        *((path, "that Windows reserves") for path in RESERVED),
        *((path, "not in Unicode normal form C") for path in NOT_COMPOSED),
        *((path, "not valid Unicode") for path in ("\ud800", "a/\udcff", "\ud83d")),
        ("x" * 256, "name longer than 255 bytes"),
        ("a/" + "\u00fc" * 128, "name longer than 255 bytes"),
        ("/".join("x" * 200 for _ in range(6)), "longer than 1024 bytes"),
        ("x" * 5_000, "longer than 1024 bytes"),
        ("/".join("x" for _ in range(65)), "more than 64 folders deep"),
        ("/".join("x" for _ in range(300)), "more than 64 folders deep"),
    ],
)
def test_a_path_that_is_not_portable_is_refused_with_the_reason(path: str, reason: str) -> None:
    with pytest.raises(PathError, match=reason):
        check_path(path)
    with pytest.raises(PathError, match=reason):
        check_paths(["a/b", path])


@pytest.mark.parametrize("name", ["CON", "x" * 256, "", "..", "a:b", "a ", DECOMPOSED, "\ud800"])
def test_a_bad_name_in_a_folder_that_is_known_is_refused_as_well(name: str) -> None:
    with pytest.raises(PathError, match=r"The path 'a/b/"):
        check_paths(["a/b/c", f"a/b/{name}"])


def test_a_path_that_is_too_long_in_a_folder_that_is_known_is_refused_as_well() -> None:
    folder = "/".join("x" * 250 for _ in range(4))
    check_paths([f"{folder}/a", f"{folder}/{'b' * 20}"])
    with pytest.raises(PathError, match="longer than 1024 bytes"):
        check_paths([f"{folder}/a", f"{folder}/{'b' * 21}"])


COLLISIONS = [
    ("Strasse.pdf", "Stra\u00dfe.pdf"),
    ("A", "a"),
    ("\u00c4pfel", "\u00e4pfel"),
    ("fi", "\ufb01"),
    ("\u0130", "i\u0307"),
    ("\u03a3", "\u03c2"),
    ("\u03c3", "\u03c2"),
    ("x/a.pdf", "X/A.pdf"),
]


@pytest.mark.parametrize("pair", COLLISIONS)
def test_two_files_that_some_devices_confuse_are_refused(pair: tuple[str, str]) -> None:
    for one, other in itertools.permutations(pair):
        with pytest.raises(PathError, match="would be one f"):
            check_paths([one, "m", other])


def test_both_files_of_a_collision_are_named() -> None:
    with pytest.raises(PathError, match=r"'Strasse\.pdf' and 'Stra\u00dfe.pdf' would be one file"):
        check_paths(["Strasse.pdf", "Stra\u00dfe.pdf"])


def test_composed_and_decomposed_never_stand_side_by_side() -> None:
    with pytest.raises(PathError, match="normal form C"):
        check_paths(["M\u00fchle", DECOMPOSED])


@pytest.mark.parametrize(
    "pair", [("Stra\u00dfe/a", "Strasse/b"), ("x/A/1", "x/a/2"), ("A/1", "a/b/2"), ("A/x/1", "a/x/2")]
)
def test_two_folders_that_some_devices_confuse_are_refused(pair: tuple[str, str]) -> None:
    for ordered in itertools.permutations(pair):
        with pytest.raises(PathError, match="would be one folder"):
            check_paths(ordered)


@pytest.mark.parametrize("pair", [("a", "a/b"), ("A", "a/b"), ("a", "a/b/c/d"), ("x/Stra\u00dfe", "x/strasse/b")])
def test_a_file_and_a_folder_of_the_same_name_are_refused(pair: tuple[str, str]) -> None:
    for ordered in itertools.permutations(pair):
        with pytest.raises(PathError, match=r"is a file, and .* is a folder"):
            check_paths(ordered)


def test_the_same_path_twice_is_refused() -> None:
    with pytest.raises(PathError, match="would be one file"):
        check_paths(["a/b", "a/b"])


def test_many_paths_stand_side_by_side() -> None:
    check_paths([])
    check_paths(GOOD[:20])
    check_paths(f"a/{number % 7}/b/{number}" for number in range(1_000))


def test_all_paths_and_folders_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes of front-coded paths could otherwise stand for gigabytes of folders."""
    room = 1 << 20
    monkeypatch.setattr(paths, "LIMITS", msgspec.structs.replace(LIMITS, manifest_size=room))
    tracemalloc.start()
    try:
        with pytest.raises(LimitError, match="paths and their folders"):
            check_paths(f"{number:06}/" + "x/" * 60 + "x" for number in itertools.count())
        with pytest.raises(LimitError, match="paths and their folders"):
            check_paths(f"{number:06}" + "x" * 200 for number in itertools.count())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * room


def test_messages_show_no_control_characters_and_no_more_than_a_line() -> None:
    with pytest.raises(PathError) as caught:
        check_path("a\x1b]0;x\u202e\n" + "y" * 240)
    assert caught.value.message.startswith(r"The path 'a\x1b]0;x\u202e\nyyy")
    assert len(caught.value.message) < 300
    assert show_path("Gr\u00f6\u00dfe \ud800.txt") == "Gr\u00f6\u00dfe \\ud800.txt"


@pytest.mark.parametrize("name", ["con", "Nul.x", "a."])
def test_reserved_names_are_known(name: str) -> None:
    assert is_reserved(name)
    assert not is_reserved("a" + name.removesuffix("."))
