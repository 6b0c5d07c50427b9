"""``catsync agent`` and its service, at the command line."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.shop import Shop


@pytest.fixture
def device(catsync: CommandLine, shop: Shop) -> CommandLine:
    """A device with one catalog offline."""
    catsync.run("add", shop.repository)
    catsync.run("offline", "shoes")
    return catsync


def test_an_agent_says_that_it_runs_and_ends_when_it_is_told_to(device: CommandLine) -> None:
    assert not device.document("agent", "status")["running"]
    with device.start("agent") as process:
        assert process.stderr is not None
        assert b"running" in process.stderr.readline()
        while not device.document("agent", "status")["running"]:
            pass
        second = device.run("agent", code=11)
        assert "An agent is running" in second.stderr
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"The agent has ended" in said
    assert not device.document("agent", "status")["running"]


def test_once_checks_nothing_that_is_not_due(device: CommandLine) -> None:
    assert device.run("agent", "--once", "--json").stdout == ""


def test_once_does_what_is_queued(device: CommandLine, shop: Shop) -> None:
    shop.publish(prices="{}")
    device.run("check")
    (device.home / "config.toml").write_text('[policies.network]\nmetered = "wait"\nmetered_now = true\n')
    assert "metered" in device.run("update", "shoes", code=1).stderr
    (job,) = device.document("jobs")["jobs"]
    assert (job["kind"], job["gate"], job["running"]) == ("update", "policy", False)
    device.run("agent", "--once")
    assert device.document("info", "shoes")["installed_version"] == 1  # it still waits
    (device.home / "config.toml").unlink()
    device.run("pause", "shoes")
    device.run("agent", "--once")
    assert device.document("info", "shoes")["label"] == "paused"
    assert "is done" in device.run("resume", "shoes").stderr
    assert device.document("info", "shoes")["installed_version"] == 2
    assert device.document("jobs")["jobs"] == []


def test_a_mistake_in_the_configuration_is_met_at_once(device: CommandLine) -> None:
    (device.home / "config.toml").write_text('[policies.window]\nhours = "25:00-26:00"\n')
    assert "25:00" in device.run("agent", "--once", code=2).stderr


def test_auto_sync_is_switched_for_one_catalog(device: CommandLine) -> None:
    assert device.document("auto-sync", "shoes", "off")["auto_sync"] is False
    info = device.document("info", "shoes")
    assert (info["auto_sync"], info["next_check"], info["no_check"]) == (
        False,
        None,
        "Auto-sync is off for the catalog",
    )
    assert "No agent is running" in device.run("auto-sync", "shoes", "on").stderr
    assert device.document("info", "shoes")["next_check"] > 0


def test_the_service_is_written_and_removed_and_says_what_is_left_to_do(catsync: CommandLine, tmp_path: Path) -> None:
    """There is no session here, so systemd cannot be told, and the user learns what to type."""
    user = CommandLine(catsync.home, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "PATH": str(tmp_path)})
    unit = tmp_path / ".config/systemd/user/catsync-agent.service"
    installed = user.run("agent", "install").stderr
    assert unit.is_file()
    assert "systemctl --user enable --now catsync-agent.service" in installed
    status = json.loads(user.run("agent", "status", "--json").stdout)["service"]
    assert (status["installed"], status["ours"], status["current"]) == (True, True, True)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert "--force" in user.run("agent", "install", code=1).stderr
    assert "--force" in user.run("agent", "uninstall", code=1).stderr
    user.run("agent", "uninstall", "--force")
    assert not unit.exists()
    assert "No agent was installed" in user.run("agent", "uninstall").stderr
