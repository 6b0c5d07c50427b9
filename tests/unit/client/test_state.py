"""What the device's memory says when the disk or the file is not what it should be."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from catsync_core import Client
from catsync_core.client import database
from catsync_core.client.rows import CatalogRow, Gate, Job, JobKind, Mark, Mode, RepositoryRow
from catsync_core.client.state import State
from catsync_core.errors import DiskFullError, LocalError, MissingObjectError, UnsupportedFormatError
from support.shop import Shop

ROW = RepositoryRow("file:///shop", "/shop", "1" * 32, None, b"index", 1, 1)
WISH = CatalogRow("shoes", ROW.url, Mode.OFFLINE, "Shoes")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "home" / "state.sqlite3")
    yield state
    state.close()


def limit(state: State, pages: int) -> None:
    """Let SQLite find the disk full once the file has so many pages, or as many as it has now."""
    state._database._connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_told_as_such_and_changes_nothing(state: State, tmp_path: Path) -> None:
    state.save_repository(ROW)
    limit(state, 1)
    large = RepositoryRow(ROW.url, ROW.shown, ROW.identity, None, bytes(100_000), 2, 2)
    for _ in range(2):
        with pytest.raises(DiskFullError, match=r"disk is full: could not write the state in .*state\.sqlite3"):
            state.save_repository(large)
        assert state.repositories() == [ROW]
    limit(state, 1000)
    state.save_repository(large)
    state.save_catalog(WISH)
    assert state.repositories() == [large]
    assert state.catalogs() == {"shoes": WISH}


def test_a_new_state_on_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:  # noqa: ANN401  # as sqlite3 has it
            if sql == "PRAGMA synchronous = FULL":
                super().execute("PRAGMA max_page_count = 1")
            return super().execute(sql, parameters)

    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *names, **options: connect(*names, **options, factory=Full))
        with pytest.raises(DiskFullError):
            State(tmp_path / "state.sqlite3")
    State(tmp_path / "state.sqlite3").close()


@pytest.mark.parametrize(("free", "kind"), [(0, DiskFullError), (1 << 40, LocalError)])
def test_a_file_that_cannot_be_opened_asks_whether_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: type[LocalError]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    (tmp_path / "state.sqlite3").mkdir()
    with pytest.raises(LocalError, match=r"The state in .*state\.sqlite3") as caught:
        State(tmp_path / "state.sqlite3")
    assert type(caught.value) is kind


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_bytes(b"no database, " * 100)
    with pytest.raises(LocalError, match=r"state\.sqlite3 cannot be used \(file is not a database\)"):
        State(tmp_path / "state.sqlite3")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(LocalError, match=r"Could not make '.*home'"):
        State(tmp_path / "home" / "state.sqlite3")


def test_the_state_of_a_newer_catsync_is_left_alone(state: State, tmp_path: Path) -> None:
    state.save_repository(ROW)
    state._database._connection.execute("PRAGMA user_version = 999")
    with pytest.raises(UnsupportedFormatError, match="newer catsync"):
        State(tmp_path / "home" / "state.sqlite3")
    state._database._connection.execute("PRAGMA user_version = 3")
    assert state.repositories() == [ROW]


def test_a_problem_that_cannot_be_noted_is_told_all_the_same(client: Client, shop: Shop) -> None:
    catalog = client.catalog("shoes")
    catalog.go_offline()
    (shop.repository / "index.json").unlink()
    for change, table in (("UPDATE", "repositories"), ("INSERT", "catalogs")):
        refuse = "SELECT RAISE(ABORT, 'no space for this')"
        client._device.state._database._connection.execute(
            f"CREATE TRIGGER {table}_full BEFORE {change} ON {table} BEGIN {refuse}; END"
        )
    with pytest.raises(MissingObjectError):
        catalog.update()
    assert catalog.info().problem == ""


def test_a_state_of_the_first_schema_is_taken_over(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "state.sqlite3")
    old.executescript(
        """
        CREATE TABLE repositories (url TEXT PRIMARY KEY, shown TEXT NOT NULL, identity TEXT NOT NULL, etag TEXT,
            body BLOB NOT NULL, checked_at INTEGER NOT NULL, attempted_at INTEGER NOT NULL,
            problem TEXT NOT NULL DEFAULT '') STRICT;
        CREATE TABLE catalogs (catalog TEXT PRIMARY KEY, repository TEXT NOT NULL, mode TEXT NOT NULL,
            title TEXT NOT NULL, downloaded_at INTEGER NOT NULL DEFAULT 0, downloaded_bytes INTEGER NOT NULL DEFAULT 0,
            problem TEXT NOT NULL DEFAULT '') STRICT;
        CREATE TABLE marks (identity TEXT NOT NULL, catalog TEXT NOT NULL, number INTEGER NOT NULL,
            sha256 TEXT NOT NULL, PRIMARY KEY (identity, catalog)) STRICT;
        INSERT INTO catalogs VALUES ('shoes', 'file:///shop', 'offline', 'Shoes', 17, 1000, '');
        PRAGMA user_version = 1;
        """
    )
    old.close()
    for _ in range(2):
        state = State(tmp_path / "state.sqlite3")
        assert state.catalogs() == {"shoes": CatalogRow("shoes", "file:///shop", Mode.OFFLINE, "Shoes", 17, 1000)}
        state.close()


def test_a_state_of_the_second_schema_is_taken_over(tmp_path: Path) -> None:
    """Wishes, repositories and marks stay; what is new has its default."""
    location = tmp_path / "state.sqlite3"
    old = sqlite3.connect(location)
    old.executescript(";".join(database._CHANGES[:2]))
    old.executescript(
        """
        INSERT INTO repositories VALUES ('file:///shop', '/shop', 'id', 'etag', x'696e646578', 5, 6, 'gone');
        INSERT INTO catalogs VALUES ('shoes', 'file:///shop', 'offline', 'Shoes', 17, 1000, 'gone', 4);
        INSERT INTO marks VALUES ('id', '', 9, 'abc');
        PRAGMA user_version = 2;
        """
    )
    old.close()
    for _ in range(2):
        state = State(location)
        assert state.repositories() == [RepositoryRow("file:///shop", "/shop", "id", "etag", b"index", 5, 6, "gone")]
        row = CatalogRow("shoes", "file:///shop", Mode.OFFLINE, "Shoes", 17, 1000, "gone", 4)
        assert state.catalogs() == {"shoes": row}
        assert (row.auto_sync, row.announced, row.problem_code) == (None, 0, "")
        assert state.marks("id") == {"": Mark(9, "abc")}
        assert state.jobs() == []
        state.close()


def test_one_new_state_is_opened_by_many_at_once(tmp_path: Path) -> None:
    """The first of them makes it, and no other fails for that."""

    def open_it(_: int) -> str:
        state = State(tmp_path / "state.sqlite3")
        try:
            return state.identity
        finally:
            state.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(open_it, range(40)))) == 1


def test_a_new_state_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.2, other.execute, ("COMMIT",))
    end.start()
    try:
        State(tmp_path / "state.sqlite3").close()
    finally:
        end.join()
        other.close()


def test_a_new_state_that_stays_locked_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LocalError, match="locked"):
        State(tmp_path / "state.sqlite3")
    other.close()


JOB = Job("shoes", JobKind.INSTALL, 5.0, gate=Gate.RETRY, reason="gone", until=9.5, consented=True, by_user=False)


def test_wishes_and_job_change_together_or_not_at_all(state: State) -> None:
    assert state.change("shoes", lambda _row, _job: (WISH, JOB)) == (WISH, JOB)
    assert state.record("shoes") == (WISH, JOB)
    assert state.jobs() == [JOB]

    def fail(row: CatalogRow | None, job: Job | None) -> tuple[CatalogRow, Job | None]:
        assert (row, job) == (WISH, JOB)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        state.change("shoes", fail)
    assert state.record("shoes") == (WISH, JOB)
    state.change("shoes", lambda _row, _job: (WISH, None))
    assert state.record("shoes") == (WISH, None)


def test_changes_of_many_threads_all_count(state: State, tmp_path: Path) -> None:
    state.save_catalog(WISH)

    def count(_: int) -> None:
        other = State(tmp_path / "home" / "state.sqlite3")
        for _ in range(5):
            other.change("shoes", lambda row, job: (replace(row or WISH, skipped=(row or WISH).skipped + 1), job))
        other.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(8)))
    found = state.catalog("shoes")
    assert found is not None
    assert found.skipped == 40


def test_progress_is_noted_of_the_job_that_is_meant_and_of_no_other(state: State) -> None:
    assert state.note_progress("shoes", JobKind.INSTALL, "fetch", 1, 2, beat_at=7.0) is None
    state.change("shoes", lambda _row, _job: (WISH, JOB))
    noted = state.note_progress("shoes", JobKind.INSTALL, "fetch", 1, 2, beat_at=7.0)
    assert noted == replace(JOB, phase="fetch", done=1, total=2, beat_at=7.0)
    assert state.note_progress("shoes", JobKind.REMOVE, "remove", 0, 0, beat_at=8.0) == noted


def test_a_note_on_a_full_disk_is_told_and_changes_nothing(state: State) -> None:
    state.change("shoes", lambda _row, _job: (WISH, JOB))
    limit(state, 1)
    with pytest.raises(DiskFullError):
        state.note_fact("agent", "x" * 100_000)
    assert state.fact("agent") == ""
    limit(state, 1000)
    state.note_fact("agent", "5")
    assert state.fact("agent") == "5"
    assert state._database._connection.execute("PRAGMA synchronous").fetchone()[0] == 2, "durable again"


def test_a_fact_that_is_settled_stays(state: State, tmp_path: Path) -> None:
    assert state.fact("device") == ""
    assert state.settle_fact("device", "a") == state.settle_fact("device", "b") == state.identity == "a"
    state.note_fact("agent", "1")
    other = State(tmp_path / "home" / "state.sqlite3")
    before = other.count_changes()
    state.note_fact("agent", "2")
    assert (other.identity, other.fact("agent")) == ("a", "2")
    assert other.count_changes() != before
    other.close()


def test_a_repository_that_was_forgotten_is_not_changed(state: State) -> None:
    assert state.change_repository(ROW.url, lambda row: row) is None
    state.save_repository(ROW)
    state.change("shoes", lambda _row, _job: (WISH, JOB))
    assert state.change_repository(ROW.url, lambda row: replace(row, failures=3)) == replace(ROW, failures=3)
    state.forget_repository(ROW.url)
    assert (state.repositories(), state.record("shoes"), state.jobs()) == ([], (None, None), [])
