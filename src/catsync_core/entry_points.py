"""Find what other distributions offer, and load nothing where there is nothing to find.

To load ``importlib.metadata`` takes longer than to look into the files that it would read, and on most devices no
plugin is installed. So a look decides whether it is loaded; it alone says what there is.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint

__all__ = ["find_entry_points"]

_INFORMATION = (".dist-info", ".egg-info")
_EGG = ".egg"


def find_entry_points(group: str) -> Sequence[EntryPoint]:
    """Return all entry points of a group, sorted by name."""
    if not _may_exist(group):
        return ()
    from importlib.metadata import entry_points  # noqa: PLC0415 - as the module says

    return sorted(entry_points(group=group), key=lambda point: point.name)


def _may_exist(group: str) -> bool:
    """Whether a distribution names the group, or could where only its own finder can look."""
    hidden = any(hasattr(finder, "find_distributions") for finder in sys.meta_path if finder is not PathFinder)
    return hidden or any(_may_name(Path(folder), f"[{group}]".encode()) for folder in sys.path)


def _may_name(folder: Path, heading: bytes) -> bool:
    if folder.suffix.lower() == _EGG:
        return True
    try:
        for entry in folder.iterdir():
            kind = entry.suffix.lower()
            if kind == _EGG or (kind in _INFORMATION and heading in _read(entry / "entry_points.txt")):
                return True
    except OSError:
        return folder.is_file()  # an archive
    return False


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""  # most have none
