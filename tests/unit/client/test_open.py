"""Opening files of a catalog, offline and online."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from catsync_core import Client
from catsync_core.errors import DamagedError, IntegrityError, LocalError, NoConnectionError, NotFoundError
from catsync_core.testing.faults import FaultyServer, FlipBit, Reset
from support.players import player_ranges
from support.shop import Shop

BOOTS = b"brown " * 500


@pytest.fixture
def server(shop: Shop, faulty_server: Callable[[Path], FaultyServer]) -> FaultyServer:
    return faulty_server(shop.repository)


@pytest.fixture
def web(tmp_path: Path, server: FaultyServer) -> Iterator[Client]:
    with Client(tmp_path / "device") as client:
        client.add(server.url)
        server.forget()
        yield client


@contextmanager
def no_sockets() -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", refuse)
        yield


def publish_film(shop: Shop, size: int) -> bytes:
    random = Random(7)
    film = b"".join(random.randbytes(1_000_000) for _ in range(size // 1_000_000))
    (shop.folder / "film.mp4").write_bytes(film)
    shop.publish()
    return film


def test_offline_files_are_read_with_sockets_disabled(web: Client) -> None:
    web.catalog("shoes").go_offline()
    with no_sockets(), web.catalog("shoes").open("boots.json") as file:
        assert file.read() == BOOTS
        assert file.seek(-6, os.SEEK_END) == len(BOOTS) - 6
        assert file.read() == b"brown "
        assert list(file.read_range(3, 9)) == [BOOTS[3:9]]
        assert (file.path, file.version, file.size) == ("boots.json", 1, len(BOOTS))


def test_online_files_are_not_read_with_sockets_disabled(web: Client) -> None:
    with no_sockets(), Client(web.home) as client, pytest.raises(AssertionError, match="a socket was opened"):
        client.catalog("shoes").open("boots.json")


def test_an_open_file_stays_the_version_that_it_was(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    with client.catalog("shoes").open("boots.json") as file:
        for text in ("black", "green", "white"):  # the first version's files are removed on the way
            shop.publish(boots=text)
            client.catalog("shoes").update()
        assert file.read() == BOOTS
    with client.catalog("shoes").open("boots.json") as file:
        assert file.read() == b"white"


def test_an_online_file_stays_the_version_that_it_was(web: Client, shop: Shop) -> None:
    with web.catalog("shoes").open("boots.json") as file:
        shop.publish(boots="black")
        assert web.catalog("shoes").open("boots.json").read() == b"black"
        assert file.read() == BOOTS
        assert file.version == 1


def test_a_version_that_went_away_says_so(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    version = client.catalog("shoes").open_version()
    client.catalog("shoes").go_online()
    with pytest.raises(NotFoundError, match="not on this device any more"):
        version.open("boots.json")
    assert client.catalog("shoes").open("boots.json").read() == BOOTS


def test_a_damaged_local_copy_is_noticed(client: Client) -> None:
    client.catalog("shoes").go_offline()
    file = client.catalog("shoes").path() / "boots.json"
    file.chmod(0o644)
    file.write_bytes(b"short")
    with pytest.raises(DamagedError, match="5 bytes instead of 3,000"):
        client.catalog("shoes").open("boots.json")
    file.unlink()
    with pytest.raises(DamagedError, match="missing in the local copy"):
        client.catalog("shoes").open("boots.json")


def test_a_link_in_the_local_copy_is_not_followed(client: Client, tmp_path: Path) -> None:
    client.catalog("shoes").go_offline()
    secret = tmp_path / "secret"
    secret.write_bytes(BOOTS)
    file = client.catalog("shoes").path() / "boots.json"
    file.parent.chmod(0o755)
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(LocalError, match="link"):
        client.catalog("shoes").open("boots.json")


@pytest.mark.parametrize("path", ["", "nothing", "../secret", "/boots.json", "boots.json/", "boots.json\0"])
def test_what_is_not_in_the_catalog_is_not_found(client: Client, path: str) -> None:
    with pytest.raises(NotFoundError, match="has no file"):
        client.catalog("shoes").open(path)


def test_online_nothing_is_stored_and_what_is_known_is_not_fetched_again(web: Client, server: FaultyServer) -> None:
    before = sorted(web.home.rglob("*"))
    assert web.catalog("shoes").open("boots.json").read() == BOOTS
    assert {key: server.count(key=key) for key in ("index", "manifests", "tables", "packs")} == {
        "index": 1,
        "manifests": 1,
        "tables": 1,
        "packs": 1,
    }
    assert web.catalog("shoes").open("socks.json").read() == b"white " * 500
    assert {key: server.count(key=key) for key in ("index", "manifests", "tables", "packs")} == {
        "index": 2,
        "manifests": 1,
        "tables": 1,
        "packs": 1,
    }
    assert server.count(key="index", status=304) == 2
    assert sorted(web.home.rglob("*")) == before


def test_the_repository_is_not_asked_again_within_the_age(
    web: Client, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    web.catalog("shoes").open_version(max_age=60)
    assert server.count(key="index") == 0  # it was asked when it was added
    monkeypatch.setattr(time, "time", lambda: now + 61)
    web.catalog("shoes").open_version(max_age=60)
    assert server.count(key="index") == 1
    monkeypatch.setattr(time, "time", lambda: now - 1000)  # a clock that was set back says nothing about age
    web.catalog("shoes").open_version(max_age=60)
    assert server.count(key="index") == 2


def test_without_a_connection_online_reading_says_so(web: Client, server: FaultyServer) -> None:
    server.plan.add(Reset(), key="", times=100)
    with pytest.raises(NoConnectionError):
        web.catalog("shoes").open("boots.json")


def test_a_damaged_pack_is_refused(web: Client, server: FaultyServer) -> None:
    server.plan.add(FlipBit(3), key="packs/", times=100)
    file = web.catalog("shoes").open("boots.json")
    with pytest.raises(IntegrityError):
        file.read()


@pytest.mark.parametrize(("size", "jumps"), [(64_000_000, 12), pytest.param(500_000_000, 40, marks=pytest.mark.long)])
def test_a_player_fetches_little_more_than_it_asks_for(
    web: Client, shop: Shop, server: FaultyServer, size: int, jumps: int
) -> None:
    film = publish_film(shop, size)
    server.forget()
    asked = 0
    for start, stop in player_ranges(size, seed=3, jumps=jumps):
        with web.catalog("shoes").open("film.mp4") as file:
            assert b"".join(file.read_range(start, stop)) == film[start:stop]
        asked += stop - start
    assert server.bytes_out <= 1.2 * asked
