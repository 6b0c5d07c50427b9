from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pytest

from catsync_core import Client, Publisher
from catsync_core.errors import ConfigError, NotFoundError
from catsync_core.events import ignore
from catsync_core.plugins import Plugins, load_plugins
from catsync_plugins.web.device import Command
from catsync_plugins.web.engine import EngineDevice
from catsync_plugins.web.rows import Row
from catsync_plugins.web.worker import Worker
from support.shop import Shop


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "folder").mkdir()
    shop = Shop(tmp_path / "folder", tmp_path / "repository")
    Publisher.open(shop.repository).init()
    shop.publish(prices="{}", names="[1]")
    return shop


@pytest.fixture
def home(tmp_path: Path, shop: Shop, plugins: Plugins) -> Path:
    with Client(tmp_path / "home", plugins=plugins) as client:
        client.add(str(shop.repository))
    return tmp_path / "home"


@pytest.fixture
def device(home: Path, plugins: Plugins) -> Iterator[EngineDevice]:
    device = EngineDevice(home, plugins, "8770")
    yield device
    device.close()


def shoes(device: EngineDevice) -> Row:
    return next(row for row in device.rows() if row.id == "shoes")


def wait_for(device: EngineDevice, wanted: Callable[[Row], object]) -> Row:
    pause = threading.Event()
    while not wanted(row := shoes(device)):
        pause.wait(0.01)
    return row


def obey(device: EngineDevice, name: str, *, on: bool = False) -> None:
    device.obey(Command(name, "shoes", 0, on=on))  # type: ignore[arg-type]  # a name that there is


def test_a_download_is_queued_and_done_by_a_worker(device: EngineDevice, home: Path, plugins: Plugins) -> None:
    obey(device, "offline")
    assert shoes(device).mode == "offline"
    with Worker(home, plugins, device.listen):
        row = wait_for(device, lambda row: row.label == "offline")
    assert row.installed_version == 1
    assert device.line().used == row.installed_bytes > 0
    assert device.line().content == "8770"


def test_jobs_are_done_beside_another_agent(device: EngineDevice, home: Path, plugins: Plugins) -> None:
    with filelock.FileLock(home / "agent.lock"), Worker(home, plugins, device.listen) as worker:
        obey(device, "offline")
        wait_for(device, lambda row: row.installed_version == 1)
        worker.raise_failure()


def test_a_configuration_that_makes_no_sense_ends_the_worker(home: Path, plugins: Plugins) -> None:
    (home / "config.toml").write_text("nonsense = 1")
    with Worker(home, plugins, ignore) as worker:
        worker._thread.join()
        with pytest.raises(ConfigError):
            worker.raise_failure()


def test_the_size_of_an_update_is_found_out_without_content(
    device: EngineDevice, home: Path, shop: Shop, plugins: Plugins
) -> None:
    with Client(home, plugins=plugins) as client:
        client.catalog("shoes").go_offline()
    shop.publish(prices='{"red": 10}', sizes="[]", names=None)
    assert [checked.updates for checked in device.check(["shoes"])] == [["shoes"]]
    row = wait_for(device, lambda row: row.update)
    assert row.update is not None
    assert (row.update.version, row.update.changed, row.update.added, row.update.removed) == (2, 1, 1, 1)
    assert row.update.bytes > 0
    assert (row.label, row.installed_version) == ("update_available", 1)
    assert device.changes("shoes").to_version == 2
    assert device.info("shoes").head_version == 2


def test_a_copy_is_verified_and_damage_counted(device: EngineDevice, home: Path, plugins: Plugins) -> None:
    with Client(home, plugins=plugins) as client:
        client.catalog("shoes").go_offline()
        path = client.catalog("shoes").path() / "prices.json"
    path.chmod(0o644)
    path.write_text("nonsense")
    obey(device, "verify")
    row = wait_for(device, lambda row: row.label == "damaged")
    row = wait_for(device, lambda row: row.damaged)
    assert row.damaged == 1
    assert row.verified_at > 0


def test_wishes_are_written_down(device: EngineDevice, home: Path, plugins: Plugins) -> None:
    obey(device, "offline")
    obey(device, "auto-sync", on=False)
    obey(device, "pause")
    assert (shoes(device).label, shoes(device).auto_sync) == ("paused", False)
    obey(device, "resume")
    assert shoes(device).label != "paused"
    obey(device, "cancel")
    assert shoes(device).mode == "online"
    with pytest.raises(NotFoundError):
        obey(device, "update")


def test_a_repository_is_added(device: EngineDevice, tmp_path: Path) -> None:
    Publisher.open(tmp_path / "other").init()
    device.add(str(tmp_path / "other"))
    assert device.line().repositories == 2
