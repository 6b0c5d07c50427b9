"""Backends and servers that fail on demand, in the ways that real ones do.

A fault changes one answer. A :class:`FaultPlan` says which answers, :class:`FaultyServer` sends them over real
sockets, and :class:`FaultyBackend` gives them in the process, without a network. Both keep count, so that a test can
assert work instead of time::

    server.plan.add(Truncate(after=1000), key="packs/", times=2)
    server.plan.add(Status(503, retry_after="1"))
"""

from __future__ import annotations

from catsync_core.testing._faults import (
    Drip,
    Endless,
    Fault,
    FaultPlan,
    Field,
    FlipBit,
    IgnoreRange,
    Redirect,
    Reset,
    Stall,
    Status,
    Truncate,
    WebPage,
    WrongRange,
)
from catsync_core.testing._faulty_backend import FaultyBackend
from catsync_core.testing._faulty_server import FaultyServer

__all__ = [
    "Drip",
    "Endless",
    "Fault",
    "FaultPlan",
    "FaultyBackend",
    "FaultyServer",
    "Field",
    "FlipBit",
    "IgnoreRange",
    "Redirect",
    "Reset",
    "Stall",
    "Status",
    "Truncate",
    "WebPage",
    "WrongRange",
]
