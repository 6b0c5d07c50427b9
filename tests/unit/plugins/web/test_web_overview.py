from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catsync_core import CatalogInfo, Client, JobKind, Publisher
from catsync_plugins.web.overview import Overview
from catsync_plugins.web.rows import Row
from catsync_plugins.web.views import row_of
from support.shop import Shop


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """An overview, and which catalogs it looked at."""

    def __init__(self, client: Client) -> None:
        self.clock = Clock()
        self.looked: list[str] = []
        self.overview = Overview(client, self._row, self.clock)

    def _row(self, info: CatalogInfo, position: int) -> Row:
        self.looked.append(info.catalog)
        return row_of(info, position)

    def look(self) -> dict[str, Row]:
        self.looked.clear()
        return {row.id: row for row in self.overview.rows()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "prices.json").write_text("{}")
    shop = Shop(tmp_path / "folder", tmp_path / "repository")
    Publisher.open(shop.repository).init()
    for catalog in ("boots", "hats", "shoes"):
        shop.publish(catalog)
    with Client(tmp_path / "home") as client:
        client.add(str(shop.repository))
    return tmp_path / "home"


@pytest.fixture
def watched(home: Path) -> Iterator[Watched]:
    with Client(home) as client:
        yield Watched(client)


def test_all_rows_come_first_and_in_order(watched: Watched) -> None:
    assert watched.overview.changed()
    assert list(watched.look()) == ["boots", "hats", "shoes"]
    assert watched.looked == ["boots", "hats", "shoes"]
    assert not watched.overview.changed()


def test_nothing_is_looked_at_again_while_nothing_changes(watched: Watched) -> None:
    watched.look()
    assert list(watched.look()) == ["boots", "hats", "shoes"]
    assert watched.looked == []


def test_what_was_touched_is_looked_at(watched: Watched) -> None:
    watched.look()
    watched.overview.touch("hats")
    assert watched.overview.changed()
    watched.look()
    assert watched.looked == ["hats"]


def test_a_change_by_somebody_else_shows(watched: Watched, home: Path) -> None:
    watched.look()
    with Client(home) as other:
        other.catalog("hats").set_auto_sync(on=False)
    assert watched.overview.changed()
    assert watched.look()["hats"].auto_sync is False


def test_all_are_looked_at_once_in_a_while(watched: Watched) -> None:
    watched.look()
    watched.clock.now += 60
    assert watched.overview.changed()
    watched.look()
    assert len(watched.looked) == 3


def test_a_job_is_looked_at_each_time_and_once_more_when_it_is_done(watched: Watched, home: Path) -> None:
    with Client(home) as other:
        other.catalog("hats").ask(JobKind.INSTALL)
    row = watched.look()["hats"]
    assert row.job
    assert (row.job.phase, row.job.position, row.job.gate) == ("queued", 1, "queue")
    watched.overview.touch()
    watched.look()
    assert watched.looked == ["hats"]
    with Client(home) as other:
        other.catalog("hats").run_job()
    watched.look()
    assert watched.look()["hats"].job is None
