"""The staging tree: a version being built beside the one that is read.

Every file is new, or a second name of an unchanged file of a stored version; nothing existing is ever written to.
Thread model: files may be written from several threads, each file by one.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from catsync_core.errors import DamagedError, IntegrityError, LocalError
from catsync_core.format.objects import ObjectRef
from catsync_core.format.paths import check_path, show_path
from catsync_core.store.beneath import open_beneath
from catsync_core.store.durable import Bytes, sync_file
from catsync_core.store.failures import Attempt
from catsync_core.store.flusher import Flusher
from catsync_core.store.journal import Journal, JournalEntry
from catsync_core.store.layout import STAGING, CatalogStore
from catsync_core.store.times import clamp_mtime, same_mtime
from catsync_core.store.writer import FileWriter

__all__ = ["Known", "Linked", "StagingTree", "journal_path", "staging_path"]

_PIECE = 1024 * 1024
_LARGE = 256 * 1024  # bytes: larger files are flushed while others are still being written
_FEW = 128  # small files, or folders, that are flushed one by one
_SIDE_BY_SIDE = 8  # of those
_WRITABLE = 0o222


class Linked(msgspec.Struct, frozen=True):
    """How a file was taken over.

    Attributes:
        how: ``link``: a second name; ``reflink``: shared blocks; ``copy``.
        written: Bytes that this took on the disk.
    """

    how: Literal["link", "reflink", "copy"]
    written: int


class Known(msgspec.Struct, frozen=True, gc=False):
    """A file of this device that a tree takes over.

    Attributes:
        path: In the tree.
        source: The file.
        size: Expected bytes.
        mtime: Time of change that it shall have, in seconds since 1970.
    """

    path: str
    source: Path
    size: int
    mtime: int


class StagingTree:
    """A version being built. An earlier, killed attempt at the same manifest is gone on with, any other is removed.

    Args:
        store: The catalog's place; its lock is held.
        version: Which version.
        manifest: What it will contain.

    Attributes:
        version: Which version.
        resumed: Whether an earlier attempt is gone on with.

    Raises:
        DiskFullError: (local) no space is left.
        LocalError: (local) staging cannot be prepared.
    """

    def __init__(self, store: CatalogStore, version: int, manifest: ObjectRef) -> None:
        self.version = version
        self.resumed = False
        self._store = store
        self._root = staging_path(version)
        self._manifest = manifest.sha256
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._failed = False
        self._flusher = Flusher()
        self._many = False  # small files are to come, so that one call flushes them all
        self._early = 0  # small files that are flushed meanwhile
        self._small: list[str] = []  # those that are not flushed yet
        self._folders: set[str] = set()
        self._journal: Journal | None = None
        self._beneath = store.beneath()
        try:
            with Attempt("prepare", store.root / self._root):
                self._journal = self._begin()
        except BaseException:
            self._beneath.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def existing(self, path: str) -> int | None:
        """Return the size of a file that was completed and verified, by this attempt or an earlier one; else None."""
        return self._sizes.get(path)

    def expect(self, sizes: Iterable[int]) -> None:
        """Say what is going to be written, in bytes of each file: of many small ones, none is flushed by itself."""
        self._many = sum(size < _LARGE for size in sizes) > _FEW

    def create(self, path: str, *, size: int, sha256: bytes, mtime: int) -> FileWriter:
        """Begin a new file, to be written in a ``with`` block; see :class:`FileWriter`.

        Raises:
            PathError: (content) the path must not be created.
            DiskFullError: (local) no space is left.
            LocalError: (local) something stands there, or a folder above it is a link.
        """
        check_path(path)
        return FileWriter(
            self._beneath,
            f"{self._root}/{path}",
            path=path,
            size=size,
            sha256=sha256,
            mtime=mtime,
            flush=self._choose_flush(path, size),
            when_sealed=lambda: self._record(path, size, mtime),
        )

    def _choose_flush(self, path: str, size: int) -> Callable[[int], None]:
        """Return what to do with a file when it is sealed: flush it meanwhile, or leave it for the end."""
        if not self._beneath.syncs_whole:
            return sync_file
        return self._flusher.add if size >= _LARGE else lambda descriptor: self._flush_small(path, descriptor)

    def _flush_small(self, path: str, descriptor: int) -> None:
        """Flush a small file meanwhile if nothing waits for that, and they are few: many are flushed by one call."""
        few = not self._many and self._early + len(self._small) < _FEW
        if few and self._flusher.offer(descriptor):
            self._early += 1
        else:
            self._small.append(path)

    def write(self, path: str, chunks: Iterable[Bytes], *, size: int, sha256: bytes, mtime: int) -> None:
        """Write a whole new file.

        Raises:
            IntegrityError: (content) the bytes are not what was expected; the file is gone.
            PathError: (content) the path must not be created.
            DiskFullError: (local) no space is left.
            LocalError: (local) it cannot be written.
        """
        with self.create(path, size=size, sha256=sha256, mtime=mtime) as file:
            for chunk in chunks:
                file.write(chunk)

    def link(self, path: str, source: Path, *, size: int, sha256: bytes, mtime: int) -> Linked:
        """Take a file over from this device.

        A second name is made only of a read-only file that this store holds for this catalog, with the size and time
        of change that it was given: it is trusted as far as stat tells. Everything else is copied, sharing blocks
        where the file system can, and its SHA-256 is checked.

        Args:
            path: In the tree.
            source: The file; a link is not followed.
            size: Expected bytes.
            sha256: Expected, 32 bytes.
            mtime: Time of change that it shall have, in seconds since 1970.

        Raises:
            DamagedError: (local) the source is not that content.
            PathError: (content) the path must not be created.
            DiskFullError: (local) no space is left.
            LocalError: (local) the source cannot be read, or the file not written.
        """
        if self.link_all([Known(path, source, size, mtime)]):
            return Linked("link", 0)
        inside = self._inside(source)
        with Attempt("read", source):
            descriptor = self._beneath.open_file(inside) if inside is not None else _open_plain(source)
        try:
            with self.create(path, size=size, sha256=sha256, mtime=mtime) as file:
                if file.clone(descriptor):
                    return Linked("reflink", 0)
                with Attempt("read", source):
                    while piece := os.read(descriptor, _PIECE):
                        file.write(piece)
                return Linked("copy", size)
        except IntegrityError as error:
            raise DamagedError(f"'{show_path(str(source))}' is not what was stored: {error.message}") from error
        finally:
            os.close(descriptor)

    def link_all(self, files: Iterable[Known]) -> set[str]:
        """Give files that this store holds second names, as :meth:`link` does, many of a folder at a time.

        Args:
            files: Those to take over.

        Returns:
            The paths that are there now. The others cannot be had in this way; :meth:`link` tells why, or copies them.

        Raises:
            PathError: (content) a path must not be created.
            DiskFullError: (local) no space is left.
            LocalError: (local) a folder cannot be made, or is a link.
        """
        groups: dict[tuple[str, str], list[Known]] = {}
        for file in files:
            check_path(file.path)
            inside = self._inside(file.source)
            if inside is not None:
                groups.setdefault((_parent(inside), _parent(file.path)), []).append(file)
        return {path for (source, folder), group in groups.items() for path in self._link_group(source, folder, group)}

    def _link_group(self, source: str, folder: str, files: Sequence[Known]) -> list[str]:
        place = f"{self._root}/{folder}" if folder else self._root
        names = [(file.source.name, file.path.rpartition("/")[2]) for file in files]
        with Attempt("link", f"{self._store.root}/{source}"):
            try:
                found = self._beneath.link_names(source, place, names)
            except FileNotFoundError:
                return []
            done = []
            for file, (_, name), status in zip(files, names, found, strict=True):
                if status is None:
                    continue
                # Looked at afterwards, at what was really linked: the source may have been replaced in between.
                if _is_sealed(status, file.size, file.mtime):
                    done.append(file)
                else:
                    self._beneath.unlink(f"{place}/{name}")
        with self._lock, Attempt("write", journal_path(self.version)):
            self._add_folders(folder)
            for file in done:
                self._note(file.path, file.size, file.mtime)
        return [file.path for file in done]

    def make_directory(self, path: str) -> None:
        """Make an empty folder of the catalog.

        Raises:
            PathError: (content) the path must not be created.
            DiskFullError: (local) no space is left.
            LocalError: (local) it cannot be made.
        """
        check_path(path)
        with Attempt("make", path):
            self._beneath.make_folder(f"{self._root}/{path}")
        with self._lock:
            self._add_folders(path)

    def flush(self) -> None:
        """Make the tree durable. A failure is final: the tree is given up and never flushed again.

        Raises:
            LocalError: (local) something could not be written.
        """
        if self._failed:
            raise LocalError(f"Version {self.version} of '{self._store.catalog}' could not be flushed before")
        self._failed = True
        with Attempt("flush", self._store.root / self._root):
            try:
                self._flusher.finish()
                if self._journal is not None:
                    self._journal.flush()
                self._sync()
            except OSError:
                self._beneath.discard(journal_path(self.version))
                raise
        self._failed = False

    def discard(self) -> None:
        """Remove the tree and close it.

        Raises:
            LocalError: (local) it cannot be removed.
        """
        try:
            with Attempt("remove", self._store.root / self._root):
                self._wipe()
        finally:
            self.close()

    def close(self) -> None:
        """Close the tree; what was built stays, to be gone on with or committed."""
        if self._journal is None:
            return
        journal, self._journal = self._journal, None
        try:
            # On a full disk a few lines are lost, and as many files will be built again.
            with suppress(OSError):
                journal.flush()
            # A flush that failed is told by flush(); without it, nothing of the tree counts as durable.
            with suppress(OSError):
                self._flusher.finish()
        finally:
            journal.close()
            self._beneath.close()

    def _begin(self) -> Journal:
        beneath, journal = self._beneath, journal_path(self.version)
        beneath.make_folder(STAGING)
        for name, _ in beneath.list(STAGING):
            if f"{STAGING}/{name}" not in {self._root, journal}:
                beneath.remove_tree(f"{STAGING}/{name}")
        recorded = Journal.read(beneath, journal, self._manifest)
        if recorded is not None:
            self._keep(recorded)
            self.resumed = True
            return Journal.go_on(beneath, journal)
        self._wipe()
        beneath.make_folder(self._root)
        return Journal.begin(beneath, journal, self._manifest)

    def _keep(self, recorded: dict[str, JournalEntry]) -> None:
        self._beneath.make_folder(self._root)
        for path, found in self._beneath.walk(self._root):
            entry = recorded.get(path)
            if entry is not None and _is_sealed(found, entry.size, entry.mtime):
                self._sizes[path] = entry.size
                self._add_folders(path.rpartition("/")[0])
            elif stat.S_ISDIR(found.st_mode):
                self._add_folders(path)
            else:
                self._beneath.unlink(f"{self._root}/{path}")

    def _wipe(self) -> None:
        # The journal first: a tree that is half gone must not be gone on with.
        self._beneath.discard(journal_path(self.version))
        self._beneath.remove_tree(self._root)

    def _inside(self, source: Path) -> str | None:
        # Compared as text: pathlib would cost more than making the link does.
        root, place = f"{self._store.root}{os.sep}", str(source)
        return place[len(root) :].replace(os.sep, "/") if place.startswith(root) else None

    def _record(self, path: str, size: int, mtime: int) -> None:
        with self._lock, Attempt("write", journal_path(self.version)):
            self._add_folders(_parent(path))
            self._note(path, size, mtime)

    def _note(self, path: str, size: int, mtime: int) -> None:
        self._sizes[path] = size
        if self._journal is not None:
            self._journal.add(JournalEntry(path, size, clamp_mtime(mtime)))

    def _add_folders(self, path: str) -> None:
        while path and path not in self._folders:
            self._folders.add(path)
            path = path.rpartition("/")[0]

    def _sync(self) -> None:
        """Flush what is not flushed yet.

        Where one call can flush the whole file system, it does so for many files. But that call also waits for what
        other programs wrote, and for the spool, which is removed next; so a few files are flushed one by one. What an
        earlier attempt completed may not have been flushed before it was killed.
        """
        few = len(self._small) <= _FEW and len(self._folders) <= _FEW and not self.resumed
        if self._beneath.syncs_whole and not few:
            self._beneath.sync_file_system()
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - loads much, and only jobs flush

        # Side by side: what several flushes wait for, the file system writes once.
        with ThreadPoolExecutor(_SIDE_BY_SIDE, "catsync-flush") as pool:
            list(pool.map(self._beneath.sync_file, [f"{self._root}/{path}" for path in self._small]))
            list(pool.map(self._beneath.sync_folder, [f"{self._root}/{path}" for path in self._folders]))
        self._beneath.sync_folder(self._root)


def staging_path(version: int) -> str:
    """Where a version is built, in the catalog's folder."""
    return f"{STAGING}/{version}"


def journal_path(version: int) -> str:
    """Where the journal of a version being built lies, in the catalog's folder."""
    return f"{STAGING}/{version}.journal"


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _is_sealed(found: os.stat_result, size: int, mtime: int) -> bool:
    plain = stat.S_ISREG(found.st_mode) and not found.st_mode & _WRITABLE
    return plain and found.st_size == size and same_mtime(found, mtime)


def _open_plain(source: Path) -> int:
    with open_beneath(source.parent) as beneath:
        return beneath.open_file(source.name)
