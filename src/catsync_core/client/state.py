"""What a device remembers between runs: repositories, the user's wishes, jobs, and what it must never unlearn.

The store's folders and pointers say what is installed; this says what is wished and what was seen. Losing it loses no
content. Marks (the highest serial and versions seen) are written with full synchronisation before they are relied upon.

Thread model: any thread, any number of processes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import astuple

from catsync_core.client.database import Database
from catsync_core.client.rows import CatalogRow, Gate, Job, JobKind, Mark, Mode, RepositoryRow

__all__ = ["State"]


class State:
    """The device's memory.

    Args:
        location: The database file; made when missing.
    """

    def __init__(self, location: Path) -> None:
        self._database = Database(location)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @cached_property
    def identity(self) -> str:
        """A random number of this device that never changes."""
        return self.fact("device") or self.settle_fact("device", os.urandom(16).hex())

    def repositories(self) -> list[RepositoryRow]:
        """Return all repositories in the order in which they were added."""
        with self._database.reading() as run:
            rows = run.execute(f"{_select('repositories', RepositoryRow)} ORDER BY rowid")
            return [RepositoryRow(*row) for row in rows]

    def save_repository(self, row: RepositoryRow) -> None:
        """Add or change a repository."""
        with self._database.writing() as run:
            _save(run, "repositories", "url", row)

    def change_repository(self, url: str, decide: Callable[[RepositoryRow], RepositoryRow]) -> RepositoryRow | None:
        """Change a repository in one step; return what it is then, None where it is not there any more.

        Args:
            url: Its address.
            decide: Gets what there is and returns what shall be.
        """
        with self._database.writing() as run:
            found = run.execute(f"{_select('repositories', RepositoryRow)} WHERE url = ?", (url,)).fetchone()
            if found is None:
                return None
            row = decide(RepositoryRow(*found))
            _save(run, "repositories", "url", row)
            return row

    def forget_repository(self, url: str) -> None:
        """Remove a repository, the wishes for its catalogs and their jobs; the marks stay."""
        with self._database.writing() as run:
            run.execute("DELETE FROM jobs WHERE catalog IN (SELECT catalog FROM catalogs WHERE repository = ?)", (url,))
            run.execute("DELETE FROM repositories WHERE url = ?", (url,))
            run.execute("DELETE FROM catalogs WHERE repository = ?", (url,))

    def catalogs(self) -> dict[str, CatalogRow]:
        """Return all catalogs for which something was wished, by id."""
        with self._database.reading() as run:
            return {row[0]: _catalog(row) for row in run.execute(_select("catalogs", CatalogRow))}

    def catalog(self, catalog: str) -> CatalogRow | None:
        """Return one of them; None where nothing was wished."""
        return self.record(catalog)[0]

    def save_catalog(self, row: CatalogRow) -> None:
        """Add or change a catalog's wishes."""
        with self._database.writing() as run:
            _save(run, "catalogs", "catalog", row)

    def jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        with self._database.reading() as run:
            return [_job(row) for row in run.execute(f"{_select('jobs', Job)} ORDER BY asked_at, catalog")]

    def record(self, catalog: str) -> tuple[CatalogRow | None, Job | None]:
        """Return what is wished of a catalog, and its job."""
        with self._database.reading() as run:
            return _read_record(run, catalog)

    def change(
        self, catalog: str, decide: Callable[[CatalogRow | None, Job | None], tuple[CatalogRow, Job | None]]
    ) -> tuple[CatalogRow, Job | None]:
        """Change what is wished of a catalog and its job in one step, durably; nobody comes between.

        Args:
            catalog: Id.
            decide: Gets what there is and returns what shall be; what it raises leaves everything as it was.
        """
        with self._database.writing() as run:
            before = _read_record(run, catalog)
            row, job = decide(*before)
            if row != before[0]:
                _save(run, "catalogs", "catalog", row)
            if job is None:
                run.execute("DELETE FROM jobs WHERE catalog = ?", (catalog,))
            elif job != before[1]:
                _save(run, "jobs", "catalog", job)
            return row, job

    def note_progress(
        self, catalog: str, kind: JobKind, phase: str, done: int, total: int, *, beat_at: float
    ) -> Job | None:
        """Note how far a job is, unless another kind has taken its place; return what there is now.

        A crash may undo the note.
        """
        with self._database.noting() as run:
            run.execute(
                "UPDATE jobs SET phase = ?, done = ?, total = ?, beat_at = ? WHERE catalog = ? AND kind = ?",
                (phase, done, total, beat_at, catalog, kind),
            )
            return _read_record(run, catalog)[1]

    def fact(self, name: str) -> str:
        """Return a fact about this device; empty where it is not known."""
        with self._database.reading() as run:
            found = run.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return found[0] if found else ""

    def settle_fact(self, name: str, value: str) -> str:
        """Note a fact unless it is known already; returns what counts."""
        with self._database.writing() as run:
            run.execute("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, value))
            return str(run.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()[0])

    def note_fact(self, name: str, value: str) -> None:
        """Note a fact that changes often; a crash may undo that."""
        with self._database.noting() as run:
            run.execute(
                "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def marks(self, identity: str) -> dict[str, Mark]:
        """Return the marks of a repository: by catalog, with the index itself under the empty id."""
        with self._database.reading() as run:
            rows = run.execute("SELECT catalog, number, sha256 FROM marks WHERE identity = ?", (identity,))
            return {catalog: Mark(number, sha256) for catalog, number, sha256 in rows}

    def raise_marks(self, identity: str, marks: dict[str, Mark]) -> None:
        """Raise marks durably; a mark is never lowered."""
        with self._database.writing() as run:
            run.executemany(
                "INSERT INTO marks (identity, catalog, number, sha256) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (identity, catalog) DO UPDATE SET number = excluded.number, sha256 = excluded.sha256"
                " WHERE excluded.number > number",
                [(identity, catalog, mark.number, mark.sha256) for catalog, mark in marks.items()],
            )

    def count_changes(self) -> int:
        """Return a number that is another one after another process, or another object, changed something."""
        return self._database.count_changes()


def _select(table: str, kind: type[Any]) -> str:
    """The columns are named, for a migration adds new ones at the end."""
    return f"SELECT {', '.join(kind.__struct_fields__)} FROM {table}"  # noqa: S608  # names of our own


def _save(run: sqlite3.Connection, table: str, key: str, row: CatalogRow | RepositoryRow | Job) -> None:
    names = list(row.__struct_fields__)
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    places = ", ".join("?" for _ in names)
    run.execute(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}) ON CONFLICT ({key}) DO UPDATE SET {updates}",  # noqa: S608  # as above
        astuple(row),
    )


def _read_record(run: sqlite3.Connection, catalog: str) -> tuple[CatalogRow | None, Job | None]:
    row = run.execute(f"{_select('catalogs', CatalogRow)} WHERE catalog = ?", (catalog,)).fetchone()
    job = run.execute(f"{_select('jobs', Job)} WHERE catalog = ?", (catalog,)).fetchone()
    return _catalog(row) if row else None, _job(job) if job else None


def _catalog(row: tuple[Any, ...]) -> CatalogRow:
    found = dict(zip(CatalogRow.__struct_fields__, row, strict=True))
    said = found["auto_sync"]
    return CatalogRow(**found | {"mode": Mode(found["mode"]), "auto_sync": None if said is None else bool(said)})


def _job(row: tuple[Any, ...]) -> Job:
    found = dict(zip(Job.__struct_fields__, row, strict=True))
    read = {"kind": JobKind, "gate": Gate, "by_user": bool, "consented": bool}
    return Job(**found | {name: make(found[name]) for name, make in read.items()})
