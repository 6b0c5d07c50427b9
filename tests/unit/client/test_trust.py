from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from catsync_core import Client
from catsync_core.client.rows import Mark
from catsync_core.client.state import State
from catsync_core.client.trust import accept_index
from catsync_core.errors import LocalError, TrustError, UnsupportedFormatError
from catsync_core.format.index import CatalogSummary, Index, write_index
from catsync_core.format.objects import ObjectRef
from support.shop import Shop


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.sqlite3")
    yield state
    state.close()


def make_index(serial: int, version: int = 1, head: bytes = b"head", repository: str = "0" * 32) -> Index:
    summary = CatalogSummary("Shoes", version, 1, 1, 1, ObjectRef.of(head))
    return Index(1, repository, serial, 1, {"shoes": summary})


def accept(state: State, index: Index, identity: str | None = None) -> None:
    accept_index(state, index, write_index(index), shown="https://shop.example", identity=identity)


def test_a_newer_index_is_accepted_and_remembered(state: State) -> None:
    accept(state, make_index(1))
    accept(state, make_index(2, version=2, head=b"newer"))
    assert state.marks("0" * 32)["shoes"] == Mark(2, ObjectRef.of(b"newer").sha256)
    assert state.marks("0" * 32)[""].number == 2


def test_an_index_that_went_back_is_refused_even_by_a_new_process(state: State, tmp_path: Path) -> None:
    accept(state, make_index(5))
    again = State(tmp_path / "state.sqlite3")
    with pytest.raises(TrustError, match="went back from 5 to 4"):
        accept(again, make_index(4))
    again.close()


def test_a_catalog_that_went_back_is_refused_though_the_index_went_on(state: State) -> None:
    accept(state, make_index(5, version=3))
    with pytest.raises(TrustError, match=r"shoes .* went back from 3 to 2"):
        accept(state, make_index(6, version=2))
    assert state.marks("0" * 32)[""].number == 5, "a refused index leaves nothing behind"


def test_two_heads_with_one_version_are_refused(state: State) -> None:
    accept(state, make_index(5, version=3))
    with pytest.raises(TrustError, match="two different states"):
        accept(state, make_index(6, version=3, head=b"other"))


def test_two_indexes_with_one_serial_are_refused(state: State) -> None:
    accept(state, make_index(5))
    with pytest.raises(TrustError, match="two different states"):
        accept(state, make_index(5, version=2))


def test_another_repository_at_the_same_address_is_refused(state: State) -> None:
    accept(state, make_index(1))
    with pytest.raises(TrustError, match="another repository"):
        accept(state, make_index(9, repository="f" * 32), identity="0" * 32)


def test_marks_survive_removing_and_adding_a_repository(client: Client, shop: Shop) -> None:
    old = (shop.repository / "index.json").read_bytes()
    shop.publish(boots="black")
    client.check()
    client.remove(str(shop.repository))
    (shop.repository / "index.json").write_bytes(old)
    with pytest.raises(TrustError, match="went back"):
        client.add(str(shop.repository))


def test_a_check_that_is_refused_changes_nothing_and_says_why(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black")
    client.check()
    index = json.loads((shop.repository / "index.json").read_bytes())
    index["serial"] = 1
    (shop.repository / "index.json").write_text(json.dumps(index))
    (checked,) = client.check()
    assert checked.exit_code == 14
    assert "went back" in checked.error
    info = client.catalog("shoes").info()
    assert (info.label, info.installed_version) == ("untrusted", 1)
    assert "went back" in info.problem


def test_the_home_of_a_newer_catsync_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path / "home" / "state.sqlite3")
    state._database._connection.execute("PRAGMA user_version = 99")
    state.close()
    with pytest.raises(UnsupportedFormatError, match="newer catsync") as caught:
        Client(tmp_path / "home")
    assert caught.value.exit_code == 14


def test_a_damaged_state_is_reported_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "state.sqlite3").write_bytes(b"this is not a database" * 100)
    with pytest.raises(LocalError, match="catsync add") as caught:
        Client(tmp_path / "home")
    assert caught.value.exit_code == 1


def test_losing_the_state_loses_no_catalog(client: Client, shop: Shop, tmp_path: Path) -> None:
    client.catalog("shoes").go_offline()
    client.close()
    for file in client.home.glob("state.sqlite3*"):
        file.unlink()
    with Client(client.home) as again:
        again.add(str(shop.repository))
        info = again.catalog("shoes").info()
        assert (info.mode, info.label, info.installed_version) == ("offline", "offline", 1)
        assert again.catalog("shoes").go_offline().changed is False


def test_a_copy_is_listed_and_readable_without_state_and_repository(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    client.close()
    for file in client.home.glob("state.sqlite3*"):
        file.unlink()
    with Client(client.home) as again:
        info = again.catalog("shoes").info()
        assert (info.label, info.offered, info.repository) == ("gone", False, "")
        assert b"".join(again.catalog("shoes").read("boots.json")) == b"brown " * 500
