"""Which paths a catalog may contain: those that every device can create, and no others.

A portable profile is enforced at publishing and again on every device (defence in depth): relative, ``/``-separated,
NFC, no name that Windows reserves, and no two paths that a file system which folds case or normalises would confuse.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from catsync_core.errors import LimitError, PathError
from catsync_core.limits import LIMITS

__all__ = ["check_path", "check_paths", "is_reserved", "show_path"]

_SHOWN = 200  # characters of a path in a message
_FORBIDDEN = re.compile('[\\x00-\\x1f\\x7f-\\x9f<>:"|?*\\\\\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])([ .].*)?", re.IGNORECASE | re.DOTALL
)
# What nearly every name looks like: nothing in it needs a closer look.
_PLAIN = re.compile(
    r"(?!(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z))[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE | re.ASCII
)


def show_path(path: str) -> str:
    """Return a path that is safe to print: control and direction characters are escaped."""
    if path.isprintable():
        return path
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in path
    )


def is_reserved(name: str) -> bool:
    """Whether Windows reserves a name for a device, with or without an extension, or ends it where a dot stands."""
    return bool(_RESERVED.fullmatch(name)) or name.endswith(".")


def check_path(path: str) -> None:
    """Refuse a path that is not portable.

    Raises:
        PathError: (content) with the reason.
    """
    _check_length(path)
    names = path.split("/")
    if len(names) > LIMITS.depth:
        raise _refuse(path, f"is more than {LIMITS.depth} folders deep")
    for name in names:
        _check_name(name, path)


def check_paths(paths: Iterable[str]) -> None:
    """Refuse a set of file paths in which one is not portable, or two cannot exist side by side.

    Raises:
        PathError: (content) naming the path, or both of them.
        LimitError: (content) the paths and their folders, all written out, are longer than is allowed.
    """
    seen: dict[str, str] = {}
    folders = _Folders()
    for path in paths:
        folders.take(path)
        key = _fold(path)
        if key in seen:
            raise PathError(f"'{show_path(seen[key])}' and '{show_path(path)}' would be one file on some devices")
        seen[key] = path
    for key, folder in folders.by_key.items():
        if key in seen:
            raise PathError(
                f"'{show_path(seen[key])}' is a file, and '{show_path(folder)}' is a folder of the same name"
            )


class _Folders:
    """The folders above the paths that were taken. Most files lie in a folder that is known: only their name is new."""

    def __init__(self) -> None:
        self.by_key: dict[str, str] = {}
        self._known: set[str] = set()
        self._room = LIMITS.manifest_size

    def take(self, path: str) -> None:
        self._fill(path)
        folder, _, name = path.rpartition("/")
        if folder in self._known:
            _check_length(path)
            _check_name(name, path)
            return
        check_path(path)
        while folder and folder not in self._known:
            known = self.by_key.setdefault(_fold(folder), folder)
            if known != folder:
                raise PathError(f"'{show_path(known)}' and '{show_path(folder)}' would be one folder on some devices")
            self._known.add(folder)
            self._fill(folder)
            folder = folder.rpartition("/")[0]

    def _fill(self, path: str) -> None:
        self._room -= len(path)
        if self._room < 0:
            raise LimitError(f"The paths and their folders have more than {LIMITS.manifest_size:,} characters in all")


def _fold(path: str) -> str:
    # casefold() alone misses composed against decomposed, lower() misses the sharp s: only both catch all.
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _check_length(path: str) -> None:
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        raise _refuse(path, "is not valid Unicode") from None
    if length > LIMITS.path_length:
        raise _refuse(path, f"is longer than {LIMITS.path_length} bytes")


def _check_name(name: str, path: str) -> None:
    if _PLAIN.fullmatch(name) and len(name) <= LIMITS.name_length:
        return
    reason = _fault(name)
    if reason:
        raise _refuse(path, reason)


def _fault(name: str) -> str:
    if name in {"", ".", ".."}:
        return "is not a plain relative path"
    if len(name.encode()) > LIMITS.name_length:
        return f"contains a name longer than {LIMITS.name_length} bytes"
    if _FORBIDDEN.search(name):
        return "contains a character that not every device can store"
    if name[-1] in " .":
        return "contains a name that ends in a dot or a blank"
    if is_reserved(name):
        return "contains a name that Windows reserves"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode normal form C"
    return ""


def _refuse(path: str, reason: str) -> PathError:
    shown = path if len(path) <= _SHOWN else f"{path[:_SHOWN]}..."
    return PathError(f"The path '{show_path(shown)}' {reason}")
