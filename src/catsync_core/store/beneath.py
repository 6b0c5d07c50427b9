"""File operations beneath one folder that cannot be led out of it by links.

Paths are relative and ``/``-separated. Every folder on the way is opened by itself, relative to the one above it and
without following links, and the operation then happens relative to the open folder (``openat`` and its relatives). So
a folder that somebody replaces by a link, before or meanwhile, is refused. Open folders are kept, the least recently
used ones are closed, so that many small files cost one lookup each. Where the platform cannot do that (Windows), every
folder on the way is checked before each operation.

Thread model: one lock around each operation; reading and writing the opened files happens outside of it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from catsync_core.errors import LocalError
from catsync_core.format.paths import show_path
from catsync_core.store.durable import sync_file, sync_file_system

__all__ = ["Beneath", "open_beneath"]

_PLAIN = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a named pipe must not wait
)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER_MODE = 0o755
_FILE_MODE = 0o444
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT
_FOLDERS_KEPT = 256  # more than the folders above any two paths together, so that a lookup never closes its own
_NOT_PLAIN = {errno.ELOOP, errno.ENOTDIR}
_DESCRIPTORS = {os.open, os.mkdir, os.stat, os.unlink, os.rmdir, os.rename, os.link} <= os.supports_dir_fd and (
    os.scandir in os.supports_fd and os.utime in os.supports_fd
)

Place = tuple[str, int | None]
"""A name, and the open folder that it is relative to."""


class Beneath(ABC):
    """Operations beneath a folder. Errors of the operating system come as ``OSError``.

    Args:
        root: The folder; itself not a link.
    """

    syncs_whole: ClassVar[bool] = False
    """Whether :meth:`sync_file_system` exists, so that no file has to be flushed by itself."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()

    @abstractmethod
    def _locate(self, path: str, *, create: bool = False) -> Place:
        """Find the folder of a path, or make it."""

    @abstractmethod
    def _locate_folder(self, path: str, *, create: bool = False) -> int | str:
        """Find a folder, or make it: a descriptor or a path."""

    @abstractmethod
    def _forget(self, path: str) -> None:
        """Drop what is known about a folder and those beneath it, because it moves or goes away."""

    @abstractmethod
    def seal(self, descriptor: int, path: str, mtime: int) -> None:
        """Close a finished file, read-only for all and with its time of change in seconds since 1970."""

    def sync_file_system(self) -> None:
        """Make everything durable that was written beneath since this was opened; see :attr:`syncs_whole`."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Close all folders."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, path: str, flags: int, mode: int = 0o644) -> int:
        """Open a file; with ``O_CREAT`` the folders above it are made."""
        with self._lock:
            name, folder = self._locate(path, create=bool(flags & os.O_CREAT))
            return os.open(name, flags | _PLAIN, mode, dir_fd=folder)

    def open_new(self, path: str) -> int:
        """Make a file that did not exist, for writing and reading back."""
        return self.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _FILE_MODE)

    def open_file(self, path: str) -> int:
        """Open an existing file for reading; anything but a plain file is refused.

        Raises:
            LocalError: (local) it is a link, a folder or a device.
        """
        try:
            descriptor = self.open(path, os.O_RDONLY)
        except OSError as error:
            if error.errno in _NOT_PLAIN:
                raise _not_plain(path, "file") from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _not_plain(path, "file")
        return descriptor

    def read(self, path: str) -> bytes:
        """Return a whole plain file."""
        with os.fdopen(self.open_file(path), "rb") as file:
            return file.read()

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it, where they do not exist."""
        with self._lock:
            self._locate_folder(path, create=True)

    def stat(self, path: str) -> os.stat_result:
        """Return what stands at a path, of a link itself."""
        with self._lock:
            name, folder = self._locate(path)
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def exists(self, path: str) -> bool:
        """Whether anything stands at a path."""
        try:
            self.stat(path)
        except FileNotFoundError:
            return False
        return True

    def link(self, source: str, path: str) -> None:
        """Give a file a second name; the folders above it are made."""
        with self._lock:
            name, folder = self._locate(path, create=True)
            old, old_folder = self._locate(source)
            os.link(old, name, src_dir_fd=old_folder, dst_dir_fd=folder, follow_symlinks=False)

    def rename(self, source: str, path: str) -> None:
        """Rename a file over another one, or a folder to a free name."""
        with self._lock:
            self._forget(source)
            name, folder = self._locate(path, create=True)
            old, old_folder = self._locate(source)
            os.replace(old, name, src_dir_fd=old_folder, dst_dir_fd=folder)

    def unlink(self, path: str) -> None:
        """Remove a file, or a link itself."""
        with self._lock:
            name, folder = self._locate(path)
            if sys.platform == "win32":
                os.chmod(name, stat.S_IWRITE)  # noqa: PTH101  # read-only files cannot be removed there
            os.unlink(name, dir_fd=folder)

    def discard(self, path: str) -> None:
        """Remove a file if there is one."""
        with suppress(FileNotFoundError):
            self.unlink(path)

    def remove_folder(self, path: str) -> bool:
        """Remove a folder if it is empty; return whether it is gone."""
        with self._lock:
            self._forget(path)
            try:
                name, folder = self._locate(path)
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                return True
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                    return False
                raise
            return True

    def list(self, path: str) -> list[tuple[str, os.stat_result]]:
        """Return the names in a folder and what stands there; nothing for a folder that does not exist."""
        with self._lock:
            try:
                folder = self._locate_folder(path)
            except FileNotFoundError:
                return []
            with os.scandir(folder) as entries:
                return [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]

    def walk(self, path: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield everything below a folder, by path relative to it, a folder before what it holds."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for name, found in self.list(_join(path, folder)):
                below = _join(folder, name)
                yield below, found
                if stat.S_ISDIR(found.st_mode):
                    waiting.append(below)

    def remove_tree(self, path: str) -> None:
        """Remove a folder with all that it holds, a file or a link; links are removed, never followed."""
        if not self.exists(path):
            return
        if not stat.S_ISDIR(self.stat(path).st_mode):
            self.unlink(path)
            return
        folders = [path]
        for below, found in self.walk(path):
            if stat.S_ISDIR(found.st_mode):
                folders.append(_join(path, below))
            else:
                self.unlink(_join(path, below))
        for folder in reversed(folders):
            self.remove_folder(folder)

    def sync_folder(self, path: str) -> None:
        """Make the names in a folder durable; Windows does so by itself."""
        if sys.platform == "win32":
            return
        with self._lock:
            folder = self._locate_folder(path)
            if isinstance(folder, int):
                sync_file(folder)
                return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            sync_file(descriptor)
        finally:
            os.close(descriptor)


class ByDescriptor(Beneath):
    """With open folders."""

    syncs_whole = sys.platform == "linux"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        try:
            self._root = os.open(root, _FOLDER)
        except OSError as error:
            if error.errno in _NOT_PLAIN:
                raise _not_plain(str(root), "folder") from error
            raise
        self._folders: OrderedDict[str, int] = OrderedDict()

    def _locate(self, path: str, *, create: bool = False) -> Place:
        folder, _, name = path.rpartition("/")
        _check_name(name, path)
        return name, self._locate_folder(folder, create=create)

    def _locate_folder(self, path: str, *, create: bool = False) -> int:
        if not path:
            return self._root
        known = self._folders.get(path)
        if known is not None:
            self._folders.move_to_end(path)
            return known
        name, above = self._locate(path, create=create)
        assert above is not None  # noqa: S101  # this class always has an open folder
        opened = self._open_folder(name, above, path, create=create)
        self._folders[path] = opened
        if len(self._folders) > _FOLDERS_KEPT:
            os.close(self._folders.popitem(last=False)[1])
        return opened

    def _open_folder(self, name: str, above: int, path: str, *, create: bool) -> int:
        try:
            return os.open(name, _FOLDER, dir_fd=above)
        except FileNotFoundError:
            if not create:
                raise
        except OSError as error:
            if error.errno in _NOT_PLAIN:
                raise _not_plain(path, "folder") from error
            raise
        os.mkdir(name, _FOLDER_MODE, dir_fd=above)
        made = os.open(name, _FOLDER, dir_fd=above)
        try:
            os.fchmod(made, _FOLDER_MODE)  # whatever the umask is
        except OSError:
            os.close(made)
            raise
        return made

    def _forget(self, path: str) -> None:
        for folder in [known for known in self._folders if known == path or known.startswith(f"{path}/")]:
            os.close(self._folders.pop(folder))

    def seal(self, descriptor: int, path: str, mtime: int) -> None:  # noqa: ARG002  # the other class needs it
        """Close a finished file, read-only for all and with its time of change in seconds since 1970."""
        try:
            os.fchmod(descriptor, _FILE_MODE)
            os.utime(descriptor, (mtime, mtime))
        finally:
            os.close(descriptor)

    def sync_file_system(self) -> None:
        """Make everything durable that was written beneath since this was opened; see :attr:`syncs_whole`."""
        sync_file_system(self._root)

    def close(self) -> None:
        """Close all folders."""
        with self._lock:
            for descriptor in (*self._folders.values(), self._root):
                os.close(descriptor)
            self._folders.clear()


class ByPath(Beneath):
    """With a check of every folder on the way, for platforms without the other."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._check(root, str(root))

    def _locate(self, path: str, *, create: bool = False) -> Place:
        folder, _, name = path.rpartition("/")
        _check_name(name, path)
        return os.path.join(self._locate_folder(folder, create=create), name), None  # noqa: PTH118  # names are str

    def _locate_folder(self, path: str, *, create: bool = False) -> str:
        place = self.root
        for name in path.split("/") if path else ():
            _check_name(name, path)
            place /= name
            if create:
                with suppress(FileExistsError):
                    place.mkdir(_FOLDER_MODE)
            self._check(place, place.relative_to(self.root).as_posix())
        return str(place)

    def _check(self, place: Path, path: str) -> None:
        found = os.lstat(place)
        # A junction is a folder to os.lstat, so its reparse tag is asked for too; it exists on Windows alone.
        if not stat.S_ISDIR(found.st_mode) or getattr(found, "st_reparse_tag", None) == _JUNCTION:
            raise _not_plain(path, "folder")

    def _forget(self, path: str) -> None:
        """Nothing is kept."""

    def seal(self, descriptor: int, path: str, mtime: int) -> None:
        """Close a finished file, read-only for all and with its time of change in seconds since 1970."""
        os.close(descriptor)
        with self._lock:
            name, _ = self._locate(path)
            os.utime(name, (mtime, mtime))
            os.chmod(name, _FILE_MODE)  # noqa: PTH101  # names are str

    def close(self) -> None:
        """Nothing is open."""


def open_beneath(root: Path) -> Beneath:
    """Open a folder for operations beneath it.

    Raises:
        LocalError: (local) it is a link or not a folder.
        OSError: it cannot be opened.
    """
    return ByDescriptor(root) if _DESCRIPTORS else ByPath(root)


def _check_name(name: str, path: str) -> None:
    if name in {"", ".", ".."} or path.startswith("/"):
        raise LocalError(f"'{show_path(path)}' is not a plain relative path")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def _not_plain(path: str, kind: str) -> LocalError:
    return LocalError(
        f"'{show_path(path)}' is not a plain {kind}: a link or something else stands in its place",
        hint="Nothing was changed there. Remove what stands there, then repeat the command",
    )
