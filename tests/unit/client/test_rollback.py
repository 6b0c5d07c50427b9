from __future__ import annotations

import shutil

import pytest

from catsync_core import Client, Progress
from catsync_core.errors import DamagedError, NotFoundError
from catsync_core.events import Event
from support.shop import Shop


def read_files(client: Client) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in client.catalog("shoes").path().iterdir()}


@pytest.fixture
def updated(client: Client, shop: Shop) -> Client:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black " * 500, socks=None, hats="red")
    client.catalog("shoes").update()
    return client


def test_rolling_back_brings_the_version_before_without_a_connection(updated: Client, shop: Shop) -> None:
    shutil.rmtree(shop.repository)
    after = updated.catalog("shoes").roll_back()
    assert (after.version, after.previous and after.previous.version) == (1, 2)
    assert read_files(updated) == {"boots.json": b"brown " * 500, "socks.json": b"white " * 500}
    assert updated.catalog("shoes").info().label == "update_available"


def test_an_update_after_it_brings_the_newest_back(updated: Client) -> None:
    updated.catalog("shoes").roll_back()
    assert updated.catalog("shoes").update().to_version == 2
    assert read_files(updated) == {"boots.json": b"black " * 500, "hats.json": b"red"}
    assert updated.catalog("shoes").verify().damaged == ()


def test_rolling_back_twice_is_where_it_began(updated: Client) -> None:
    updated.catalog("shoes").roll_back()
    assert updated.catalog("shoes").roll_back().version == 2


def test_a_damaged_previous_version_does_not_come_back(updated: Client) -> None:
    place = updated.catalog("shoes").path().parent / "1" / "boots.json"
    place.chmod(0o644)
    place.write_bytes(b"green " * 500)
    with pytest.raises(DamagedError, match=r"boots\.json"):
        updated.catalog("shoes").roll_back()
    assert updated.catalog("shoes").info().installed_version == 2
    assert read_files(updated)["hats.json"] == b"red"


def test_without_a_previous_version_it_says_so(client: Client) -> None:
    client.catalog("shoes").go_offline()
    with pytest.raises(NotFoundError, match="No previous version"):
        client.catalog("shoes").roll_back()


def test_its_progress_counts_what_is_verified(updated: Client, events: list[Event]) -> None:
    updated.catalog("shoes").roll_back()
    done = [event.done for event in events if isinstance(event, Progress) and event.job == "rollback"]
    assert done == sorted(done)
    assert done[-1] == 6000
