"""The ways from what is on a device to the newest version, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from catsync_core.format.objects import ObjectRef
from catsync_core.plan.model import Piece, Request
from catsync_core.plan.requests import Link, patch_requests

__all__ = ["Way", "WayKind", "weigh", "weigh_blocks", "weigh_patches"]


class WayKind(StrEnum):
    """What a version is made from."""

    PATCHES = "patches"
    """What is here and a patch, or several one after the other."""
    NOTHING = "nothing"
    """The patch from nothing, which holds a whole version."""
    BLOCKS = "blocks"
    """What is here, the manifest, and blocks or whole files from packs."""


@dataclass(frozen=True, slots=True)
class Way:
    """What going one way takes from now on.

    Attributes:
        kind: Which one.
        bytes: That will travel.
        requests: That they take.
        exact: Whether that is all; otherwise it is the least.
    """

    kind: WayKind
    bytes: int
    requests: int
    exact: bool = True


def weigh(way: Way, link: Link) -> int:
    """Return what a way costs, in bytes: those that travel, and for each request what travels during a round trip."""
    return way.bytes + way.requests * link.request


def weigh_patches(kind: WayKind, patches: Iterable[ObjectRef], is_kept: Callable[[Piece], bool]) -> Way:
    """Return what patches take that are followed one after the other."""
    requests = [request for patch in patches for request in patch_requests(patch, is_kept)]
    return Way(kind, sum(request.length for request in requests), len(requests))


def weigh_blocks(manifest: ObjectRef | None, requests: Iterable[Request] | None) -> Way:
    """Return what is known of going by blocks.

    Args:
        manifest: If it was not fetched yet.
        requests: For content; None when they are not known yet.
    """
    known = list(requests or ())
    size = sum(request.length for request in known) + (manifest.length if manifest else 0)
    return Way(WayKind.BLOCKS, size, len(known) + (manifest is not None), exact=requests is not None)
