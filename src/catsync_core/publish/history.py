"""Carry the history forward: from version to version it gains the newest patches and loses the oldest ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from catsync_core.format.head import PatchRef
from catsync_core.format.history import History, HistoryEntry
from catsync_core.format.manifest import Manifest
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS
from catsync_core.publish.patch import BuiltPatch, root_of

__all__ = ["carry_forward"]

_VERSIONS = 32  # to which patches lead: a device reads all of the history, for the sake of a few


def carry_forward(
    before: History | None,
    manifest: Manifest,
    built: Sequence[BuiltPatch],
    is_there: Callable[[ObjectRef], bool],
) -> History | None:
    """Return the history of a new version; None when no patch leads from any version to another.

    Args:
        before: That of the version before; None when it has none, or it cannot be read.
        manifest: What the new version contains.
        built: The patches that lead to it.
        is_there: Whether the repository still has a patch.
    """
    newest = HistoryEntry(
        manifest.version, root_of(manifest), tuple(patch.ref for patch in built if patch.base is not None)
    )
    entries = (newest, *(_without_lost(entry, is_there) for entry in (before.entries if before else ())))
    numbers = {entry.root: entry.version for entry in entries}
    numbers |= {patch.ref.base: patch.base for patch in built if patch.base is not None}
    patches: list[PatchRef] = []
    for entry in entries:
        more = [*patches, *entry.patches]
        too_many = max(len(more), len(_roots(more))) > LIMITS.history
        if entry.version <= newest.version - _VERSIONS or too_many:
            break
        patches = more
    if not patches:
        return None
    roots = sorted(_roots(patches), key=numbers.__getitem__, reverse=True)
    by_root = {root: tuple(patch for patch in patches if patch.root == root) for root in roots}
    return History(manifest.catalog, tuple(HistoryEntry(numbers[root], root, by_root[root]) for root in roots))


def _without_lost(entry: HistoryEntry, is_there: Callable[[ObjectRef], bool]) -> HistoryEntry:
    return msgspec.structs.replace(entry, patches=tuple(patch for patch in entry.patches if is_there(patch.patch)))


def _roots(patches: Sequence[PatchRef]) -> set[str]:
    return {root for patch in patches for root in (patch.base, patch.root)}
