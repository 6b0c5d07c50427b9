"""Updates from a web server that ignores ranges, breaks off or lost an object; and what an ordinary one is asked."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from catsync_core.backends import retry
from catsync_core.client.client import Client
from catsync_core.client.report import Summary
from catsync_core.errors import MissingObjectError, NoConnectionError
from catsync_core.plan.model import Via
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.faults import FaultyServer, IgnoreRange, Reset, Status, Truncate, WebPage

Tree = dict[str, bytes]

OLD: Tree = {f"photo{number:02}.jpg": Random(number).randbytes(30_000) for number in range(20)}
# Every third photo is new, too far apart for one request: several connections have something to do.
NEW: Tree = OLD | {f"photo{number:02}.jpg": Random(100 + number).randbytes(30_000) for number in range(0, 20, 3)}
CHANGED_BYTES = 7 * 30_000


class Shop:
    """A repository in a folder, the server in front of it, and a device."""

    def __init__(self, folder: Path, start: Callable[[Path], FaultyServer]) -> None:
        self._folder = folder
        self.repository = folder / "repository"
        Publisher.open(self.repository).init()
        self.publish(OLD)
        self.server = start(self.repository)
        self._home = folder / "home"

    def publish(self, tree: Tree) -> None:
        source = self._folder / "source"
        source.mkdir(exist_ok=True)
        for path, data in tree.items():
            (source / path).write_bytes(data)
            os.utime(source / path, (1_600_000_000, 1_600_000_000))
        Publisher.open(self.repository).publish(source, "photos")

    def install(self) -> Summary:
        with Client(self._home) as client:
            client.add(self.server.url)
            return client.catalog("photos").go_offline()

    def update(self, via: Via = Via.BLOCKS) -> Summary:
        with Client(self._home) as client:
            return client.catalog("photos").update(via=via)

    def check(self) -> Sequence[str]:
        with Client(self._home) as client:
            (checked,) = client.check()
            assert not checked.error
            return checked.updates

    def read(self) -> Tree:
        with Client(self._home) as client:
            root = client.catalog("photos").path()
        return {file.name: file.read_bytes() for file in root.iterdir()}


@pytest.fixture
def shop(tmp_path: Path, faulty_server: Callable[[Path], FaultyServer], monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)
    shop = Shop(tmp_path, faulty_server)
    shop.install()
    shop.server.forget()
    return shop


def test_a_check_with_nothing_new_is_one_request_without_a_body(shop: Shop) -> None:
    assert shop.check() == []
    assert [(served.key, served.status, served.body) for served in shop.server.log] == [("index.json", 304, 0)]


def test_a_check_with_news_fetches_the_index_and_nothing_else(shop: Shop) -> None:
    shop.publish(NEW)
    assert shop.check() == ["photos"]
    assert [(served.key, served.status) for served in shop.server.log] == [("index.json", 200)]


def test_one_small_changed_file_costs_five_requests(shop: Shop) -> None:
    shop.publish(OLD | {"photo07.jpg": b"a new photo"})
    summary = shop.update()
    kinds = [served.key.partition("/")[0] for served in shop.server.log]
    assert kinds == ["index.json", "heads", "manifests", "tables", "packs"]
    assert summary.requests == 5
    assert summary.bytes_received == sum(served.body for served in shop.server.log)


def test_deletions_alone_ask_for_no_content(shop: Shop) -> None:
    (shop.repository.parent / "source" / "photo00.jpg").unlink()
    shop.publish({})
    shop.update()
    assert shop.server.count(key="packs/") == shop.server.count(key="tables/") == 0
    assert shop.read() == {path: data for path, data in OLD.items() if path != "photo00.jpg"}


def test_a_server_that_ignores_ranges_costs_bytes_and_no_wrong_file(shop: Shop) -> None:
    shop.publish(NEW)
    shop.server.plan.add(IgnoreRange(), key="packs/", times=math.inf)
    shop.update()
    assert shop.read() == NEW


@pytest.mark.parametrize("after", [0, 1, 40_000, 100_000])
@pytest.mark.parametrize("fault", [Truncate, Reset])
def test_a_broken_connection_is_resumed_where_it_broke(
    shop: Shop, fault: Callable[[int], Truncate | Reset], after: int
) -> None:
    shop.publish(NEW)
    for _ in range(3):
        shop.server.plan.add(fault(after), key="packs/")
    shop.update()
    assert shop.read() == NEW
    sent = sum(served.body for served in shop.server.log if served.key.startswith("packs/"))
    # What was on its way when a connection was reset is lost: at most what the sockets held.
    assert CHANGED_BYTES <= sent <= CHANGED_BYTES + 3 * max(after, 1)


@pytest.mark.parametrize("kind", ["heads/", "manifests/", "tables/", "packs/"])
@pytest.mark.parametrize(("fault", "error"), [(Status(404), MissingObjectError), (WebPage(), NoConnectionError)])
def test_a_lost_object_or_a_login_page_leaves_the_old_version(
    shop: Shop, kind: str, fault: Status | WebPage, error: type[Exception]
) -> None:
    shop.publish(NEW)
    shop.server.plan.add(fault, key=kind, times=math.inf)
    with pytest.raises(error):
        shop.update()
    assert shop.read() == OLD
    shop.server.plan.clear()
    shop.update()
    assert shop.read() == NEW


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_patch_that_is_refused_or_fails_for_good_is_done_without(shop: Shop, status: int) -> None:
    shop.publish(OLD | {"photo07.jpg": b"a new photo"})
    shop.server.plan.add(Status(status), key="patches/", times=math.inf)
    summary = shop.update(Via.AUTO)
    assert shop.read() == OLD | {"photo07.jpg": b"a new photo"}
    assert summary.actions["patch"].files == 0
    assert shop.server.count(key="patches/") >= 1
