"""Finding the folder of a path, one step after the other, so that no link on the way is followed."""

from __future__ import annotations

import errno
import os
import stat
import sys
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from catsync_core.errors import LocalError
from catsync_core.format.paths import show_path
from catsync_core.store.durable import sync_file_system

__all__ = ["NOT_PLAIN", "CheckedFolders", "Folders", "OpenFolders", "Place", "open_folders", "refuse_link"]

NOT_PLAIN = {errno.ELOOP, errno.ENOTDIR}
"""What the system answers when a link, or something else, stands where a folder or file should be."""

Place = tuple[str, int | None]
"""A name, and the open folder that it is relative to; None when the name is a whole path."""

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER_MODE = 0o755
_FILE_MODE = 0o444
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT
_KEPT = 256  # more than the folders above any two paths together, so that a lookup never closes its own
_HAS_DESCRIPTORS = {os.open, os.mkdir, os.stat, os.unlink, os.rmdir, os.rename, os.link} <= os.supports_dir_fd and (
    os.scandir in os.supports_fd and os.utime in os.supports_fd
)


class Folders(ABC):
    """The folders beneath a root. Not thread-safe."""

    syncs_whole: ClassVar[bool] = False
    """Whether :meth:`sync_file_system` exists, so that no file has to be flushed by itself."""

    @abstractmethod
    def find(self, path: str, *, create: bool = False) -> int | str:
        """Return a folder, as a descriptor or a path; with ``create`` it and those above it are made.

        Raises:
            LocalError: (local) a link or something else stands in its place or above it.
            OSError: it does not exist, or cannot be opened or made.
        """

    @abstractmethod
    def locate(self, path: str, *, create: bool = False) -> Place:
        """Return what a path is relative to its folder; raises as :meth:`find`."""

    @abstractmethod
    def seal(self, descriptor: int, path: str, mtime: int, flush: Callable[[int], None]) -> None:
        """Flush and close a finished file, read-only for all and with its time of change in seconds since 1970.

        The one operation that several threads may do at once.
        """

    @abstractmethod
    def forget(self, path: str) -> None:
        """Drop what is known about a folder and those beneath it, because it moves or goes away."""

    @abstractmethod
    def close(self) -> None:
        """Close all folders."""

    def sync_file_system(self) -> None:
        """Make everything durable that was written beneath since this was opened."""
        raise NotImplementedError


class OpenFolders(Folders):
    """Opens every folder relative to the one above it (``openat``), and keeps those that were used last.

    A folder that is replaced by a link meanwhile leads nowhere: what is open stays the folder that it was.
    """

    syncs_whole = sys.platform == "linux"

    def __init__(self, root: Path) -> None:
        try:
            self._root = os.open(root, _FOLDER)
        except OSError as error:
            if error.errno in NOT_PLAIN:
                raise refuse_link(str(root), "folder") from error
            raise
        self._open: OrderedDict[str, int] = OrderedDict()

    def find(self, path: str, *, create: bool = False) -> int:
        """Return a folder's descriptor."""
        if not path:
            return self._root
        known = self._open.get(path)
        if known is not None:
            self._open.move_to_end(path)
            return known
        name, above = self.locate(path, create=create)
        opened = self._open[path] = _open_folder(name, above, path, create=create)
        if len(self._open) > _KEPT:
            os.close(self._open.popitem(last=False)[1])
        return opened

    def locate(self, path: str, *, create: bool = False) -> tuple[str, int]:
        """Return a name and its folder's descriptor."""
        folder, _, name = path.rpartition("/")
        _check_name(name, path)
        return name, self.find(folder, create=create)

    def seal(self, descriptor: int, path: str, mtime: int, flush: Callable[[int], None]) -> None:  # noqa: ARG002
        """Finish a file by its descriptor."""
        try:
            os.fchmod(descriptor, _FILE_MODE)
            os.utime(descriptor, (mtime, mtime))
            flush(descriptor)  # last, for a flush that comes before would not cover the time
        finally:
            os.close(descriptor)

    def forget(self, path: str) -> None:
        """Close a folder and those beneath it."""
        for folder in [known for known in self._open if known == path or known.startswith(f"{path}/")]:
            os.close(self._open.pop(folder))

    def close(self) -> None:
        """Close all folders."""
        for descriptor in (*self._open.values(), self._root):
            os.close(descriptor)
        self._open.clear()

    def sync_file_system(self) -> None:
        """Flush the file system; what failed since this was opened is reported."""
        sync_file_system(self._root)


class CheckedFolders(Folders):
    """Checks every folder on the way before each operation, for platforms without the other (Windows)."""

    def __init__(self, root: Path) -> None:
        self._root = root
        _check_folder(root, str(root))

    def find(self, path: str, *, create: bool = False) -> str:
        """Return a folder's path."""
        place = self._root
        for name in path.split("/") if path else ():
            _check_name(name, path)
            place /= name
            if create:
                with suppress(FileExistsError):
                    place.mkdir(_FOLDER_MODE)
            _check_folder(place, place.relative_to(self._root).as_posix())
        return str(place)

    def locate(self, path: str, *, create: bool = False) -> Place:
        """Return the whole path."""
        folder, _, name = path.rpartition("/")
        _check_name(name, path)
        return f"{self.find(folder, create=create)}{os.sep}{name}", None

    def seal(self, descriptor: int, path: str, mtime: int, flush: Callable[[int], None]) -> None:
        """Flush and close a file, then change it by its path."""
        try:
            flush(descriptor)
        finally:
            os.close(descriptor)
        name, _ = self.locate(path)
        os.utime(name, (mtime, mtime))
        os.chmod(name, _FILE_MODE)  # noqa: PTH101  # names are str

    def forget(self, path: str) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


def open_folders(root: Path) -> Folders:
    """Open a folder in the safest way that the platform has.

    Raises:
        LocalError: (local) it is a link or not a folder.
        OSError: it cannot be opened.
    """
    return OpenFolders(root) if _HAS_DESCRIPTORS else CheckedFolders(root)


def refuse_link(path: str, kind: str) -> LocalError:
    """Say that a link, or something else, stands where a plain file or folder should be."""
    return LocalError(
        f"'{show_path(path)}' is not a plain {kind}: a link or something else stands in its place",
        hint="Nothing was changed there. Remove what stands there, then repeat the command",
    )


def _open_folder(name: str, above: int, path: str, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=above)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        if error.errno in NOT_PLAIN:
            raise refuse_link(path, "folder") from error
        raise
    os.mkdir(name, _FOLDER_MODE, dir_fd=above)
    made = os.open(name, _FOLDER, dir_fd=above)
    try:
        os.fchmod(made, _FOLDER_MODE)  # whatever the umask is
    except OSError:
        os.close(made)
        raise
    return made


def _check_folder(place: Path, path: str) -> None:
    found = os.lstat(place)
    # A junction is a folder to os.lstat, so its reparse tag is asked for too; it exists on Windows alone.
    if not stat.S_ISDIR(found.st_mode) or getattr(found, "st_reparse_tag", None) == _JUNCTION:
        raise refuse_link(path, "folder")


def _check_name(name: str, path: str) -> None:
    if name in {"", ".", ".."} or path.startswith("/"):
        raise LocalError(f"'{show_path(path)}' is not a plain relative path")
