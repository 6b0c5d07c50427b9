"""Objects in a directory: how a key becomes an open file, without ever leaving the directory."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from catsync_core.backends.protocol import check_key

__all__ = ["object_path", "open_object"]

# O_NONBLOCK: opening a named pipe must not wait for a writer. Windows has neither flag, and no such links or pipes
# unless an administrator makes them.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


def object_path(root: Path, key: str) -> Path:
    """Where an object lies.

    Raises:
        UsageError: (local) the key is not one that catsync makes.
        PermissionError: a folder on the way is a link that leads out of the root.
    """
    path = root.joinpath(*check_key(key).split("/"))
    parent = os.path.realpath(path.parent)
    if not Path(parent).is_relative_to(os.path.realpath(root)):
        raise PermissionError(f"{path.parent} is a link that leads out of the repository")
    return path


def open_object(root: Path, key: str) -> io.FileIO:
    """Open an object for reading, unbuffered; links are not followed.

    Raises:
        UsageError: (local) the key is not one that catsync makes.
        FileNotFoundError: there is no such file.
        OSError: it cannot be opened, or leads out of the root.
    """
    path = object_path(root, key)
    _require_file(path, path.lstat().st_mode)  # Windows has no O_NOFOLLOW, and other words for opening a folder
    descriptor = os.open(path, _FLAGS)
    try:
        _require_file(path, os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return io.FileIO(descriptor, "rb")


def _require_file(path: Path, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise PermissionError(f"{path} is a link, and links are not followed")
    if not stat.S_ISREG(mode):
        raise FileNotFoundError(f"{path} is not a file")
