"""What a device remembers of its repositories and catalogs, row by row."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["CatalogRow", "Gate", "Job", "JobKind", "Mark", "Mode", "RepositoryRow"]


class Mode(StrEnum):
    """The user's wish for a catalog."""

    ONLINE = "online"
    OFFLINE = "offline"


class JobKind(StrEnum):
    """What a job does."""

    INSTALL = "install"
    UPDATE = "update"
    REPAIR = "repair"
    ROLLBACK = "rollback"
    REMOVE = "remove"


class Gate(StrEnum):
    """Why a job does not go on; it goes on by itself, unless the user is asked."""

    OPEN = ""
    USER_PAUSE = "user_pause"
    POLICY = "policy"
    CONSENT = "consent"
    RETRY = "retry"


class RepositoryRow(msgspec.Struct, frozen=True):
    """A repository that the user added.

    Attributes:
        url: Its address, credentials included.
        shown: Its address as it may be shown.
        identity: The id in its index.
        etag: Of the index.
        body: The index as it was last accepted.
        checked_at: When it was last asked successfully, seconds since 1970.
        attempted_at: When it was last asked.
        problem: What went wrong the last time; empty for nothing.
        problem_code: The error's stable name; empty for none.
        failures: How many times in a row it could not be asked.
    """

    url: str
    shown: str
    identity: str
    etag: str | None
    body: bytes
    checked_at: int
    attempted_at: int
    problem: str = ""
    problem_code: str = ""
    failures: int = 0


class CatalogRow(msgspec.Struct, frozen=True):
    """A catalog for which the user wished something.

    Attributes:
        catalog: Id.
        repository: Address of the repository that it is from.
        mode: The wish.
        title: As it was last known.
        downloaded_at: When content was last downloaded, seconds since 1970; 0 for never.
        downloaded_bytes: That the last download took.
        problem: Why the last job failed; empty for no failure.
        skipped: The version that the user does not want to be told of; 0 for none.
        auto_sync: Whether it is checked by itself; None where the user said nothing, so that the configuration counts.
        announced: The newest version that the user was told of; 0 for none.
        problem_code: The stable name of that failure's error; empty for none.
        problem_at: When it failed, seconds since 1970; 0 for never.
    """

    catalog: str
    repository: str
    mode: Mode
    title: str
    downloaded_at: int = 0
    downloaded_bytes: int = 0
    problem: str = ""
    skipped: int = 0
    auto_sync: bool | None = None
    announced: int = 0
    problem_code: str = ""
    problem_at: int = 0


class Job(msgspec.Struct, frozen=True):
    """What is to be done with a catalog, until it is done. A catalog has one job at most.

    Attributes:
        catalog: Id.
        kind: What is to be done.
        asked_at: When it was asked for, seconds since 1970; the oldest is done first.
        via: Which ways a plan may take.
        by_user: Whether a person asked for it, and not a policy.
        consented: Whether the user wants it now, whatever policies would rather wait for.
        gate: Why it does not go on.
        reason: The same as a sentence.
        until: When the gate opens by itself, seconds since 1970; 0 where that is not known.
        attempts: How many times in a row it failed.
        phase: The step that it is in, as events name it; empty before the first.
        done: Bytes of that step that are done.
        total: Bytes of that step.
        beat_at: When the process that runs it last said that it does; 0 for none.
    """

    catalog: str
    kind: JobKind
    asked_at: float
    via: str = "auto"
    by_user: bool = True
    consented: bool = False
    gate: Gate = Gate.OPEN
    reason: str = ""
    until: float = 0.0
    attempts: int = 0
    phase: str = ""
    done: int = 0
    total: int = 0
    beat_at: float = 0.0


class Mark(msgspec.Struct, frozen=True):
    """The highest number seen, and the SHA-256 of what had it."""

    number: int
    sha256: str
