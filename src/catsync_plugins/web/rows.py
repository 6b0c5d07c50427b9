"""What the page is told: one row for each catalog, and one line about the device. Texts are the page's business."""

from __future__ import annotations

import msgspec

__all__ = ["DeviceLine", "News", "Row", "RowJob", "Size", "wishes"]

_COMMANDED = ("mode", "label", "auto_sync", "installed_version", "head_version", "previous_version", "skipped_version")


class RowJob(msgspec.Struct, frozen=True):
    """What is under way with a catalog.

    Attributes:
        kind: ``install``, ``update``, ``repair``, ``rollback``, ``remove`` or ``verify``.
        phase: ``queued``, ``plan``, ``fetch``, ``decode``, ``assemble``, ``verify`` or ``commit``.
        gate: Why it does not go on: empty, ``user_pause``, ``policy``, ``consent``, ``retry`` or ``queue``.
        reason: The same as a sentence.
        until: When it is tried again, seconds since 1970; 0 where that is not known.
        done: Bytes of the phase that are done.
        total: Bytes of the phase; 0 when unknown.
        position: In the queue, from 1; 0 when it is not queued.
        running: Whether a process works on it.
    """

    kind: str
    phase: str = ""
    gate: str = ""
    reason: str = ""
    until: float = 0.0
    done: int = 0
    total: int = 0
    position: int = 0
    running: bool = False


class Size(msgspec.Struct, frozen=True):
    """What an update would bring; made by asking the repository for metadata.

    Attributes:
        version: That it leads to.
        bytes: That it would download.
        changed: Files with other content.
        added: New files.
        removed: Files that are gone.
    """

    version: int
    bytes: int
    changed: int
    added: int
    removed: int


class Row(msgspec.Struct, frozen=True):
    """One catalog; the fields are those of :class:`catsync_core.CatalogInfo` that the list needs.

    Attributes:
        id: Of the catalog.
        revision: Rises whenever something changes that a command goes by; 0 until the feed sets it.
        update: What the update would bring; None until that is known.
        verified_at: When the local copy was last verified from here; 0 for never.
        damaged: Damaged or missing files that were found then.
    """

    id: str
    title: str
    label: str
    mode: str
    repository: str = ""
    offered: bool = True
    auto_sync: bool = True
    installed_version: int | None = None
    head_version: int | None = None
    previous_version: int | None = None
    skipped_version: int | None = None
    bytes: int = 0
    files: int = 0
    installed_bytes: int = 0
    installed_published: int = 0
    head_published: int = 0
    checked_at: int = 0
    downloaded_at: int = 0
    downloaded_bytes: int = 0
    kept_bytes: int = 0
    problem: str = ""
    problem_code: str = ""
    next_check_at: int = 0
    expires: int = 0
    job: RowJob | None = None
    update: Size | None = None
    verified_at: int = 0
    damaged: int = 0
    revision: int = 0


class DeviceLine(msgspec.Struct, frozen=True):
    """What concerns all catalogs.

    Attributes:
        version: Of catsync.
        repositories: How many are added.
        used: Bytes that offline catalogs take.
        free: Bytes that are free on the device.
        checking: Whether repositories are being asked for updates.
        checked_at: When the last check ended well, seconds since 1970; 0 for never.
        next_check_at: When the next automatic check is due; 0 for none.
        unreachable: Whether no repository could be reached the last time.
        content: Where catalogs' content is shown from: an origin, or a port of this host; empty for nowhere.
    """

    version: str
    repositories: int = 0
    used: int = 0
    free: int = 0
    checking: bool = False
    checked_at: int = 0
    next_check_at: int = 0
    unreachable: bool = False
    content: str = ""


class News(msgspec.Struct, frozen=True):
    """What has changed since somebody last looked.

    Attributes:
        server: Changes when the server was started anew: what was known before counts no longer.
        serial: Up to where this leads.
        rows: Those that changed, as they are now, in the order of ids.
        gone: Ids of rows that are no longer there.
        device: The line; None when it is as it was.
        whole: Whether these are all rows.
    """

    server: str
    serial: int
    rows: tuple[Row, ...]
    gone: tuple[str, ...]
    device: DeviceLine | None
    whole: bool


def wishes(row: Row) -> tuple[object, ...]:
    """Return what a user goes by when giving a command: progress does not belong to it."""
    job = row.job
    under_way = (job.kind, job.gate) if job else None
    return (*(getattr(row, name) for name in _COMMANDED), row.problem_code, under_way)
