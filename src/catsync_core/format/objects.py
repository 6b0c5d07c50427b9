"""Immutable objects: named by the SHA-256 of their bytes, kept in one folder per kind."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec

from catsync_core.errors import IntegrityError

__all__ = ["INDEX_KEY", "Kind", "ObjectRef", "Sha256Hex", "object_key", "verify"]

INDEX_KEY = "index.json"
Kind = Literal["heads", "manifests", "tables", "signatures", "packs", "patches", "histories"]

Sha256Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class ObjectRef(msgspec.Struct, frozen=True):
    """Names an immutable object.

    Attributes:
        sha256: Of its bytes, 64 lower-case hexadecimal digits.
        length: Bytes.
    """

    sha256: Sha256Hex
    length: Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]

    @classmethod
    def of(cls, data: bytes) -> ObjectRef:
        """Name these bytes."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))


def object_key(kind: Kind, ref: ObjectRef) -> str:
    """Return the key under which an object lies in the repository."""
    return f"{kind}/{ref.sha256}"


def verify(data: bytes, ref: ObjectRef, what: str) -> bytes:
    """Return the bytes if they are what the reference names.

    Raises:
        IntegrityError: (content) they are not.
    """
    if len(data) != ref.length:
        raise IntegrityError(f"{what} has {len(data):,} bytes instead of {ref.length:,}")
    if hashlib.sha256(data).hexdigest() != ref.sha256:
        raise IntegrityError(f"{what} does not have the SHA-256 that names it")
    return data
