"""The head: the small immutable description of one published version."""

from __future__ import annotations

from typing import Annotated

import msgspec

from catsync_core.format.canonical import parse, write
from catsync_core.format.index import CatalogId, Count, Seconds, check_format
from catsync_core.format.objects import ObjectRef, Sha256Hex
from catsync_core.limits import LIMITS

__all__ = ["Head", "PatchRef", "read_head", "write_head"]


class PatchRef(msgspec.Struct, frozen=True):
    """A patch that leads to a version.

    Attributes:
        base: SHA-256 of the plain manifest that it builds on; empty for a patch from nothing.
        root: SHA-256 of the plain manifest that it leads to.
        patch: The object.
        header: Bytes of its header, which it begins with.
    """

    base: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
    root: Sha256Hex
    patch: ObjectRef
    header: Annotated[int, msgspec.Meta(ge=1, le=LIMITS.manifest_length)]


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """One published version.

    Attributes:
        format: Version of the repository format.
        catalog: Its id, so that a head of another catalog is not mistaken for it.
        version: Number; the first is 1.
        title: For people.
        published: When, in seconds since 1970.
        files: How many.
        bytes: Of all files together.
        manifest: What the version contains.
        note: The publisher's words about this version.
        previous: The head of the version before; None for the first.
        patches: That lead to this version.
        history: Names the patches between this version and those before it; None when there are none.
    """

    format: int
    catalog: CatalogId
    version: Annotated[int, msgspec.Meta(ge=1)]
    title: Annotated[str, msgspec.Meta(max_length=LIMITS.title_length)]
    published: Seconds
    files: Count
    bytes: Annotated[int, msgspec.Meta(ge=0, le=LIMITS.total_size)]
    manifest: ObjectRef
    note: Annotated[str, msgspec.Meta(max_length=LIMITS.note_length)] = ""
    previous: ObjectRef | None = None
    patches: Annotated[tuple[PatchRef, ...], msgspec.Meta(max_length=LIMITS.patches)] = ()
    history: ObjectRef | None = None

    def find_patch(self, base: str) -> PatchRef | None:
        """Return the patch from a version, named by the SHA-256 of its plain manifest; the empty name is nothing."""
        return next((patch for patch in self.patches if patch.base == base), None)


def read_head(data: bytes, what: str = "The head") -> Head:
    """Parse a head.

    Raises:
        FormatError: (content) it is not one.
        UnsupportedFormatError: (content) a newer catsync made it.
    """
    check_format(data, what)
    return parse(data, Head, what)


def write_head(head: Head) -> bytes:
    """Return the canonical bytes of a head."""
    return write(head)
