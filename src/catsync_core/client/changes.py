"""What a newer version brings, told before anything of it is downloaded."""

from __future__ import annotations

import msgspec

from catsync_core.client.report import SCHEMA
from catsync_core.format.head import Head
from catsync_core.format.manifest import Manifest

__all__ = ["Changes", "FileChange", "compare_versions"]


class FileChange(msgspec.Struct, frozen=True):
    """One file that differs.

    Attributes:
        path: In the catalog.
        bytes: Of the file in the newer version; in the older one where it was removed.
    """

    path: str
    bytes: int


class Changes(msgspec.Struct, frozen=True):
    """How the newest version differs from the one on this device; files are sorted by path.

    Attributes:
        schema: Version of this shape.
        catalog: Id.
        title: For people.
        from_version: That is on this device.
        to_version: The newest.
        published: When the newest was published, seconds since 1970.
        note: The publisher's words about it; empty for none.
        added: Files that are new.
        changed: Files with other content.
        removed: Files that are gone.
    """

    schema: int
    catalog: str
    title: str
    from_version: int
    to_version: int
    published: int
    note: str
    added: tuple[FileChange, ...]
    changed: tuple[FileChange, ...]
    removed: tuple[FileChange, ...]


def compare_versions(old: Manifest, new: Manifest, head: Head) -> Changes:
    """Compare two versions by their files' SHA-256; a renamed file is one removed and one added.

    Args:
        old: What is on this device.
        new: What the newest version contains.
        head: Describes the newest version.
    """
    before, after = old.files(), new.files()
    both = sorted(before.keys() & after.keys())
    return Changes(
        SCHEMA,
        head.catalog,
        head.title,
        old.version,
        head.version,
        head.published,
        head.note,
        tuple(FileChange(path, after[path].size) for path in sorted(after.keys() - before.keys())),
        tuple(FileChange(path, after[path].size) for path in both if before[path].sha256 != after[path].sha256),
        tuple(FileChange(path, before[path].size) for path in sorted(before.keys() - after.keys())),
    )
