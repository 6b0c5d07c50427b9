"""Decide how a new content will travel: whole, or as a changed file of which devices need some blocks."""

from __future__ import annotations

from catsync_core.publish.delta import find_fresh, sign
from catsync_core.publish.layout import Group, NewContent
from catsync_core.publish.previous import Previous
from catsync_core.publish.probe import compresses
from catsync_core.publish.scan import SourceFile

__all__ = ["classify"]

_DELTA_FROM = 1 << 10  # bytes: smaller files travel whole
_SIGN_FROM = 64 << 10  # bytes: smaller files without a predecessor have no signature


def classify(file: SourceFile, previous: Previous) -> NewContent:
    """Look at a file that the new packs must hold, and at its predecessors.

    Args:
        file: The file.
        previous: The version before.
    """
    raw = not compresses(file.location, file.size)
    if file.sha256 in previous.by_hash:
        return NewContent(file, Group.MOVED, raw, sign(file.location, file.size) if file.size >= _SIGN_FROM else None)
    if file.size >= _DELTA_FROM and previous.has_basis(file.path):
        with previous.open_bases(file.path) as bases:
            fresh = find_fresh(file.location, file.size, bases, raw=raw)
        if fresh is not None:
            return NewContent(file, Group.CHANGED, raw, fresh.signature, fresh.ranges)
        return NewContent(file, Group.WHOLE, raw)  # where one basis did not pay, others hardly will
    return NewContent(file, Group.WHOLE, raw, sign(file.location, file.size) if file.size >= _SIGN_FROM else None)
