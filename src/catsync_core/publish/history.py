"""Make the history of a new version: find the cheapest way to it from each of the last versions, over their patches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import count

from catsync_core.format.head import Head, PatchRef
from catsync_core.format.history import History, Step, mark
from catsync_core.format.objects import ObjectRef

__all__ = ["HISTORY_HEADS", "make_history"]

HISTORY_HEADS = 32
"""How many heads of earlier versions are looked at."""

_STEPS = 32  # versions that a history names: a device reads all of it, for the sake of one
_REQUEST = 4 << 10  # bytes that a request counts for, on a line that nobody knows here


def make_history(
    catalog: str,
    patches: Sequence[PatchRef],
    heads: Iterable[Head],
    is_there: Callable[[ObjectRef], bool],
) -> History | None:
    """Return the history of a new version; None when no version needs one (Dijkstra's algorithm, from the end).

    Args:
        catalog: Id.
        patches: That lead to the new version.
        heads: Of earlier versions.
        is_there: Whether the repository still has a patch.
    """
    leading: dict[str, list[PatchRef]] = defaultdict(list)
    for patch in (patch for head in heads for patch in head.patches):
        if patch.base and is_there(patch.patch):
            leading[patch.root].append(patch)
    places = {patch.base: place for place, patch in enumerate(patches) if patch.base}
    arrivals = count()  # of two ways that cost the same, the one found first counts
    waiting = [(_cost(patch), next(arrivals), patch) for patch in patches if patch.base]
    heapify(waiting)
    steps: list[Step] = []
    while waiting and len(steps) < _STEPS:
        spent, _, patch = heappop(waiting)
        if patch.base not in places:
            places[patch.base] = len(patches) + len(steps)
            steps.append(Step(mark(patch.base), places[patch.root], patch.patch, patch.header))
        for before in leading.pop(patch.base, ()):
            if before.base not in places:
                heappush(waiting, (spent + _cost(before), next(arrivals), before))
    return History(catalog, tuple(steps)) if steps else None


def _cost(patch: PatchRef) -> int:
    return patch.patch.length + _REQUEST
