"""The backend protocol: a store of bytes by key, as narrow as it can be.

Whatever every backend needs (retry, throttling, metering) is a wrapper around this protocol, never code inside a
backend. Keys are relative, ``/``-separated and made of ``[a-z0-9._-]`` only; :func:`check_key` refuses all others on
the way in and on the way out.

Thread model: one backend object may be called from several threads at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from catsync_core.errors import UsageError

__all__ = ["Backend", "Capabilities", "ObjectInfo", "Reply", "check_key"]

_KEY = re.compile(r"[a-z0-9_][a-z0-9._-]{0,127}(/[a-z0-9_][a-z0-9._-]{0,127}){0,4}")


class Capabilities(msgspec.Struct, frozen=True):
    """What a backend can do.

    Attributes:
        write: It takes objects at all (a static web server does not).
        swap: It replaces an object only if it is still the expected one, atomically.
        connections: How many requests at a time are useful.
    """

    write: bool
    swap: bool
    connections: int = 4


class Reply(msgspec.Struct, frozen=True):
    """A small object, whole.

    Attributes:
        body: Its bytes; empty when it was not modified.
        etag: What to pass as ``known_etag`` or ``expected_etag`` later; None when the backend has none.
        modified: False when the object still has the etag that the caller knows.
    """

    body: bytes
    etag: str | None
    modified: bool = True


class ObjectInfo(msgspec.Struct, frozen=True):
    """One listed object: key, length in bytes, and time of last change in seconds since 1970."""

    key: str
    length: int
    modified: float


@runtime_checkable
class Backend(Protocol):
    """A store of bytes by key.

    Every method raises only :class:`~catsync_core.errors.RemoteError` and its children for what is remote, and
    :class:`~catsync_core.errors.LimitError` or :class:`~catsync_core.errors.IntegrityError` for what arrived too long
    or too short. An ``OSError`` never leaves a backend.
    """

    @property
    def url(self) -> str:
        """Where it is, without credentials: safe to show and to log."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """Read a whole small object.

        Args:
            key: Which one.
            max_length: Bytes; a longer object is refused without being read.
            known_etag: The caller has the object with this etag; if it is unchanged, nothing travels.

        Raises:
            MissingObjectError: (remote) there is none.
            LimitError: (content) it is longer than ``max_length``.
        """

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """Stream a range, in pieces, in order, exactly ``length`` bytes in all.

        Args:
            key: Which object.
            offset: First byte.
            length: Bytes, at least 1.

        Raises:
            MissingObjectError: (remote) there is none.
            NoConnectionError: (remote) it broke off or stalled; what was yielded before is good to keep.
            IntegrityError: (content) the object ends before the range does.
        """

    def put(self, key: str, source: bytes | Path) -> None:
        """Store an object, whole and durable when the call returns; replaces what is there.

        Args:
            key: Under which name.
            source: The bytes, or a file that holds them.

        Raises:
            UnsupportedError: (remote) the backend is read-only.
            DiskFullError: (local) the backend is a full disk.
        """

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        """Replace an object only if it still has the expected etag; the new etag is returned.

        Args:
            key: Which object.
            body: Its new bytes.
            expected_etag: What :meth:`get` returned; None when there must be no object yet.

        Raises:
            ConflictError: (remote) it is another one by now. Nothing was changed.
            UnsupportedError: (remote) the backend cannot do this atomically.
        """

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key starts with ``prefix``, in no particular order.

        Raises:
            UnsupportedError: (remote) the backend cannot list.
        """

    def delete(self, key: str) -> None:
        """Remove an object; removing a missing one is no error."""

    def close(self) -> None:
        """Give back connections; running reads fail soon after. May be called twice."""


def check_key(key: str) -> str:
    """Return the key, or refuse it.

    Raises:
        UsageError: (local) the key is not one that catsync makes.
    """
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key!r} is not an object key")
    return key
