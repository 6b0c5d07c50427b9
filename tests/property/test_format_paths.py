"""The quick check of many paths agrees with a slow one that is written straight from the rules."""

from __future__ import annotations

import itertools
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from catsync_core.errors import PathError
from catsync_core.format.paths import check_path, check_paths

unhurried = settings(deadline=None)  # seconds would say more about the machine than about the code
NAMES = [
    "a",
    "A",
    "b",
    "a.b",
    "Stra\u00dfe",
    "strasse",
    "STRASSE",
    "\u00e4",
    "\u00c4",
    "a\u0308",
    "fi",
    "\ufb01",
    "\u0130",
    "i\u0307",
    "\u03c3",
    "\u03c2",
    "con",
    "CON.txt",
    "con1",
    "com1",
    "com\u00b9",
    "lpt",
    "nul.",
    "a.",
    "a ",
    " a",
    ".",
    "..",
    "...",
    "",
    "a:b",
    "a\\b",
    "a\n",
    "a\u202e",
    "\ud800",
    "x" * 255,
    "x" * 256,
    "\u00fc" * 128,
    "\U0001f600",
    "k",
    "\u212a",
    "s",
    "\u017f",
]
names = st.sampled_from(NAMES) | st.text(max_size=4)
paths = st.lists(names, min_size=1, max_size=4).map("/".join) | st.lists(
    st.sampled_from(["a", "A", "b", "\u00e4", "\u00c4"]), min_size=1, max_size=3
).map("/".join)

FORBIDDEN = (
    set('<>:"|?*\\')
    | {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    | {"\ufffe", "\uffff"}
)
DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    kind + digit for kind in ("com", "lpt") for digit in "0123456789\u00b9\u00b2\u00b3"
}


def is_portable(path: str) -> bool:
    if any("\ud800" <= character <= "\udfff" for character in path):
        return False
    parts = path.split("/")
    return len(path.encode()) <= 1024 and len(parts) <= 64 and all(map(is_portable_name, parts))


def is_portable_name(name: str) -> bool:
    stem = name.replace(" ", ".").split(".")[0]
    return (
        name not in {"", ".", ".."}
        and len(name.encode()) <= 255
        and not FORBIDDEN & set(name)
        and not name.endswith((".", " "))
        and stem.lower() not in DEVICES
        and unicodedata.is_normalized("NFC", name)
    )


def fold(path: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def folders(path: str) -> list[str]:
    return ["/".join(part) for part in itertools.accumulate([[name] for name in path.split("/")[:-1]])]


def fit(paths: list[str]) -> bool:
    """Compare every path and folder with every other."""
    if not all(map(is_portable, paths)):
        return False
    above = [folder for path in paths for folder in folders(path)]
    return (
        not any(fold(one) == fold(other) for one, other in itertools.combinations(paths, 2))
        and not any(fold(path) == fold(folder) for path in paths for folder in above)
        and not any(one != other and fold(one) == fold(other) for one, other in itertools.combinations(above, 2))
    )


def refuses(paths: list[str]) -> bool:
    try:
        check_paths(paths)
    except PathError:
        return True
    return False


@unhurried
@given(paths)
@example("con .txt")
@example("a/" * 63 + "a")
@example("a/" * 64 + "a")
def test_one_path(path: str) -> None:
    try:
        check_path(path)
    except PathError:
        assert not is_portable(path)
    else:
        assert is_portable(path)


@unhurried
@given(st.lists(paths, max_size=6))
@example(["a/b", "a/"])
@example(["a", "a/b"])
@example(["A/b", "a"])
@example(["x/\u00e4/1", "x/\u00c4/2"])
def test_paths_side_by_side(candidates: list[str]) -> None:
    assert refuses(candidates) is not fit(candidates)


@unhurried
@given(st.lists(paths.filter(is_portable), max_size=8))
def test_portable_paths_side_by_side(candidates: list[str]) -> None:
    assert refuses(candidates) is not fit(candidates)
