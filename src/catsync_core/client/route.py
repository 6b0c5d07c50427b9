"""How the new version's description reaches the device: whole, or by a patch that also yields the new contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from catsync_core.errors import ContentError, FormatError
from catsync_core.format.frames import compress
from catsync_core.format.head import Head, PatchRef
from catsync_core.format.manifest import Manifest
from catsync_core.format.patch import bare_manifest
from catsync_core.plan.model import Part, Piece
from catsync_core.plan.requests import patch_requests
from catsync_core.plan.ways import Way, WayKind, weigh_patches
from catsync_core.store.spool import Spool
from catsync_core.transfer.frame_cache import FrameCache
from catsync_core.transfer.patching import (
    OldTree,
    Outline,
    compute_hashes,
    fetch_header,
    kept_header,
    outline,
    verify_patch,
)
from catsync_core.transfer.repository import Repository, check_identity

__all__ = ["Description", "PatchRoute", "Route"]

Keep = Callable[[Piece], bool]

_LEVEL = 3  # of zstd, for the manifest that is kept


@dataclass(frozen=True, slots=True)
class Route:
    """The new version as it is known on the device.

    Attributes:
        manifest: What it contains.
        data: The manifest's bytes, as the store keeps them; empty in a preview.
        parts: Of contents that a patch yields, by index into the manifest's contents.
        later_bytes: That a preview did not fetch, but following the route will; what it fetched in vain is taken off.
        later_requests: Likewise.
    """

    manifest: Manifest
    data: bytes
    parts: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    later_bytes: int = 0
    later_requests: int = 0


class Description:
    """The new version's manifest, fetched when it is needed, and once.

    Args:
        repository: Where it lies.
        head: Of the new version.
    """

    def __init__(self, repository: Repository, head: Head) -> None:
        self.head = head
        self.known: Route | None = None
        """What was fetched."""
        self._repository = repository

    def fetch(self) -> Route:
        """Return the version as its manifest tells.

        Raises:
            RemoteError: (remote) the manifest cannot be fetched.
            ContentError: (content) it is not what the head names.
        """
        if self.known is None:
            self.known = Route(*self._repository.manifest(self.head))
        return self.known


class PatchRoute:
    """The way by one patch.

    Args:
        repository: Where the patch lies.
        description: Of the new version.
        ref: The patch.
        old: What it builds on, as it is on this device.
        direct: It leads from exactly what is here, so that nothing but it can tell what is new.
    """

    def __init__(
        self, repository: Repository, description: Description, ref: PatchRef, old: OldTree, *, direct: bool
    ) -> None:
        self.ref = ref
        self.direct = direct
        self._repository = repository
        self._description = description
        self._old = old

    def weigh(self, is_kept: Keep) -> Way:
        """Return what is to come of the patch."""
        kind = WayKind.PATCHES if self.ref.base else WayKind.NOTHING
        return weigh_patches(kind, [self.ref.patch], is_kept)

    def preview(self, is_kept: Keep) -> Route:
        """Return what the patch leads to; fetches only its header.

        A patch from nothing does not tell which contents are here already. So where something is, the manifest is
        fetched too.
        """
        found = self._outline(fetch_header(self._repository, self.ref))
        requests = patch_requests(self.ref.patch, is_kept)
        later, later_requests = sum(request.length for request in requests) - self.ref.header, len(requests) - 1
        if not self.direct and self._description.known is None:
            self._description.fetch()
            later, later_requests = later - self._description.head.manifest.length, later_requests - 1
        manifest = found.manifest
        if self._description.known is not None:
            manifest = self._description.known.manifest
            if bare_manifest(manifest) != bare_manifest(found.manifest):
                raise FormatError(f"The patch of {manifest.catalog} does not lead to the version that was published")
        return Route(manifest, b"", _with_bytes(manifest, found.parts), later, later_requests)

    def follow(
        self,
        spool: Spool,
        begin: Callable[[int], Callable[[int], None]],
        warn: Callable[[str], None],
        decoded: FrameCache,
    ) -> Route:
        """Return the new version from a patch that was fetched.

        What it fails to yield, because an old file is damaged, is left to other ways, and that is told.

        Args:
            spool: Holds the patch.
            begin: Called with the bytes that will be decoded; what it returns is called with bytes that are.
            warn: Told, in a sentence, what will take longer than it should.
            decoded: Keeps decoded frames for the assembly, as far as there is room.

        Raises:
            ContentError: (content) the patch is damaged or does not fit: it is of no use at all.
            RemoteError: (remote) the manifest is needed after all and cannot be fetched.
        """
        verify_patch(spool, self.ref.patch)
        found = self._outline(kept_header(spool, self.ref))
        hashes = compute_hashes(found, spool, begin(found.new_bytes()), decoded)
        complete = self._complete(found, hashes)
        if complete is not None:
            manifest, plain = complete
            return Route(manifest, compress(plain, _LEVEL), _with_bytes(manifest, found.parts))
        published = self._description.fetch()
        parts = {index: part for index, part in found.parts.items() if _is_right(published.manifest, index, hashes)}
        warn(
            f"Not all of {published.manifest.catalog} is as it was here, so the patch yields {len(parts)} of"
            f" {len(found.parts)} changed contents; the others are fetched in another way"
        )
        return Route(published.manifest, published.data, _with_bytes(published.manifest, parts))

    def _outline(self, header: bytes) -> Outline:
        found = outline(header, self.ref, self._old)
        check_identity(found.manifest, self._description.head.catalog, self._description.head.version)
        return found

    def _complete(self, found: Outline, hashes: Mapping[int, bytes]) -> tuple[Manifest, bytes] | None:
        try:
            return found.complete(hashes, self.ref.root)
        except ContentError:
            return None


def _is_right(manifest: Manifest, index: int, hashes: Mapping[int, bytes]) -> bool:
    return index < len(manifest.contents) and hashes.get(index) == manifest.contents[index].sha256


def _with_bytes(manifest: Manifest, parts: Mapping[int, tuple[Part, ...]]) -> dict[int, tuple[Part, ...]]:
    return {index: part for index, part in parts.items() if manifest.contents[index].size}
