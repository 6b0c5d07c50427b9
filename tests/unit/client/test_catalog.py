from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from catsync_core import Client, Mode
from catsync_core.errors import (
    IntegrityError,
    LockedError,
    MissingObjectError,
    NoConnectionError,
    NotFoundError,
    UsageError,
)
from catsync_core.events import Event, Phase, Progress, RepositoryChecked, UpdateFound
from catsync_core.format.index import Index, read_index
from catsync_core.plan.model import Via
from catsync_core.store.layout import CatalogStore
from support.shop import Shop


def read_files(client: Client, catalog: str = "shoes") -> dict[str, bytes]:
    known = client.catalog(catalog)
    return {file.path: b"".join(known.read(file.path)) for file in known.files()}


def fetched_content(events: list[Event]) -> int:
    return sum(event.total for event in events if isinstance(event, Phase) and event.name == "fetch")


def test_a_new_catalog_is_online_and_nothing_is_stored(client: Client, shop: Shop) -> None:
    info = client.catalog("shoes").info()
    assert (info.mode, info.label, info.installed_version, info.head_version) == (Mode.ONLINE, "online", None, 1)
    assert not (client.home / "catalogs").exists()
    assert read_files(client) == {"boots.json": b"brown " * 500, "socks.json": b"white " * 500}
    assert not (client.home / "catalogs").exists()


def test_online_reading_follows_the_backend(client: Client, shop: Shop) -> None:
    shop.publish(boots="black")
    client.check()
    assert read_files(client)["boots.json"] == b"black"


def test_going_offline_makes_a_complete_copy_of_plain_files(client: Client, shop: Shop) -> None:
    summary = client.catalog("shoes").go_offline()
    assert (summary.from_version, summary.to_version, summary.changed) == (None, 1, True)
    folder = client.catalog("shoes").path()
    assert (folder / "boots.json").read_text() == "brown " * 500
    info = client.catalog("shoes").info()
    assert (info.mode, info.label, info.installed_version) == (Mode.OFFLINE, "offline", 1)
    assert info.downloaded_bytes == summary.bytes_received > 0


@pytest.mark.parametrize("last_look", [1, 2])
def test_the_state_is_told_while_the_copy_is_removed(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch, last_look: int
) -> None:
    client.catalog("shoes").go_offline()
    exists, looks = CatalogStore.exists, 0

    def exist_no_longer(store: CatalogStore) -> bool:
        nonlocal looks
        found, looks = exists(store), looks + 1
        if looks == last_look:
            store.root.rename(store.home / "removed")
        return found

    monkeypatch.setattr(CatalogStore, "exists", exist_no_longer)
    info = client.catalog("shoes").info()
    assert looks >= last_look
    assert (info.kept_bytes, info.mode) == (0, Mode.OFFLINE)


def test_going_offline_again_changes_nothing_and_asks_nobody(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shutil.rmtree(shop.repository)
    summary = client.catalog("shoes").go_offline()
    assert (summary.changed, summary.requests, summary.bytes_received) == (False, 0, 0)


def test_an_offline_catalog_is_read_without_the_backend(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shutil.rmtree(shop.repository)
    assert read_files(client)["socks.json"] == b"white " * 500
    assert client.catalog("shoes").verify().damaged == ()


def test_a_check_finds_an_update_and_fetches_no_content(client: Client, shop: Shop, events: list[Event]) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black")
    events.clear()
    (checked,) = client.check()
    assert checked.updates == ["shoes"]
    assert client.catalog("shoes").info().label == "update_available"
    assert [type(event) for event in events] == [UpdateFound, RepositoryChecked]  # and no phase of any job
    client.check()
    assert [type(event) for event in events] == [UpdateFound, RepositoryChecked, RepositoryChecked]  # told once
    assert read_files(client)["boots.json"] == b"brown " * 500


def test_an_update_brings_the_new_version_and_keeps_the_one_before(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    before = client.catalog("shoes").path()
    shop.publish(boots="black", hats="red", socks=None)
    summary = client.catalog("shoes").update()
    assert (summary.from_version, summary.to_version) == (1, 2)
    assert read_files(client) == {"boots.json": b"black", "hats.json": b"red"}
    assert (before / "boots.json").read_text() == "brown " * 500
    shop.publish(hats="green")
    client.check()
    client.catalog("shoes").update()
    assert not before.exists(), "only one version before is kept"


def test_updating_when_nothing_is_new_converges(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    client.check()
    summary = client.catalog("shoes").update()
    assert (summary.changed, summary.bytes_written) == (False, 0)
    assert client.catalog("shoes").info().label == "offline"


def test_updating_an_online_catalog_is_refused_with_the_way_out(client: Client) -> None:
    with pytest.raises(NotFoundError, match="catsync offline shoes"):
        client.catalog("shoes").update()


def test_a_plan_says_what_the_update_then_takes(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black " * 700)
    client.check()
    planned = client.catalog("shoes").plan()
    done = client.catalog("shoes").update()
    assert (planned.bytes_received, planned.requests) == (done.bytes_received, done.requests)
    assert (planned.actions, planned.bytes_reused) == (done.actions, done.bytes_reused)


def test_going_back_online_deletes_the_copy_and_only_that(client: Client, shop: Shop) -> None:
    catalog = client.catalog("shoes")
    catalog.go_offline()
    catalog.path().chmod(0o755)
    foreign = catalog.path() / "my notes.txt"
    foreign.write_text("keep me")
    left = catalog.go_online()
    assert [Path(path).name for path in left] == ["my notes.txt"]
    assert foreign.read_text() == "keep me"
    assert not (foreign.parent / "boots.json").exists()
    info = client.catalog("shoes").info()
    assert (info.mode, info.label, info.installed_version) == (Mode.ONLINE, "online", None)
    assert read_files(client)["boots.json"] == b"brown " * 500


def test_going_back_online_without_the_backend_keeps_the_copy_unless_forced(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shutil.rmtree(shop.repository)
    with pytest.raises(NoConnectionError, match="--force"):
        client.catalog("shoes").go_online()
    info = client.catalog("shoes").info()
    assert (info.mode, info.label, info.installed_version) == (Mode.ONLINE, "removing", 1)  # wished, and not done yet
    assert read_files(client)["boots.json"] == b"brown " * 500
    client.catalog("shoes").go_online(force=True)
    assert client.catalog("shoes").info().installed_version is None


def test_a_repository_with_offline_catalogs_is_not_forgotten(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    with pytest.raises(UsageError, match="catsync online shoes"):
        client.remove(str(shop.repository))
    assert [catalog.id for catalog in client.catalogs()] == ["shoes"]


def test_a_catalog_that_vanished_from_the_repository_stays_listed_and_readable(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    index = json.loads((shop.repository / "index.json").read_bytes())
    index["serial"] += 1
    index["catalogs"] = {}
    (shop.repository / "index.json").write_text(json.dumps(index))
    client.check()
    info = client.catalog("shoes").info()
    assert (info.offered, info.label, info.title) == (False, "gone", "shoes")
    assert read_files(client)["boots.json"] == b"brown " * 500


def test_a_failed_update_is_remembered_and_forgotten_after_success(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(boots="black")
    client.check()
    aside = shop.repository.with_name("aside")
    (shop.repository / "packs").rename(aside)
    (shop.repository / "packs").mkdir()
    with pytest.raises(MissingObjectError):
        client.catalog("shoes").update(via=Via.BLOCKS)
    info = client.catalog("shoes").info()
    assert (info.label, info.installed_version) == ("update_failed", 1)
    assert info.problem
    (shop.repository / "packs").rmdir()
    aside.rename(shop.repository / "packs")
    client.catalog("shoes").update(via=Via.BLOCKS)
    assert client.catalog("shoes").info().problem == ""


def test_a_damaged_file_is_found_and_repaired_with_only_its_bytes(
    client: Client, shop: Shop, events: list[Event]
) -> None:
    client.catalog("shoes").go_offline()
    victim = client.catalog("shoes").path() / "boots.json"
    victim.chmod(0o644)
    victim.write_text("x" * 3000)
    report = client.catalog("shoes").verify()
    assert [path for path, _ in report.damaged] == ["boots.json"]
    events.clear()
    summary = client.catalog("shoes").repair()
    fetch = events.index(next(event for event in events if isinstance(event, Phase) and event.name == "fetch"))
    steps = [event for event in events[fetch:] if isinstance(event, Progress)]
    assert steps[0].done < steps[-1].done == steps[-1].total
    assert summary.actions["full"].files == 1
    assert summary.actions["keep"].files == 1
    assert client.catalog("shoes").verify().damaged == ()
    assert victim.read_text() == "brown " * 500


def test_a_missing_file_is_found_and_repaired(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    victim = client.catalog("shoes").path() / "boots.json"
    victim.unlink()
    assert client.catalog("shoes").verify().missing == ("boots.json",)
    client.catalog("shoes").repair()
    assert victim.read_text() == "brown " * 500


def test_a_damaged_old_file_does_not_spoil_an_update(client: Client, shop: Shop) -> None:
    client.catalog("shoes").go_offline()
    victim = client.catalog("shoes").path() / "socks.json"
    victim.chmod(0o644)
    victim.write_text("damaged")
    shop.publish(boots="black")
    client.check()
    client.catalog("shoes").update()
    assert read_files(client) == {"boots.json": b"black", "socks.json": b"white " * 500}


def test_one_process_at_a_time_works_on_a_catalog(client: Client, tmp_path: Path) -> None:
    client.catalog("shoes").go_offline()
    with (
        CatalogStore(client.home, "shoes").lock("update"),
        pytest.raises(LockedError, match="shoes"),
    ):
        client.catalog("shoes").verify()


def test_progress_never_goes_back_and_ends_at_its_total(client: Client, shop: Shop, events: list[Event]) -> None:
    client.catalog("shoes").go_offline()
    step: list[Progress] = []
    for event in events:
        if isinstance(event, Phase):
            assert not step or step[-1].done == step[-1].total
            step = []
        elif isinstance(event, Progress):
            assert not step or event.done >= step[-1].done
            step.append(event)
    assert [event.name for event in events if isinstance(event, Phase)] == [
        "plan",
        "fetch",
        "assemble",
        "commit",
        "done",
    ]


def test_the_files_of_another_catalog_are_reused(client: Client, shop: Shop, events: list[Event]) -> None:
    client.catalog("shoes").go_offline()
    shop.publish(catalog="boots")
    client.check()
    events.clear()
    summary = client.catalog("boots").go_offline()
    assert summary.actions["copy"].files == 2
    assert fetched_content(events) == 0


def test_a_folder_is_reused_when_going_offline(client: Client, shop: Shop, tmp_path: Path, events: list[Event]) -> None:
    stick = tmp_path / "stick"
    shutil.copytree(shop.folder, stick)
    (stick / "socks.json").write_text("other")
    events.clear()
    summary = client.catalog("shoes").go_offline(folders=[stick])
    assert summary.actions["copy"].files == 1
    assert read_files(client)["socks.json"] == b"white " * 500
    assert (stick / "boots.json").read_text() == "brown " * 500


def test_a_basis_folder_that_is_not_there_is_named(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no-such-folder"):
        client.catalog("shoes").go_offline(folders=[tmp_path / "no-such-folder"])


def test_an_unknown_catalog_and_an_unknown_file_are_named(client: Client) -> None:
    with pytest.raises(NotFoundError, match="hats"):
        client.catalog("hats")
    with pytest.raises(NotFoundError, match=r"hats\.json"):
        list(client.catalog("shoes").read("hats.json"))


def test_content_that_is_damaged_in_the_repository_never_becomes_a_file(client: Client, shop: Shop) -> None:
    (pack,) = (shop.repository / "packs").iterdir()
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF
    pack.chmod(0o644)
    pack.write_bytes(data)
    with pytest.raises(IntegrityError, match="damaged") as caught:
        client.catalog("shoes").go_offline()
    assert caught.value.exit_code == 14
    assert client.catalog("shoes").info().installed_version is None
    with pytest.raises(IntegrityError, match="damaged"):
        list(client.catalog("shoes").read("boots.json"))


def test_a_catalog_that_was_never_offline_can_be_planned_without_a_trace(client: Client, shop: Shop) -> None:
    planned = client.catalog("shoes").plan()
    assert not (client.home / "catalogs").exists()
    done = client.catalog("shoes").go_offline()
    assert (planned.bytes_received, planned.actions) == (done.bytes_received, done.actions)


def test_an_index_is_parsed_once_until_it_is_another_one(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []

    def read(body: bytes, what: str) -> Index:
        parsed.append(body)
        return read_index(body, what)

    monkeypatch.setattr("catsync_core.client.sources.read_index", read)
    for _ in range(3):
        client.catalog("shoes").info()
    assert len(parsed) == 1
    shop.publish(boots="black")
    client.check()
    assert client.catalog("shoes").info().head_version == 2
    assert len(parsed) == 2
