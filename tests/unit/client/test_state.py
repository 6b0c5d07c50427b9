"""What the device's memory says when the disk or the file is not what it should be."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catsync_core import Client
from catsync_core.client.rows import CatalogRow, Mode, RepositoryRow
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
