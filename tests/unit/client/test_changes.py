from __future__ import annotations

import shutil

import pytest

from catsync_core import Client
from catsync_core.client.changes import FileChange
from catsync_core.errors import NotFoundError
from catsync_core.events import Event, Phase
from support.shop import Shop


def test_changes_name_what_the_newest_version_brings_and_fetch_no_content(
    client: Client, shop: Shop, events: list[Event]
) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black", socks=None, hats="red")
    events.clear()
    changes = client.catalog("shoes").changes()
    assert (changes.from_version, changes.to_version) == (1, 2)
    assert changes.added == (FileChange("hats.json", 3),)
    assert changes.changed == (FileChange("boots.json", 5),)
    assert changes.removed == (FileChange("socks.json", 3000),)
    assert not [event for event in events if isinstance(event, Phase)]
    assert client.catalog("shoes").info().installed_version == 1


def test_there_are_none_when_it_is_current_and_no_manifest_is_fetched(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shutil.rmtree(shop.repository / "manifests")
    changes = client.catalog("shoes").changes()
    assert (changes.from_version, changes.to_version) == (1, 1)
    assert (changes.added, changes.changed, changes.removed) == ((), (), ())


def test_an_online_catalog_has_nothing_to_compare_with(client: Client) -> None:
    with pytest.raises(NotFoundError, match="not offline"):
        client.catalog("shoes").changes()
