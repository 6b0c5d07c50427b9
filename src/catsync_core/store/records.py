"""What a device remembers about a version that it stores."""

from __future__ import annotations

from typing import Annotated

import msgspec

from catsync_core.format.index import Count, Seconds
from catsync_core.format.objects import ObjectRef

__all__ = ["Installed", "VersionRecord"]


class VersionRecord(msgspec.Struct, frozen=True):
    """One stored version.

    Attributes:
        version: Number.
        manifest: What it contains.
        head: The object that described it when it was downloaded.
        published: When, in seconds since 1970.
        installed_at: When it was downloaded, in seconds since 1970.
        files: How many it has.
        bytes: Of all files together.
    """

    version: Annotated[int, msgspec.Meta(ge=1, lt=1 << 53)]
    manifest: ObjectRef
    head: ObjectRef
    published: Seconds
    installed_at: Seconds
    files: Count = 0
    bytes: Count = 0


class Installed(VersionRecord, frozen=True):
    """The version that is read, and the one that was read before it.

    Attributes:
        previous: The version to roll back to; None when there is none.
    """

    previous: VersionRecord | None = None

    @classmethod
    def after(cls, record: VersionRecord, previous: VersionRecord | None) -> Installed:
        """Make a version the current one, with another one to roll back to."""
        return cls(
            record.version,
            record.manifest,
            record.head,
            record.published,
            record.installed_at,
            record.files,
            record.bytes,
            previous and strip(previous),
        )


def strip(record: VersionRecord) -> VersionRecord:
    """Return the record without what came before it."""
    return VersionRecord(
        record.version,
        record.manifest,
        record.head,
        record.published,
        record.installed_at,
        record.files,
        record.bytes,
    )
