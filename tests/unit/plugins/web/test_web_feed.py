from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from catsync_core.errors import LocalError
from catsync_plugins.web.feed import Feed
from catsync_plugins.web.rows import DeviceLine, Row, RowJob
from support.screen import FakeDevice

SHOES = Row("shoes", "Shoes", "online", "online")
HATS = Row("hats", "Hats", "offline", "offline", installed_version=1)
LOADING = RowJob("install", "fetch", done=10, total=100, running=True)


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice([SHOES, HATS])


@pytest.fixture
def feed(device: FakeDevice) -> Iterator[Feed]:
    feed = Feed(device, tick=0.01)
    yield feed
    feed.close()


def test_first_come_all_rows_by_id_and_the_line(feed: Feed) -> None:
    news = feed.since(0)
    assert [row.id for row in news.rows] == ["hats", "shoes"]
    assert news.device == DeviceLine("0.1.0", repositories=1)
    assert news.whole


def test_then_comes_what_changed_and_nothing_else(feed: Feed, device: FakeDevice) -> None:
    before = feed.since(0)
    device.change("shoes", label="waiting")
    feed.look_now()
    news = feed.since(before.serial, before.server)
    assert [(row.id, row.label) for row in news.rows] == [("shoes", "waiting")]
    assert news.device is None
    assert not news.whole
    assert feed.since(news.serial, news.server).rows == ()


def test_rows_that_are_gone_are_named_until_they_come_back(feed: Feed, device: FakeDevice) -> None:
    before = feed.since(0)
    device.hide("hats")
    feed.look_now()
    assert feed.since(before.serial, before.server).gone == ("hats",)
    assert feed.row("hats") is None
    device.show(HATS)
    feed.look_now()
    assert feed.since(before.serial, before.server).gone == ()


def test_a_serial_of_another_server_counts_for_nothing(feed: Feed) -> None:
    news = feed.since(feed.since(0).serial, "another")
    assert news.whole
    assert len(news.rows) == 2


def test_progress_leaves_the_revision_and_a_wish_raises_it(feed: Feed, device: FakeDevice) -> None:
    device.change("shoes", job=LOADING, label="downloading", mode="offline")
    feed.look_now()
    first = feed.row("shoes")
    device.change("shoes", job=RowJob("install", "decode", done=20, total=100, running=True))
    feed.look_now()
    second = feed.row("shoes")
    device.change("shoes", job=RowJob("install", gate="user_pause"), label="paused")
    feed.look_now()
    third = feed.row("shoes")
    assert first
    assert second
    assert third
    assert second.job != first.job
    assert second.revision == first.revision
    assert third.revision > second.revision


def test_listeners_are_told_until_they_leave(feed: Feed, device: FakeDevice) -> None:
    told = threading.Event()
    leave = feed.listen(told.set)
    device.change("shoes", title="Boots")
    feed.look_now()
    assert told.is_set()
    leave()
    told.clear()
    device.change("shoes", title="Sandals")
    feed.look_now()
    assert not told.is_set()


def test_a_look_that_finds_nothing_new_tells_nobody(feed: Feed) -> None:
    before = feed.since(0).serial
    feed.look_now()
    assert feed.since(0).serial == before


def test_what_cannot_be_read_now_is_read_later(device: FakeDevice) -> None:
    class Shy(FakeDevice):
        shy = False

        def rows(self) -> list[Row]:
            if self.shy:
                raise LocalError("The state cannot be read")
            return super().rows()

    shy = Shy([SHOES])
    feed = Feed(shy, tick=0.01)
    shy.shy = True
    shy.change("shoes", title="Boots")
    feed.look_now()
    kept = feed.row("shoes")
    shy.shy = False
    feed.look_now()
    seen = feed.row("shoes")
    feed.close()
    assert kept
    assert seen
    assert (kept.title, seen.title) == ("Shoes", "Boots")
