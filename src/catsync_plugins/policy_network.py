"""Policy ``network``: what may happen over a metered connection. Checks always may: they are small."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from catsync_core import Decision, PolicyEntry, Question, Verdict, hookimpl
from catsync_plugins._connection import Connection, connection_at

__all__ = ["NetworkSettings", "catsync_policies", "decide_by_network", "is_metered"]


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[policies.network]``.

    Attributes:
        metered: What becomes of downloads over a metered connection.
        reads: What becomes of online reading over one.
        metered_now: Whether the connection is metered, where the user knows better than the system.
        metered_interfaces: Interfaces that count as metered, such as ``usb0`` or ``wwan*``.
        unmetered_interfaces: Interfaces that do not.
        metered_kinds: Kinds of interfaces that count as metered.
    """

    metered: Decision = Decision.ASK
    reads: Decision = Decision.ALLOW
    metered_now: bool | Literal["unknown"] = "unknown"
    metered_interfaces: list[str] = []
    unmetered_interfaces: list[str] = []
    metered_kinds: list[Literal["wifi", "mobile", "ethernet", "other"]] = []


def decide_by_network(question: Question, settings: NetworkSettings) -> Verdict:
    """Say what the user wants of metered connections, where the connection is one."""
    decision = {"check": Decision.ALLOW, "read": settings.reads}.get(question.action, settings.metered)
    if decision is Decision.ALLOW or not is_metered(settings, question.now):
        return Verdict(Decision.ALLOW)
    return Verdict(decision, "The network connection is metered")


def is_metered(settings: NetworkSettings, now: float) -> bool:
    """Whether the connection counts as metered: by what the user says of it, else by what the system knows."""
    if settings.metered_now != "unknown":
        return settings.metered_now
    return _is_metered(connection_at(now), settings)


def _is_metered(connection: Connection, settings: NetworkSettings) -> bool:
    """By the interface's name or kind before what the system takes it for; unknown is unmetered."""
    if _matches(connection.interface, settings.unmetered_interfaces):
        return False
    if _matches(connection.interface, settings.metered_interfaces) or connection.kind in settings.metered_kinds:
        return True
    return connection.metered is True


def _matches(interface: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(interface, pattern) for pattern in patterns) if interface else False


@hookimpl
def catsync_policies() -> Sequence[PolicyEntry]:
    """Offer ``network``."""
    return [PolicyEntry("network", NetworkSettings, decide_by_network)]
