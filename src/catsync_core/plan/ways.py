"""The ways from what is on a device to the newest version, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from catsync_core.plan.model import Request
from catsync_core.plan.requests import Link

__all__ = ["Way", "WayKind", "weigh", "weigh_requests"]


class WayKind(StrEnum):
    """What a version is made from."""

    PATCHES = "patches"
    """What is here and a patch, or several one after the other."""
    NOTHING = "nothing"
    """The patch from nothing, which holds a whole version."""
    BLOCKS = "blocks"
    """What is here, the manifest, and blocks or whole files from packs."""
    FULL = "full"
    """The manifest, and whole files from packs where they are not here."""


class Way(msgspec.Struct, frozen=True):
    """What going one way takes.

    Attributes:
        kind: Which one.
        bytes: That will travel.
        requests: That they take.
        exact: Whether that is all; else it is the least.
        versions: That patches lead over, from what is here to the newest; none where that is not known.
        taken: Whether it is the way that was chosen.
    """

    kind: WayKind
    bytes: int
    requests: int
    exact: bool = True
    versions: tuple[int, ...] = ()
    taken: bool = False


def weigh(way: Way, link: Link) -> int:
    """Return what a way costs, in bytes: those that travel, and for each request what travels during a round trip."""
    return way.bytes + way.requests * link.request


def weigh_requests(kind: WayKind, requests: Sequence[Request]) -> Way:
    """Return what some requests take."""
    return Way(kind, sum(request.length for request in requests), len(requests))
