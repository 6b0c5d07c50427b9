"""In which order a version's new contents lie in its packs.

First what every updating device needs whole, then the changed files of which it needs blocks, last what devices have
already and is only moved out of a pack that has become mostly dead. So an update reads one stretch from the pack's
beginning. Within each group like stands beside like: compressible before raw, then by type and path.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import msgspec

from catsync_core.chunking import Signature
from catsync_core.plan.basis import kind_of
from catsync_core.publish.scan import SourceFile

__all__ = ["Group", "NewContent", "arrange", "type_and_path"]


class Group(IntEnum):
    """Why a content is in a new pack."""

    WHOLE = 0
    CHANGED = 1
    MOVED = 2


class NewContent(msgspec.Struct, frozen=True):
    """A content for a new pack.

    Attributes:
        file: Where its bytes are.
        group: Why it is there.
        raw: It does not compress.
        signature: For block matching; None for small files.
        fresh: Ranges that a device with the version before lacks; only for changed files.
    """

    file: SourceFile
    group: Group
    raw: bool
    signature: Signature | None = None
    fresh: tuple[tuple[int, int], ...] = ()


def arrange(contents: Iterable[NewContent], pack_size: int) -> list[list[NewContent]]:
    """Order contents and deal them to packs of about ``pack_size`` bytes of content each."""
    packs: list[list[NewContent]] = []
    filled = pack_size
    for content in sorted(contents, key=_place):
        if filled >= pack_size:
            packs.append([])
            filled = 0
        packs[-1].append(content)
        filled += content.file.size
    return packs


def type_and_path(path: str) -> tuple[str, str]:
    """Return the key that sorts like beside like: by type, then by path."""
    return (kind_of(path)[1].lower(), path)


def _place(content: NewContent) -> tuple[int, bool, tuple[str, str]]:
    return (content.group, content.raw, type_and_path(content.file.path))
