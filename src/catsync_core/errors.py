"""Errors, grouped by the side that failed: local, remote, content, trust.

Every error says what happened, to what, and what to do next, and carries the exit code of the command line::

    CatsyncError                     1
    +-- LocalError                   1   this device
    |   +-- UsageError               2   a value that makes no sense
    |   +-- ConfigError              2   a configuration that makes no sense
    |   +-- NotFoundError           10   no such repository, catalog, version or path
    |   +-- LockedError             11   another process works on the same thing
    |   +-- DiskFullError           16
    |   +-- SourceError              1   a tree that cannot be published
    |   +-- DamagedError            14   stored content is not what was stored
    |   +-- CancelledError         130   stopped by the user
    |   +-- WaitsError               1   it must wait: paused, or by a policy
    |   +-- DeniedError              1   a policy does not allow it
    +-- RemoteError                 13   the backend or the way to it
    |   +-- NoConnectionError       13   unreachable, stalled or cut off
    |   +-- ServerError             13   it answered with a failure
    |   +-- MissingObjectError      10   it has no such object
    |   +-- AuthorisationError      12   it refused
    |   +-- UnsupportedError         1   it cannot do that
    |   +-- ConflictError           15   someone else changed the object first
    +-- ContentError                14   what arrived is not what it should be
    |   +-- IntegrityError          14   wrong hash or length
    |   +-- FormatError             14   cannot be parsed
    |   +-- LimitError              14   larger than is allowed
    |   +-- PathError              14   a path that must not be created
    |   +-- UnsupportedFormatError  14   made by a newer catsync
    +-- TrustError                  14   older or other than what was seen before
    +-- PluginError                 17
    +-- SomeFailedError              3   several things were asked for, some failed
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AuthorisationError",
    "CancelledError",
    "CatsyncError",
    "ConfigError",
    "ConflictError",
    "ContentError",
    "DamagedError",
    "DeniedError",
    "DiskFullError",
    "FormatError",
    "IntegrityError",
    "LimitError",
    "LocalError",
    "LockedError",
    "MissingObjectError",
    "NoConnectionError",
    "NotFoundError",
    "PathError",
    "PluginError",
    "RemoteError",
    "ServerError",
    "SomeFailedError",
    "SourceError",
    "TrustError",
    "UnsupportedError",
    "UnsupportedFormatError",
    "UsageError",
    "WaitsError",
]


class CatsyncError(Exception):
    """Root of all errors that catsync raises on purpose.

    Args:
        message: What happened, and to what. One sentence, no full stop needed.
        hint: What to do next; empty when the class's own hint fits.
    """

    code: ClassVar[str] = "error"
    """Stable name for scripts."""
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without a change by the user."""
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class LocalError(CatsyncError):
    """Something on this device failed."""

    code = "local"
    default_hint = "Look at the path, its permissions and the disk, then repeat the command"


class UsageError(LocalError):
    """A value that makes no sense."""

    code = "usage"
    exit_code = 2
    default_hint = "See the command's --help"


class ConfigError(LocalError):
    """The configuration file makes no sense."""

    code = "config"
    exit_code = 2
    default_hint = "Correct the file; `catsync config show` says whether it is right"


class NotFoundError(LocalError):
    """No such repository, catalog, version or path."""

    code = "not_found"
    exit_code = 10
    default_hint = "`catsync list` shows what there is"


class LockedError(LocalError):
    """Another process works on the same thing."""

    code = "locked"
    exit_code = 11
    retryable = True
    default_hint = "Wait until it has finished, or stop it, then repeat the command"


class DiskFullError(LocalError):
    """Not enough space."""

    code = "disk_full"
    exit_code = 16
    default_hint = "Free some space and repeat the command; what has arrived is kept"


class SourceError(LocalError):
    """A folder that cannot be published as it is."""

    code = "source"
    default_hint = "Nothing was published. Mend the folder and publish again"


class DamagedError(LocalError):
    """Stored content is not what was stored."""

    code = "damaged"
    exit_code = 14
    default_hint = "`catsync repair` fetches the damaged parts again"


class CancelledError(LocalError):
    """Stopped by the user."""

    code = "cancelled"
    exit_code = 130
    default_hint = "What has arrived is kept; the same command goes on from there"


class WaitsError(LocalError):
    """It must wait: the user paused it, or a policy that the user enabled does not allow it now.

    Args:
        message: What waits, and why.
        hint: What to do next.
        gate: The kind of reason, as :class:`JobWaits` names it.
        until: When it may go on, seconds since 1970; 0 where that is not known.
    """

    code = "waits"
    default_hint = "What has arrived is kept"

    def __init__(self, message: str, *, hint: str = "", gate: str = "", until: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.gate = gate
        self.until = until


class DeniedError(LocalError):
    """A policy that the user enabled does not allow it."""

    code = "denied"
    default_hint = "`catsync config show` prints the policies that are enabled; change them in the configuration file"


class RemoteError(CatsyncError):
    """The backend, or the way to it, failed."""

    code = "remote"
    exit_code = 13
    default_hint = "Check the connection and the repository's address, then repeat the command"


class NoConnectionError(RemoteError):
    """Unreachable, stalled or cut off."""

    code = "no_connection"
    retryable = True
    default_hint = "Check the network connection and repeat the command; what has arrived is kept"


class ServerError(RemoteError):
    """The backend answered with a failure.

    Args:
        message: What happened, and to what.
        hint: What to do next.
        retry_after: Seconds that the backend asks to wait, already clamped; None when it did not say.
    """

    code = "server"
    retryable = True
    default_hint = "Try again later; if it stays, tell whoever runs the server"

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class MissingObjectError(RemoteError):
    """The backend has no such object."""

    code = "missing_object"
    exit_code = 10
    default_hint = "Check the repository's address; a publication may also be under way, so try again in a minute"


class AuthorisationError(RemoteError):
    """The backend refused."""

    code = "not_authorised"
    exit_code = 12
    default_hint = "Check the credentials and the permissions for this repository"


class UnsupportedError(RemoteError):
    """The backend cannot do that."""

    code = "unsupported"
    exit_code = 1
    default_hint = "Use another backend for this"


class ConflictError(RemoteError):
    """Someone else changed the object first."""

    code = "conflict"
    exit_code = 15
    default_hint = "Nothing was overwritten. Publish again to build on what is there now"


class ContentError(CatsyncError):
    """What arrived is not what it should be."""

    code = "content"
    exit_code = 14
    default_hint = "Nothing of it was used. Try again; if it stays, tell the publisher"


class IntegrityError(ContentError):
    """Wrong hash or length."""

    code = "integrity"
    retryable = True


class FormatError(ContentError):
    """Cannot be parsed."""

    code = "format"


class LimitError(ContentError):
    """Larger than is allowed."""

    code = "limit"


class PathError(ContentError):
    """A path that must not be created on a device."""

    code = "path"
    default_hint = "Nothing was written. The publisher must rename the file"


class UnsupportedFormatError(ContentError):
    """Made by a newer catsync."""

    code = "unsupported_format"
    default_hint = "Install a newer catsync"


class TrustError(CatsyncError):
    """Older or other than what was seen before."""

    code = "trust"
    exit_code = 14
    default_hint = "Nothing was changed. Ask the publisher whether the repository was restored or replaced"


class PluginError(CatsyncError):
    """A plugin failed or is missing."""

    code = "plugin"
    exit_code = 17
    default_hint = "`catsync doctor` lists the plugins and what is wrong with them"


class SomeFailedError(CatsyncError):
    """Several things were asked for and some of them failed.

    Args:
        message: What failed.
        errors: The single errors, by the name of the thing.
    """

    code = "some_failed"
    exit_code = 3
    default_hint = "The others are done; repeat the command for the failed ones"

    def __init__(self, message: str, errors: dict[str, CatsyncError]) -> None:
        super().__init__(message)
        self.errors = errors
