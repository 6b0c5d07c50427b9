"""What a device remembers between runs, in SQLite: repositories, the user's wishes, and what it must never unlearn.

The store's folders and pointers say what is installed; this says what is wished and what was seen. Losing it loses no
content. Marks (the highest serial and versions seen) are written with full synchronisation before they are relied upon.

Thread model: one connection for each object, guarded by a lock; any number of processes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from catsync_core.errors import DiskFullError, LocalError, UnsupportedFormatError
from catsync_core.store.failures import Attempt
from catsync_core.store.space import require_space

__all__ = ["CatalogRow", "Mark", "Mode", "RepositoryRow", "State"]

_APPLICATION = 0x43534E43  # "CSNC"
_BUSY_SECONDS = 15.0
_NEEDED = 1 << 20  # bytes: more than a transaction and SQLite's own files beside the database take
_PRIMARY = 0xFF  # of SQLite's error codes; what is above tells more about the same
_TABLES = """
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
_CHANGES = (
    _TABLES,
    "ALTER TABLE catalogs ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0",
)
"""What leads from each schema to the next; the last one is today's, and what stands here is never changed."""
_SCHEMA = len(_CHANGES)


class Mode(StrEnum):
    """The user's wish for a catalog."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """A repository that the user added.

    Attributes:
        url: Its address, credentials included.
        shown: Its address as it may be shown.
        identity: The id in its index.
        etag: Of the index.
        body: The index as it was last accepted.
        checked_at: When it was last asked successfully, seconds since 1970.
        attempted_at: When it was last asked.
        problem: What went wrong the last time; empty for nothing.
    """

    url: str
    shown: str
    identity: str
    etag: str | None
    body: bytes
    checked_at: int
    attempted_at: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """A catalog for which the user wished something.

    Attributes:
        catalog: Id.
        repository: Address of the repository that it is from.
        mode: The wish.
        title: As it was last known.
        downloaded_at: When content was last downloaded, seconds since 1970; 0 for never.
        downloaded_bytes: That the last download took.
        problem: Why the last job failed; empty for no failure.
        skipped: The version that the user does not want to be told of; 0 for none.
    """

    catalog: str
    repository: str
    mode: Mode
    title: str
    downloaded_at: int = 0
    downloaded_bytes: int = 0
    problem: str = ""
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest number seen, and the SHA-256 of what had it."""

    number: int
    sha256: str


class State:
    """The device's memory.

    Args:
        location: The database file; made when missing.
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
        """Close the database."""
        self._connection.close()

    def repositories(self) -> list[RepositoryRow]:
        """Return all repositories in the order in which they were added."""
        with self._transaction() as run:
            rows = run.execute(
                "SELECT url, shown, identity, etag, body, checked_at, attempted_at, problem"
                " FROM repositories ORDER BY rowid"
            )
            return [RepositoryRow(*row) for row in rows]

    def save_repository(self, row: RepositoryRow) -> None:
        """Add or change a repository."""
        with self._transaction() as run:
            run.execute(
                "INSERT INTO repositories (url, shown, identity, etag, body, checked_at, attempted_at, problem)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (url) DO UPDATE SET shown = excluded.shown,"
                " identity = excluded.identity, etag = excluded.etag, body = excluded.body,"
                " checked_at = excluded.checked_at, attempted_at = excluded.attempted_at, problem = excluded.problem",
                (
                    row.url,
                    row.shown,
                    row.identity,
                    row.etag,
                    row.body,
                    row.checked_at,
                    row.attempted_at,
                    row.problem,
                ),
            )

    def forget_repository(self, url: str) -> None:
        """Remove a repository and the wishes for its catalogs; the marks stay."""
        with self._transaction() as run:
            run.execute("DELETE FROM repositories WHERE url = ?", (url,))
            run.execute("DELETE FROM catalogs WHERE repository = ?", (url,))

    def catalogs(self) -> dict[str, CatalogRow]:
        """Return all catalogs for which something was wished, by id."""
        with self._transaction() as run:
            rows = run.execute(
                "SELECT catalog, repository, mode, title, downloaded_at, downloaded_bytes, problem, skipped"
                " FROM catalogs"
            )
            return {row[0]: CatalogRow(row[0], row[1], Mode(row[2]), *row[3:]) for row in rows}

    def save_catalog(self, row: CatalogRow) -> None:
        """Add or change a catalog's wishes."""
        with self._transaction() as run:
            run.execute(
                "INSERT INTO catalogs"
                " (catalog, repository, mode, title, downloaded_at, downloaded_bytes, problem, skipped)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (catalog) DO UPDATE SET"
                " repository = excluded.repository, mode = excluded.mode, title = excluded.title,"
                " downloaded_at = excluded.downloaded_at, downloaded_bytes = excluded.downloaded_bytes,"
                " problem = excluded.problem, skipped = excluded.skipped",
                (
                    row.catalog,
                    row.repository,
                    row.mode.value,
                    row.title,
                    row.downloaded_at,
                    row.downloaded_bytes,
                    row.problem,
                    row.skipped,
                ),
            )

    def marks(self, identity: str) -> dict[str, Mark]:
        """Return the marks of a repository: by catalog, with the index itself under the empty id."""
        with self._transaction() as run:
            rows = run.execute("SELECT catalog, number, sha256 FROM marks WHERE identity = ?", (identity,))
            return {catalog: Mark(number, sha256) for catalog, number, sha256 in rows}

    def raise_marks(self, identity: str, marks: dict[str, Mark]) -> None:
        """Raise marks durably; a mark is never lowered."""
        with self._transaction() as run:
            run.executemany(
                "INSERT INTO marks (identity, catalog, number, sha256) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (identity, catalog) DO UPDATE SET number = excluded.number, sha256 = excluded.sha256"
                " WHERE excluded.number > number",
                [(identity, catalog, mark.number, mark.sha256) for catalog, mark in marks.items()],
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translating(), self._writing():
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
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
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        with self._writing():
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if found > _SCHEMA:
                raise UnsupportedFormatError(f"{self._location} was written by a newer catsync")
            for statement in (statement for change in _CHANGES[found:] for statement in change.split(";")):
                self._connection.execute(statement)
            if found < _SCHEMA:
                self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {_SCHEMA}")

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
