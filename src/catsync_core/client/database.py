"""The SQLite file of a device: opening, migrating, transactions, and errors that say what to do.

Thread model: one connection for each object, guarded by a lock; any number of processes.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catsync_core.errors import DiskFullError, LocalError, UnsupportedFormatError
from catsync_core.store.failures import Attempt
from catsync_core.store.space import require_space

__all__ = ["Database"]

_APPLICATION = 0x43534E43  # "CSNC"
_BUSY_SECONDS = 15.0
_PAUSE = 0.01  # seconds between two attempts at what SQLite does not wait for by itself
_NEEDED = 1 << 20  # bytes: more than a transaction and SQLite's own files beside the database take
_PRIMARY = 0xFF  # of SQLite's error codes; what is above tells more about the same
_FIRST = """
CREATE TABLE repositories (
    url TEXT PRIMARY KEY,
    shown TEXT NOT NULL,
    identity TEXT NOT NULL,
    etag TEXT,
    body BLOB NOT NULL,
    checked_at INTEGER NOT NULL,
    attempted_at INTEGER NOT NULL,
    problem TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE catalogs (
    catalog TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    mode TEXT NOT NULL,
    title TEXT NOT NULL,
    downloaded_at INTEGER NOT NULL DEFAULT 0,
    downloaded_bytes INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE marks (
    identity TEXT NOT NULL,
    catalog TEXT NOT NULL,
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (identity, catalog)
) STRICT;
"""
_JOBS = """
ALTER TABLE repositories ADD COLUMN problem_code TEXT NOT NULL DEFAULT '';
ALTER TABLE repositories ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE catalogs ADD COLUMN auto_sync INTEGER;
ALTER TABLE catalogs ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE catalogs ADD COLUMN problem_code TEXT NOT NULL DEFAULT '';
ALTER TABLE catalogs ADD COLUMN problem_at INTEGER NOT NULL DEFAULT 0;
CREATE TABLE jobs (
    catalog TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    asked_at REAL NOT NULL,
    via TEXT NOT NULL,
    by_user INTEGER NOT NULL,
    consented INTEGER NOT NULL,
    gate TEXT NOT NULL,
    reason TEXT NOT NULL,
    until REAL NOT NULL,
    attempts INTEGER NOT NULL,
    phase TEXT NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    beat_at REAL NOT NULL
) STRICT;
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
"""
_CHANGES = (_FIRST, "ALTER TABLE catalogs ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0", _JOBS)
"""What leads from each schema to the next; the last one is today's, and what stands here is never changed."""
_SCHEMA = len(_CHANGES)


class Database:
    """The file.

    Args:
        location: Where it is; made when missing, and brought to today's schema.

    Raises:
        LocalError: (local) it cannot be used.
        UnsupportedFormatError: (content) a newer catsync wrote it.
    """

    def __init__(self, location: Path) -> None:
        self._location = location
        self._lock = threading.Lock()
        with Attempt("make", location.parent):
            location.parent.mkdir(parents=True, exist_ok=True)
        with self._translating():
            self._connection = sqlite3.connect(
                location, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._translating():
                self._migrate()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file, once whoever is at it has done with it."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See one state of everything, without keeping anybody from writing."""
        with self._lock, self._translating(), self._transaction("BEGIN"):
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Change something: all of it or nothing, durable afterwards. Nobody else writes meanwhile."""
        with self._lock, self._translating(), self._transaction("BEGIN IMMEDIATE"):
            yield self._connection

    @contextmanager
    def noting(self) -> Iterator[sqlite3.Connection]:
        """Change something that a crash may undo, which costs no waiting for the disk."""
        with self._lock, self._translating():
            self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._transaction("BEGIN IMMEDIATE"):
                    yield self._connection
            finally:
                self._connection.execute("PRAGMA synchronous = FULL")

    def count_changes(self) -> int:
        """Return a number that is another one after somebody else changed something."""
        with self._lock, self._translating():
            found: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
            return found

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # on a full disk SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _migrate(self) -> None:
        self._log_ahead()
        self._connection.execute("PRAGMA synchronous = FULL")
        if self._connection.execute("PRAGMA user_version").fetchone()[0] == _SCHEMA:
            return
        with self._transaction("BEGIN IMMEDIATE"):
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if found > _SCHEMA:
                raise UnsupportedFormatError(f"{self._location} was written by a newer catsync")
            for statement in (statement for change in _CHANGES[found:] for statement in change.split(";")):
                self._connection.execute(statement)
            if found < _SCHEMA:
                self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {_SCHEMA}")

    def _log_ahead(self) -> None:
        # While somebody else writes to a file that is not yet in this mode, SQLite refuses at once: its busy timeout
        # covers a statement's first lock only, not the stronger one that this statement goes on to ask for.
        deadline = time.monotonic() + _BUSY_SECONDS
        while not self._set_log_ahead(deadline):
            time.sleep(_PAUSE)

    def _set_log_ahead(self, deadline: float) -> bool:
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            return False
        return True

    def _failed(self, error: sqlite3.Error) -> LocalError:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        if code == sqlite3.SQLITE_FULL:
            return DiskFullError(f"The disk is full: could not write the state in {self._location}")
        if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
            # So it also fails where there is no space for a file that it needs beside the database.
            require_space(self._location.parent, _NEEDED, f"The state in {self._location}")
        return LocalError(
            f"The state in {self._location} cannot be used ({error})",
            hint="Check the folder's permissions and space. If the file is damaged, move it away: catalogs stay, and"
            " `catsync add` brings the repository back",
        )
