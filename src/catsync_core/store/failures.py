"""What the operating system refuses, told as catsync's errors."""

from __future__ import annotations

import errno
from types import TracebackType

from catsync_core.errors import DiskFullError, LocalError
from catsync_core.format.paths import show_path

__all__ = ["Attempt"]

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Attempt:
    """Do something to a path; an ``OSError`` leaves the ``with`` block as a :class:`LocalError` that names both.

    A class and not a generator, because one is entered for every file of a catalog.

    Args:
        action: Verb, such as ``write``.
        path: To what.
        size: Bytes that it needs, for the message on a full disk; 0 when that says nothing.

    Raises:
        DiskFullError: (local) no space or quota is left.
        LocalError: (local) anything else.
    """

    __slots__ = ("_action", "_path", "_size")

    def __init__(self, action: str, path: object, size: int = 0) -> None:
        self._action = action
        self._path = path
        self._size = size

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        what = f"'{show_path(str(self._path))}'"
        if error.errno in _FULL:
            needed = f" ({self._size:,} bytes)" if self._size else ""
            raise DiskFullError(f"The disk is full: could not {self._action} {what}{needed}") from error
        raise LocalError(f"Could not {self._action} {what}: {error.strerror or error}") from error
