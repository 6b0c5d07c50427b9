"""File operations beneath one folder that cannot be led out of it by links.

Paths are relative and ``/``-separated. Every folder on the way is opened by itself, relative to the one above it and
without following links, and the operation then happens relative to the open folder (``openat`` and its relatives).
So a folder that somebody replaces by a link is refused, and many small files in one folder cost one lookup each.

Thread model: one lock around each operation; reading and writing the opened files happens outside of it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from catsync_core.errors import LocalError
from catsync_core.format.paths import show_path
from catsync_core.store._folders import NOT_PLAIN, Folders, Place, open_folders, refuse_link
from catsync_core.store.durable import sync_file

__all__ = ["Beneath", "open_beneath"]

_PLAIN = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a named pipe must not wait
)
_FILE_MODE = 0o444


class Beneath:
    """Operations beneath a folder. Errors of the operating system come as ``OSError``, links as ``LocalError``.

    Args:
        folders: The folder and those beneath it; closed with this object.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.Lock()

    @property
    def syncs_whole(self) -> bool:
        """Whether :meth:`sync_file_system` exists, so that no file has to be flushed by itself."""
        return self._folders.syncs_whole

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, path: str, flags: int, mode: int = 0o644) -> int:
        """Open a file; with ``O_CREAT`` the folders above it are made."""
        with self._lock:
            name, folder = self._folders.locate(path, create=bool(flags & os.O_CREAT))
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
            if error.errno in NOT_PLAIN:
                raise refuse_link(path, "file") from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise refuse_link(path, "file")
        return descriptor

    def read(self, path: str) -> bytes:
        """Return a whole plain file."""
        with os.fdopen(self.open_file(path), "rb") as file:
            return file.read()

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it, where they do not exist."""
        with self._lock:
            self._folders.find(path, create=True)

    def stat(self, path: str) -> os.stat_result:
        """Return what stands at a path, of a link itself."""
        with self._lock:
            name, folder = self._folders.locate(path)
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
            name, folder = self._folders.locate(path, create=True)
            old, old_folder = self._folders.locate(source)
            os.link(old, name, src_dir_fd=old_folder, dst_dir_fd=folder, follow_symlinks=False)

    def link_names(self, source: str, folder: str, names: Iterable[tuple[str, str]]) -> list[os.stat_result | None]:
        """Give files of one folder second names in another one, which is made.

        Args:
            source: The folder of the files.
            folder: The folder of the new names.
            names: Of each file, the old one and the new one.

        Returns:
            For each, what then stands at the new name, or None where that could not be made.
        """
        found: list[os.stat_result | None] = []
        with self._lock:
            new_folder = self._folders.find(folder, create=True)
            old_folder = self._folders.find(source)
            for old_name, new_name in names:
                (old, old_at), (new, new_at) = _place(old_folder, old_name), _place(new_folder, new_name)
                try:
                    os.link(old, new, src_dir_fd=old_at, dst_dir_fd=new_at, follow_symlinks=False)
                    found.append(os.stat(new, dir_fd=new_at, follow_symlinks=False))
                except OSError:
                    found.append(None)
        return found

    def rename(self, source: str, path: str) -> None:
        """Rename a file over another one, or a folder to a free name."""
        with self._lock:
            self._folders.forget(source)
            name, folder = self._folders.locate(path, create=True)
            old, old_folder = self._folders.locate(source)
            _free(name)
            os.replace(old, name, src_dir_fd=old_folder, dst_dir_fd=folder)

    def unlink(self, path: str) -> None:
        """Remove a file, or a link itself."""
        with self._lock:
            name, folder = self._folders.locate(path)
            _free(name)
            os.unlink(name, dir_fd=folder)

    def discard(self, path: str) -> None:
        """Remove a file if there is one."""
        with suppress(FileNotFoundError):
            self.unlink(path)

    def remove_folder(self, path: str) -> bool:
        """Remove a folder if it is empty; return whether it is gone."""
        with self._lock:
            self._folders.forget(path)
            try:
                name, folder = self._folders.locate(path)
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                return True
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                    return False
                raise
            return True

    def seal(self, descriptor: int, path: str, mtime: int, flush: Callable[[int], None]) -> None:
        """Flush and close a finished file, read-only for all and with its time of change in seconds since 1970."""
        self._folders.seal(descriptor, path, mtime, flush)

    def list(self, path: str) -> list[tuple[str, os.stat_result]]:
        """Return the names in a folder and what stands there; nothing for a folder that does not exist."""
        with self._lock:
            try:
                folder = self._folders.find(path)
            except FileNotFoundError:
                return []
            with os.scandir(folder) as entries:
                return [(_spell(entry.name), entry.stat(follow_symlinks=False)) for entry in entries]

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

    def sync_file_system(self) -> None:
        """Make everything durable that was written beneath since this was opened; see :attr:`syncs_whole`."""
        with self._lock:
            self._folders.sync_file_system()

    def close(self) -> None:
        """Close all folders."""
        with self._lock:
            self._folders.close()

    def sync_file(self, path: str) -> None:
        """Make a file durable."""
        descriptor = self.open_file(path)
        try:
            sync_file(descriptor)
        finally:
            os.close(descriptor)

    def sync_folder(self, path: str) -> None:
        """Make the names in a folder durable; Windows does so by itself."""
        if sys.platform == "win32":
            return
        with self._lock:
            folder = self._folders.find(path)
            if isinstance(folder, int):
                sync_file(folder)
                return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            sync_file(descriptor)
        finally:
            os.close(descriptor)


def open_beneath(root: Path) -> Beneath:
    """Open a folder for operations beneath it.

    Raises:
        LocalError: (local) it is a link or not a folder.
        OSError: it cannot be opened.
    """
    return Beneath(open_folders(root))


if sys.platform == "win32":

    def _free(name: str) -> None:
        """Let a read-only file be removed or replaced, which Windows refuses."""
        with suppress(FileNotFoundError):
            os.chmod(name, stat.S_IWRITE)  # noqa: PTH101  # names are str
else:

    def _free(_name: str) -> None:
        """Nothing stands in the way."""


if sys.platform == "darwin":

    def _spell(name: str) -> str:
        """Return a name as it was given: HFS+ decomposes what it stores, and finds either form."""
        return unicodedata.normalize("NFC", name)
else:

    def _spell(name: str) -> str:
        """Return a name as it was given."""
        return name


def _place(folder: int | str, name: str) -> Place:
    """Return a name as it is relative to an open folder, or with the whole path of one that cannot be open."""
    if "/" in name or name in {"", ".", ".."}:
        raise LocalError(f"'{show_path(name)}' is not a plain name")
    return (name, folder) if isinstance(folder, int) else (f"{folder}{os.sep}{name}", None)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name
