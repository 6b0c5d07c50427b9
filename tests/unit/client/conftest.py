"""A repository with one small catalog, and a device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catsync_core import Client, Publisher
from catsync_core.backends.metering import MeteredBackend
from catsync_core.events import Event
from support.shop import Shop


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no plan depend on how busy the machine is: a measured round trip decides what a request is worth."""
    monkeypatch.setattr(MeteredBackend, "round_trip", 0.0)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "folder", tmp_path / "repository")
    shop.folder.mkdir()
    Publisher.open(shop.repository).init()
    shop.publish(boots="brown " * 500, socks="white " * 500)
    return shop


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def client(tmp_path: Path, shop: Shop, events: list[Event]) -> Iterator[Client]:
    with Client(tmp_path / "home", listener=events.append) as client:
        client.add(str(shop.repository))
        yield client
