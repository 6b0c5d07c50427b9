"""What jobs and checks report: the shapes behind ``--json``. Fields are only ever added."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catsync_core.client.labels import Label
from catsync_core.client.rows import Mode
from catsync_core.plan.model import Plan
from catsync_core.plan.ways import Way

__all__ = [
    "ActionTotal",
    "CatalogInfo",
    "Checked",
    "FileInfo",
    "JobInfo",
    "PlannedFile",
    "Summary",
    "WayTotal",
    "summarise",
    "summarise_plan",
]

SCHEMA = 1


class ActionTotal(msgspec.Struct, frozen=True):
    """How many files, and their bytes."""

    files: int
    bytes: int


class WayTotal(msgspec.Struct, frozen=True):
    """A way that a version may come onto the device.

    Attributes:
        way: ``patches``, ``nothing`` (the patch from nothing), ``blocks`` or ``full``.
        versions: That patches lead over, from the one that is here to the newest; empty where that is not known.
        bytes_received: Bodies that travel in all if this way is taken, metadata included.
        requests: That it takes.
        exact: False where these are the least that it takes: it was not looked at further.
        taken: Whether it is the way that was chosen.
    """

    way: str
    versions: tuple[int, ...]
    bytes_received: int
    requests: int
    exact: bool
    taken: bool


class PlannedFile(msgspec.Struct, frozen=True):
    """What will become of a file.

    Attributes:
        path: In the catalog.
        action: ``keep``, ``copy``, ``patch``, ``blocks`` or ``full``.
        bytes: Of the file.
        reused: Of these, what is on the device already.
    """

    path: str
    action: str
    bytes: int
    reused: int


class Summary(msgspec.Struct, frozen=True):
    """What ``plan`` will do, or ``offline`` and ``update`` did.

    Attributes:
        schema: Version of this shape.
        catalog: Id.
        title: For people.
        from_version: That was there; None for none.
        to_version: That is there now.
        changed: Whether anything was to do.
        total_bytes: Of all files of the new version.
        bytes_received: Bodies that travelled, metadata included.
        requests: That it took.
        bytes_reused: Of the new version that were here already.
        bytes_written: Of files that were written.
        seconds: That it took.
        actions: Files and bytes by action.
        ways: Those that there were to choose from.
        files: What will become of each file; empty for what was done.
    """

    schema: int
    catalog: str
    title: str
    from_version: int | None
    to_version: int
    changed: bool
    total_bytes: int
    bytes_received: int
    requests: int
    bytes_reused: int
    bytes_written: int
    seconds: float
    actions: dict[str, ActionTotal]
    ways: tuple[WayTotal, ...] = ()
    files: tuple[PlannedFile, ...] = ()


class JobInfo(msgspec.Struct, frozen=True):
    """What is to be done with a catalog.

    Attributes:
        catalog: Id.
        kind: ``install``, ``update``, ``repair``, ``rollback`` or ``remove``.
        running: Whether a process is doing it just now.
        phase: The step that it is in, as events name it; empty while it does not run.
        done: Bytes of that step that are done.
        total: Bytes of that step; 0 when unknown.
        gate: Why it does not go on: ``user_pause``, ``policy``, ``consent`` or ``retry``; empty when its turn
            will come.
        reason: The same, one sentence.
        until: When it will be tried again, seconds since 1970; None where that is not known.
        attempts: How many times in a row it failed.
        asked_at: When it was asked for, seconds since 1970.
        by_user: Whether a person asked for it, and not a policy.
        position: Its place among those that wait for their turn, from 1; 0 where it does not.
    """

    catalog: str
    kind: str
    running: bool
    phase: str
    done: int
    total: int
    gate: str
    reason: str
    until: float | None
    attempts: int
    asked_at: float
    by_user: bool
    position: int = 0


class CatalogInfo(msgspec.Struct, frozen=True):
    """A catalog as ``list`` and ``info`` show it.

    Attributes:
        schema: Version of this shape.
        catalog: Id.
        title: For people.
        repository: Its address, safe to show; empty when the repository is no longer known.
        offered: Whether the repository still offers it.
        mode: The user's wish.
        label: One word for its state.
        installed_version: None for none.
        head_version: The newest known; None when it is no longer offered.
        files: Of the newest known version.
        bytes: Of the newest known version.
        installed_files: Of the installed version; 0 for none.
        installed_bytes: Of the installed version; 0 for none.
        installed_published: When the installed version was published, seconds since 1970; 0 for none.
        installed_at: When it was installed; 0 for never.
        head_published: When the newest known version was published; 0 for none.
        checked_at: When the repository was last asked successfully; 0 for never.
        downloaded_at: When content was last downloaded; 0 for never.
        downloaded_bytes: That the last download took.
        kept_bytes: Of an unfinished download.
        problem: What went wrong last; empty for nothing.
        path: Where the installed version lies; empty for none.
        skipped_version: Newer than the installed one, and not wanted by the user; None for none.
        auto_sync: Whether it is checked for updates by itself while it is offline.
        next_check: When that is due next, seconds since 1970; None for never.
        no_check: Why it is not checked by itself; empty where it is.
        agent: Whether a process of this device does so, and whatever is queued.
        job: What is under way, or queued; None for nothing.
        problem_code: The stable name of what went wrong last; empty for nothing.
        problem_at: When it went wrong, seconds since 1970; 0 for never.
        previous_version: That is kept for going back; None for none.
        previous_bytes: Of all its files, those that the installed version shares included; 0 for none.
        expires: Until when the repository's word counts, seconds since 1970; 0 for ever.
    """

    schema: int
    catalog: str
    title: str
    repository: str
    offered: bool
    mode: Mode
    label: Label
    installed_version: int | None
    head_version: int | None
    files: int
    bytes: int
    installed_files: int
    installed_bytes: int
    installed_published: int
    installed_at: int
    head_published: int
    checked_at: int
    downloaded_at: int
    downloaded_bytes: int
    kept_bytes: int
    problem: str
    path: str
    skipped_version: int | None = None
    auto_sync: bool = True
    next_check: float | None = None
    no_check: str = ""
    agent: bool = False
    job: JobInfo | None = None
    problem_code: str = ""
    problem_at: int = 0
    previous_version: int | None = None
    previous_bytes: int = 0
    expires: int = 0


class Checked(msgspec.Struct, frozen=True):
    """What a check of one repository found.

    Attributes:
        repository: Its address, safe to show.
        error: Why it could not be asked; empty when it could.
        hint: What to do about it.
        code: The error's stable name; empty for none.
        exit_code: Of that error; 0 for none.
        updates: Offline catalogs for which there is a newer version.
    """

    repository: str
    error: str
    hint: str
    code: str
    exit_code: int
    updates: list[str]


class FileInfo(msgspec.Struct, frozen=True):
    """A file of a catalog."""

    path: str
    size: int
    mtime: int


def summarise(
    plan: Plan,
    title: str,
    *,
    bytes_received: int,
    requests: int,
    bytes_written: int,
    seconds: float,
    ways: Sequence[Way] = (),
) -> Summary:
    """Return the summary of a job that is done."""
    manifest = plan.manifest
    return Summary(
        schema=SCHEMA,
        catalog=manifest.catalog,
        title=title,
        from_version=plan.from_version,
        to_version=manifest.version,
        changed=plan.from_version != manifest.version,
        total_bytes=manifest.total_bytes(),
        bytes_received=bytes_received,
        requests=requests,
        bytes_reused=plan.reused_bytes,
        bytes_written=bytes_written,
        seconds=round(seconds, 3),
        actions={action.value: ActionTotal(*total) for action, total in plan.count_actions().items()},
        ways=tuple(
            WayTotal(way.kind.value, way.versions, bytes_received, requests, exact=True, taken=True)
            if way.taken
            else WayTotal(way.kind.value, way.versions, way.bytes, way.requests, way.exact, taken=False)
            for way in ways
        ),
    )


def summarise_plan(plan: Plan, title: str, ways: Sequence[Way], seconds: float) -> Summary:
    """Return the summary of what a plan will do."""
    summary = summarise(
        plan,
        title,
        bytes_received=plan.total_bytes,
        requests=plan.total_requests,
        bytes_written=plan.write_bytes,
        seconds=seconds,
        ways=ways,
    )
    files = (
        PlannedFile(file.entry.path, file.action.value, file.size, file.reused_bytes)
        for file in plan.files
        if file.action is not None
    )
    return msgspec.structs.replace(summary, files=tuple(files))
