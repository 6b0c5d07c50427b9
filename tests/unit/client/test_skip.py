from __future__ import annotations

import pytest

from catsync_core import Client
from catsync_core.errors import NotFoundError
from support.shop import Shop


def test_a_skipped_update_is_not_shown_until_a_newer_one_comes(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black")
    assert client.check()[0].updates == ["shoes"]
    assert client.catalog("shoes").skip() == 2
    info = client.catalog("shoes").info()
    assert (info.label, info.skipped_version, info.head_version) == ("offline", 2, 2)
    assert client.check()[0].updates == []
    shop.publish(boots="blue")
    assert client.check()[0].updates == ["shoes"]
    assert client.catalog("shoes").info().label == "update_available"


def test_it_can_be_fetched_all_the_same(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black")
    client.check()
    client.catalog("shoes").skip()
    assert client.catalog("shoes").update().to_version == 2
    assert client.catalog("shoes").info().skipped_version is None


def test_without_an_update_there_is_nothing_to_skip(client: Client) -> None:
    with pytest.raises(NotFoundError, match="not offline"):
        client.catalog("shoes").skip()
    client.catalog("shoes").go_offline()
    with pytest.raises(NotFoundError, match="No update"):
        client.catalog("shoes").skip()
