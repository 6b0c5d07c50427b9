"""Which paths a catalog may contain: those that every device can create, and no others.

A portable profile is enforced at publishing and again on every device (defence in depth): relative, ``/``-separated,
NFC, no name that Windows reserves, and no two paths that a file system which folds case or normalises would confuse.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from catsync_core.errors import PathError
from catsync_core.limits import LIMITS

__all__ = ["check_path", "check_paths", "is_reserved", "show_path"]

_FORBIDDEN = re.compile('[\\x00-\\x1f\\x7f-\\x9f<>:"|?*\\\\\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])([ .].*)?", re.IGNORECASE | re.DOTALL
)
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


def show_path(path: str) -> str:
    """Return a path that is safe to print: control and direction characters are escaped."""
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
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        raise _refuse(path, "is not valid Unicode") from None
    if length > LIMITS.path_length:
        raise _refuse(path[:80], f"is longer than {LIMITS.path_length} bytes")
    names = path.split("/")
    if len(names) > LIMITS.depth:
        raise _refuse(path[:80], f"is more than {LIMITS.depth} folders deep")
    for name in names:
        reason = _fault(name)
        if reason:
            raise _refuse(path, reason)


def check_paths(paths: Iterable[str]) -> None:
    """Refuse a set of file paths in which one is not portable, or two cannot exist side by side.

    Raises:
        PathError: (content) naming the path, or both of them.
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        check_path(path)
        key = _fold(path)
        if key in seen:
            raise PathError(f"'{show_path(seen[key])}' and '{show_path(path)}' would be one file on some devices")
        seen[key] = path
        _add_folders(path, folders)
    for key, folder in folders.items():
        if key in seen:
            raise PathError(
                f"'{show_path(seen[key])}' is a file, and '{show_path(folder)}' is a folder of the same name"
            )


def _add_folders(path: str, folders: dict[str, str]) -> None:
    cut = path.rfind("/")
    while cut > 0:
        folder = path[:cut]
        known = folders.setdefault(_fold(folder), folder)
        if known != folder:
            raise PathError(f"'{show_path(known)}' and '{show_path(folder)}' would be one folder on some devices")
        cut = path.rfind("/", 0, cut)


def _fold(path: str) -> str:
    # casefold() alone misses composed against decomposed, lower() misses the sharp s: only both catch all.
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _fault(name: str) -> str:
    if _PLAIN.fullmatch(name) and len(name) <= LIMITS.name_length:
        return "contains a name that Windows reserves" if is_reserved(name) else ""
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
    return PathError(f"The path '{show_path(path)}' {reason}")
