"""What is known about the connection to the network: only on Linux, and there what the kernel and NetworkManager say.

NetworkManager is asked by ``busctl``, which is a part of systemd and so is there where NetworkManager is: a question in
ten seconds is not worth a library for D-Bus. Whatever is missing or does not answer in a second is unknown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec

__all__ = ["Connection", "connection_at", "look_at_connection"]

_HOLDS = 10.0  # seconds for which an answer is taken for true
_PATIENCE = 1.0  # seconds
_COMMAND = (
    *("busctl", "--system", "--json=short", "--auto-start=no", f"--timeout={_PATIENCE:g}", "get-property"),
    *("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"),
    *("org.freedesktop.NetworkManager", "Metered"),
)
_YES, _GUESS_YES = 1, 3  # of NetworkManager's NMMetered; it guesses by the kind of device and by DHCP
_NO, _GUESS_NO = 2, 4
_KINDS = {"wlan": "wifi", "wwan": "mobile"}
_ETHERNET = "1"  # of the kernel's ARPHRD numbers
_UP = 0x1  # of the flags of a route


class Connection(msgspec.Struct, frozen=True):
    """The connection by which the network is reached.

    Attributes:
        metered: Whether the system takes it for metered; None where that is not known.
        interface: The name of the interface, such as ``wlan0``; empty where that is not known.
        kind: ``wifi``, ``mobile``, ``ethernet``, ``other``, or empty where that is not known.
    """

    metered: bool | None = None
    interface: str = ""
    kind: str = ""


def connection_at(now: float) -> Connection:
    """Return the connection; asked within the same ten seconds, it is looked at once."""
    return _connection_in(int(now // _HOLDS))


@lru_cache(maxsize=1)
def _connection_in(_span: int) -> Connection:
    return look_at_connection()


def look_at_connection(root: Path = Path("/")) -> Connection:
    """Look at the connection now.

    Args:
        root: Where the kernel's folders lie.
    """
    if sys.platform != "linux":
        return Connection()
    interface = _default_interface(root / "proc/net")
    return Connection(_ask_network_manager(), interface, _kind(root / "sys/class/net" / interface) if interface else "")


def _default_interface(folder: Path) -> str:
    """The interface of the default route, by IPv4 or else by IPv6; of several the one with the lowest metric."""
    routes = sorted(_default_routes(folder / "route")) or sorted(_default_routes_6(folder / "ipv6_route"))
    return routes[0][1] if routes else ""


def _default_routes(file: Path) -> Iterator[tuple[int, str]]:
    for fields in _lines(file):
        if len(fields) >= 8 and fields[1] == fields[7] == "00000000" and int(fields[3], 16) & _UP:
            yield int(fields[6]), fields[0]


def _default_routes_6(file: Path) -> Iterator[tuple[int, str]]:
    for fields in _lines(file):
        if len(fields) >= 10 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            yield int(fields[5], 16), fields[9]


def _lines(file: Path) -> Iterator[list[str]]:
    try:
        text = file.read_text()
    except OSError:
        return
    yield from (line.split() for line in text.splitlines())


def _kind(folder: Path) -> str:
    try:
        described = dict(line.split("=", 1) for line in (folder / "uevent").read_text().splitlines() if "=" in line)
        number = (folder / "type").read_text().strip()
    except OSError:
        return ""
    wired = "ethernet" if number == _ETHERNET and "DEVTYPE" not in described else "other"
    return _KINDS.get(described.get("DEVTYPE", ""), wired)


def _ask_network_manager() -> bool | None:
    import subprocess  # noqa: PLC0415 - only where the policy is enabled

    try:
        done = subprocess.run(_COMMAND, capture_output=True, timeout=2 * _PATIENCE, check=True)  # noqa: S603 - a fixed command
        metered = json.loads(done.stdout)["data"]
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None  # there is no NetworkManager, or none that answers
    return True if metered in (_YES, _GUESS_YES) else False if metered in (_NO, _GUESS_NO) else None
