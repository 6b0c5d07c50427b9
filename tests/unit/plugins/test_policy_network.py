from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from catsync_core import Decision, Question, Verdict
from catsync_plugins import _connection, policy_network
from catsync_plugins._connection import Connection, connection_at, look_at_connection
from catsync_plugins.policy_network import NetworkSettings, decide_by_network, is_metered

METERED = Verdict(Decision.ASK, "The network connection is metered")
NOW = 1_800_000_000.0
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
down0\t00000000\t0101A8C0\t0002\t0\t0\t1\t00000000\t0\t0\t0
tun0\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
ROUTES_6 = f"""{"0" * 32} 00 {"0" * 32} 00 fe80{"0" * 27}1 00000400 00000001 00000000 00000003     wwan0
{"0" * 32} 00 {"0" * 32} 00 {"0" * 32} ffffffff 00000001 00000000 00200200       lo
"""


def ask(
    settings: NetworkSettings,
    action: Literal["check", "install", "update", "read"] = "update",
    *,
    by_user: bool = False,
) -> Verdict:
    return decide_by_network(Question(action, "shoes", 1, 1, 1, by_user=by_user, now=NOW), settings)


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the system says of the connection; may be changed."""
    known: dict[str, Any] = {}
    monkeypatch.setattr(policy_network, "connection_at", lambda now: Connection(**known) if now == NOW else None)
    return known


def test_downloads_over_a_metered_connection_are_asked_about() -> None:
    settings = NetworkSettings(metered_now=True)
    for by_user in (False, True):
        assert ask(settings, "install", by_user=by_user) == METERED
        assert ask(settings, "update", by_user=by_user) == METERED
    assert ask(settings, "check").decision is Decision.ALLOW
    assert ask(settings, "read").decision is Decision.ALLOW
    assert ask(NetworkSettings(metered_now=False), "update").decision is Decision.ALLOW


@pytest.mark.parametrize("decision", Decision)
def test_the_user_says_what_becomes_of_them(decision: Decision) -> None:
    settings = NetworkSettings(metered_now=True, metered=decision, reads=decision)
    assert ask(settings, "update").decision is decision
    assert ask(settings, "read").decision is decision
    assert ask(settings, "check").decision is Decision.ALLOW


@pytest.mark.parametrize(("said", "metered"), [(None, False), (True, True), (False, False)])
def test_what_is_unknown_is_not_metered(connection: dict[str, Any], said: object, metered: object) -> None:
    connection["metered"] = said
    assert is_metered(NetworkSettings(), NOW) is metered


@pytest.mark.parametrize(
    ("table", "metered"),
    [
        ({"metered_interfaces": ["usb0", "ww*"]}, True),
        ({"metered_interfaces": ["wlan0"]}, False),
        ({"metered_kinds": ["wifi", "mobile"]}, True),
        ({"metered_kinds": ["wifi"]}, False),
        ({"metered_kinds": ["mobile"], "unmetered_interfaces": ["wwan0"]}, False),
        ({"metered_kinds": ["mobile"], "metered_now": False}, False),
    ],
)
def test_interfaces_and_kinds(connection: dict[str, Any], table: dict[str, Any], metered: object) -> None:
    connection |= {"interface": "wwan0", "kind": "mobile"}
    assert is_metered(msgspec.convert(table, NetworkSettings), NOW) is metered


def test_what_the_user_says_of_an_interface_counts_more_than_what_the_system_takes_it_for(
    connection: dict[str, Any],
) -> None:
    connection |= {"metered": True, "interface": "wlan0", "kind": "wifi"}
    assert not is_metered(NetworkSettings(unmetered_interfaces=["wlan*"]), NOW)
    connection |= {"metered": False}
    assert is_metered(NetworkSettings(metered_kinds=["wifi"]), NOW)


@pytest.mark.parametrize(
    "table", [{"metered": "maybe"}, {"metered_now": "yes"}, {"metered_now": 1}, {"metered_kinds": ["lan"]}]
)
def test_what_makes_no_sense_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, NetworkSettings)


@pytest.fixture
def busctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The command ``busctl``, to be written by a test; as long as it is not, there is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    _connection._connection_in.cache_clear()
    return tmp_path / "busctl"


def write_busctl(busctl: Path, *lines: str) -> None:
    busctl.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    busctl.chmod(0o755)


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@linux
@pytest.mark.parametrize(("number", "metered"), [(0, None), (1, True), (2, False), (3, True), (4, False), (9, None)])
def test_network_manager_is_asked(busctl: Path, number: int, metered: object, tmp_path: Path) -> None:
    write_busctl(busctl, f'echo "$@" > {tmp_path}/asked', f"""echo '{{"type":"u","data":{number}}}'""")
    assert look_at_connection(tmp_path).metered is metered
    asked = (tmp_path / "asked").read_text()
    assert "--auto-start=no" in asked
    assert asked.endswith(
        "get-property org.freedesktop.NetworkManager /org/freedesktop/NetworkManager"
        " org.freedesktop.NetworkManager Metered\n"
    )


@linux
@pytest.mark.parametrize("lines", [("exit 1",), ("echo nonsense",), ("echo 3",), ("echo '{}'",), ("echo '[1]'",)])
def test_a_network_manager_that_does_not_answer_is_unknown(busctl: Path, lines: tuple[str], tmp_path: Path) -> None:
    write_busctl(busctl, *lines)
    assert look_at_connection(tmp_path) == Connection()


@linux
def test_without_network_manager_nothing_is_known(busctl: Path, tmp_path: Path) -> None:
    assert not busctl.exists()
    assert look_at_connection(tmp_path) == Connection()


@linux
def test_a_network_manager_that_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def hang(*_: object, timeout: float, **__: object) -> None:
        raise subprocess.TimeoutExpired("busctl", timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert look_at_connection(tmp_path).metered is None


@linux
def test_it_is_asked_once_in_ten_seconds(busctl: Path, tmp_path: Path) -> None:
    write_busctl(busctl, f"echo >> {tmp_path}/asked", """echo '{"type":"u","data":1}'""")
    assert {connection_at(NOW + second).metered for second in range(10)} == {True}
    connection_at(NOW + 10)
    assert (tmp_path / "asked").read_text().count("\n") == 2


@linux
@pytest.mark.usefixtures("busctl")
@pytest.mark.parametrize(
    ("interface", "files", "kind"),
    [
        ("eth0", ("INTERFACE=eth0\nIFINDEX=2\n", "1"), "ethernet"),
        ("wlan0", ("DEVTYPE=wlan\nINTERFACE=wlan0\n", "1"), "wifi"),
        ("wwan0", ("DEVTYPE=wwan\n", "65534"), "mobile"),
        ("wg0", ("DEVTYPE=wireguard\n", "65534"), "other"),
        ("tun0", ("INTERFACE=tun0\n", "65534"), "other"),
    ],
)
def test_the_interface_of_the_default_route_counts(
    tmp_path: Path, interface: str, files: tuple[str, str], kind: str
) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(ROUTES.replace("eth0", interface))
    folder = tmp_path / "sys/class/net" / interface
    folder.mkdir(parents=True)
    (folder / "uevent").write_text(files[0])
    (folder / "type").write_text(files[1] + "\n")
    assert look_at_connection(tmp_path) == Connection(None, interface, kind)


@linux
@pytest.mark.usefixtures("busctl")
def test_without_a_route_by_ipv4_that_by_ipv6_counts(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(ROUTES.partition("\n")[0] + "\n")
    (tmp_path / "proc/net/ipv6_route").write_text(ROUTES_6)
    assert look_at_connection(tmp_path) == Connection(None, "wwan0", "")


def test_other_systems_know_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert look_at_connection() == Connection()
