"""The index: the repository's one mutable object, which names every catalog's head."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from catsync_core.errors import FormatError, UnsupportedFormatError, UsageError
from catsync_core.format.canonical import parse, write
from catsync_core.format.objects import ObjectRef
from catsync_core.format.paths import is_reserved
from catsync_core.limits import LIMITS

__all__ = [
    "FORMAT",
    "CatalogId",
    "CatalogSummary",
    "Index",
    "check_catalog_id",
    "check_format",
    "is_catalog_id",
    "read_index",
    "write_index",
]

FORMAT = 1
_CATALOG_ID = r"[a-z0-9][a-z0-9._-]{0,63}"

CatalogId = Annotated[str, msgspec.Meta(pattern=rf"\A{_CATALOG_ID}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]  # since 1970, to the end of the year 9999


class CatalogSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the index says of one catalog.

    Attributes:
        title: For people.
        version: Of the newest version; the first is 1.
        published: When, in seconds since 1970.
        files: How many the newest version has.
        bytes: Of all of them.
        head: The object that describes the newest version.
        text: That object itself, where it is small enough to travel along; empty where it must be fetched.
    """

    title: Annotated[str, msgspec.Meta(max_length=LIMITS.title_length)]
    version: Annotated[int, msgspec.Meta(ge=1)]
    published: Seconds
    files: Count
    bytes: Annotated[int, msgspec.Meta(ge=0, le=LIMITS.total_size)]
    head: ObjectRef
    text: Annotated[str, msgspec.Meta(max_length=LIMITS.head_texts)] = ""


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """The index.

    Attributes:
        format: Version of the repository format.
        repository: A random id, made once by ``catsync init``: 32 hexadecimal digits.
        serial: Grows with every change; a device never accepts a lower one than it has seen.
        created: When this index was written, in seconds since 1970.
        catalogs: By id.
        expires: After this time, in seconds since 1970, the index is not to be called current; 0 for never.
    """

    format: int
    repository: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    serial: Annotated[int, msgspec.Meta(ge=1)]
    created: Seconds
    catalogs: dict[CatalogId, CatalogSummary]
    expires: Seconds = 0


class _Versioned(msgspec.Struct):
    format: int


def is_catalog_id(text: str) -> bool:
    """Whether a text can be a catalog's id."""
    return bool(re.fullmatch(_CATALOG_ID, text)) and not is_reserved(text)


def check_catalog_id(catalog: str) -> str:
    """Return the id, or refuse it.

    Raises:
        UsageError: (local) it cannot be a catalog's id.
    """
    if not is_catalog_id(catalog):
        raise UsageError(
            f"{catalog!r} cannot be a catalog's id",
            hint="Use 1 to 64 of a-z, 0-9, dot, dash, underscore, beginning with a-z or 0-9; and no name of a device",
        )
    return catalog


def check_format(data: bytes, what: str) -> None:
    """Refuse an object of another format version, before anything else of it is looked at.

    Raises:
        UnsupportedFormatError: (content) it was made by a newer catsync.
    """
    found = parse(data, _Versioned, what).format
    if found != FORMAT:
        raise UnsupportedFormatError(f"{what} has format {found}; this catsync reads format {FORMAT}")


def read_index(data: bytes, what: str = "The index") -> Index:
    """Parse an index.

    Raises:
        FormatError: (content) it is not one.
        UnsupportedFormatError: (content) a newer catsync made it.
    """
    check_format(data, what)
    index = parse(data, Index, what)
    if len(index.catalogs) > LIMITS.catalogs:
        raise FormatError(f"{what} names {len(index.catalogs):,} catalogs; at most {LIMITS.catalogs:,} are allowed")
    for catalog in index.catalogs:
        if is_reserved(catalog):
            raise FormatError(f"{what} names a catalog {catalog!r}, which Windows reserves")
    return index


def write_index(index: Index) -> bytes:
    """Return the canonical bytes of an index."""
    return write(index)
