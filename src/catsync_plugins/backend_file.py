"""Backend ``file``: a repository in a directory, on a disk, a stick or a network drive.

Objects appear whole or not at all: they are written under ``.catsync/`` in the same directory, flushed and renamed.
A swap holds an operating system lock while it compares and replaces. Thread-safe: there is no state but the directory.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from catsync_core.backends.directory import object_path, open_object
from catsync_core.backends.protocol import Capabilities, ObjectInfo, Reply, check_key
from catsync_core.backends.registry import path_of
from catsync_core.errors import (
    AuthorisationError,
    CatsyncError,
    ConflictError,
    DiskFullError,
    IntegrityError,
    LimitError,
    LocalError,
    LockedError,
    MissingObjectError,
    NoConnectionError,
    UsageError,
)
from catsync_core.hookspecs import BackendEntry, hookimpl

__all__ = ["FileBackend", "catsync_backends"]

PIECE = 256 * 1024  # bytes per piece of a stream
PRIVATE = ".catsync"  # no key begins with a dot, so no object can lie there
LOCK_PATIENCE = 30.0  # seconds
READER_PATIENCE = 2.0  # seconds
WINDOWS = os.name == "nt"
ABANDONED = 24 * 3600.0  # seconds after which an unfinished object is nobody's
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.ELOOP)
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)


@hookimpl
def catsync_backends() -> Sequence[BackendEntry]:
    """Offer ``file``."""
    return [BackendEntry("file", open=lambda url: FileBackend(path_of(url)), redact=lambda url: url)]


class FileBackend:
    """A repository in a directory.

    Args:
        root: The directory; absolute.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._private = root / PRIVATE
        self.url = root.as_uri()
        self.capabilities = Capabilities(write=True, swap=True, connections=2)

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """See :meth:`Backend.get`."""
        with self._translate(key), open_object(self._root, key) as file:
            length = os.fstat(file.fileno()).st_size
            if length > max_length:
                raise LimitError(f"{key} in {self._root} has {length} bytes, more than the {max_length} allowed")
            body = _read_exactly(file, length)
        etag = _etag(body)
        return Reply(b"", etag, modified=False) if etag == known_etag else Reply(body, etag)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """See :meth:`Backend.read`."""
        with self._translate(key), open_object(self._root, key) as file:
            file.seek(offset)
            missing = length
            while missing:
                piece = file.read(min(PIECE, missing))
                if not piece:
                    raise IntegrityError(f"{key} in {self._root} ends {missing} bytes before byte {offset + length}")
                missing -= len(piece)
                yield piece

    def put(self, key: str, source: bytes | Path) -> None:
        """See :meth:`Backend.put`."""
        with self._translate(key):
            self._replace(object_path(self._root, key), source)

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        """See :meth:`Backend.swap`; the first object of a repository makes the directory.

        Raises:
            LockedError: (local) another process holds the lock for too long.
        """
        with self._translate(key):
            if expected_etag is None:
                # A new repository makes its folder, but not the folders above: those may be a drive that is not there.
                self._root.mkdir(exist_ok=True)
        with self._translate(key), self._lock(key):
            if self._current_etag(key) != expected_etag:
                raise ConflictError(f"{key} in {self._root} was changed by someone else")
            self._replace(object_path(self._root, key), body)
        return _etag(body)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See :meth:`Backend.list`."""
        with self._translate(prefix or "the list of objects"):
            self._require_root()
            yield from self._walk(self._root, "", prefix)

    def delete(self, key: str) -> None:
        """See :meth:`Backend.delete`."""
        with self._translate(key):
            self._require_root()
            object_path(self._root, key).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to give back."""

    def _walk(self, folder: Path, path: str, prefix: str) -> Iterator[ObjectInfo]:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            key = path + entry.name
            if entry.is_dir(follow_symlinks=False) and (f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/")):
                if entry.name != PRIVATE:
                    yield from self._walk(Path(entry.path), f"{key}/", prefix)
            elif key.startswith(prefix) and entry.is_file(follow_symlinks=False) and _is_key(key):
                yield from _info(key, entry)

    def _current_etag(self, key: str) -> str | None:
        try:
            with open_object(self._root, key) as file:
                return f'"{hashlib.file_digest(file, "sha256").hexdigest()}"'
        except FileNotFoundError:
            return None

    def _replace(self, path: Path, source: bytes | Path) -> None:
        """Write, flush, rename, flush the folder: after a power cut there is the old object or the new one."""
        self._require_root()
        self._private.mkdir(exist_ok=True)
        self._sweep()
        self._make_folders(path.parent)
        draft = self._private / f"{os.urandom(8).hex()}.tmp"
        try:
            with draft.open("xb") as file:
                _copy(source, file)
                file.flush()
                os.fsync(file.fileno())
            _rename(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)

    def _make_folders(self, folder: Path) -> None:
        if folder != self._root and not folder.is_dir():
            self._make_folders(folder.parent)
            folder.mkdir(exist_ok=True)
            _flush_folder(folder.parent)

    def _sweep(self) -> None:
        """Remove what interrupted processes left."""
        for draft in self._private.glob("*.tmp"):
            try:
                if time.time() - draft.stat().st_mtime > ABANDONED:
                    draft.unlink()
            except FileNotFoundError:  # another process was quicker
                continue

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        from filelock import FileLock, Timeout  # noqa: PLC0415 - only publishers need it

        self._require_root()
        self._private.mkdir(exist_ok=True)
        try:
            with FileLock(self._private / "lock", timeout=LOCK_PATIENCE):
                yield
        except Timeout as error:
            raise LockedError(f"Another process has been changing {key} in {self._root} for a while") from error

    def _require_root(self) -> None:
        if not self._root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such folder", str(self._root))

    @contextmanager
    def _translate(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error(error, key) from error

    def _error(self, error: OSError, key: str) -> CatsyncError:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            return DiskFullError(f"The disk of {self._root} is full: {key} could not be stored")
        if error.errno == errno.EROFS:
            return AuthorisationError(
                f"{self._root} is read-only: {key} could not be changed", hint="Publish where you may write"
            )
        if isinstance(error, PermissionError) or error.errno in _REFUSED:
            return AuthorisationError(f"{key} in {self._root} may not be used: {reason}")
        if not self._root.is_dir():
            return MissingObjectError(
                f"There is no folder {self._root}",
                hint="Check the path, and that the drive is connected; `catsync init` makes a new repository",
            )
        if isinstance(error, FileNotFoundError) or error.errno in _MISSING:
            return MissingObjectError(f"There is no {key} in {self._root}")
        return NoConnectionError(f"{key} in {self._root} cannot be reached: {reason}")


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


def _read_exactly(file: io.FileIO, length: int) -> bytes:
    """Up to ``length`` bytes; a raw read may return fewer than there are."""
    pieces = []
    while length and (piece := file.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _copy(source: bytes | Path, target: BinaryIO) -> None:
    if isinstance(source, bytes):
        target.write(source)
        return
    import shutil  # noqa: PLC0415 - loads bz2 and lzma too, and devices only read

    try:
        file = source.open("rb")
    except OSError as error:
        raise LocalError(f"{source} cannot be read: {error.strerror}") from error
    with file:
        shutil.copyfileobj(file, target, PIECE)


def _rename(source: Path, target: Path) -> None:
    """Replace a file; on Windows only when nobody reads it, so wait for readers to finish."""
    end = time.monotonic() + READER_PATIENCE
    while True:
        try:
            source.replace(target)
        except PermissionError:
            if not WINDOWS or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _flush_folder(folder: Path) -> None:
    """Make a rename durable. Windows cannot, and needs it less: NTFS journals renames in order."""
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_key(text: str) -> bool:
    try:
        check_key(text)
    except UsageError:
        return False
    return True


def _info(key: str, entry: os.DirEntry[str]) -> Iterator[ObjectInfo]:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # deleted since the folder was read
        return
    yield ObjectInfo(key, status.st_size, status.st_mtime)
