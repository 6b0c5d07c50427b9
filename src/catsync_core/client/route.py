"""How the new version's description reaches the device: whole, or by patches that also yield the new contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from catsync_core.client.chain import Chain
from catsync_core.errors import ContentError, FormatError
from catsync_core.format.frames import compress
from catsync_core.format.head import Head
from catsync_core.format.manifest import Manifest
from catsync_core.format.patch import bare_manifest
from catsync_core.plan.model import Part, Piece, Request
from catsync_core.plan.requests import patch_requests
from catsync_core.plan.ways import Way, WayKind, weigh_requests
from catsync_core.store.layout import CatalogStore
from catsync_core.store.space import require_space
from catsync_core.store.spool import Spool
from catsync_core.transfer.frame_cache import Decoded, FrameCache
from catsync_core.transfer.patching import Located, OldTree, Outline, fetch_header, kept_header, verify_patch
from catsync_core.transfer.repository import Repository, check_identity

__all__ = ["Description", "PatchRoute", "Route"]

Keep = Callable[[Piece], bool]

_LEVEL = 3  # of zstd, for the manifest that is kept


class Route(msgspec.Struct, frozen=True):
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
    parts: dict[int, tuple[Part, ...]] = msgspec.field(default_factory=dict)
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
    """The way by one patch, or by several that follow one another.

    Args:
        repository: Where the patches lie.
        description: Of the new version.
        store: The catalog's place.
        patches: In order.
        old: What the first one builds on, as it is on this device.
        root: SHA-256 of the plain manifest that the last one must lead to.
        direct: It is one patch from exactly what is here, which the publisher compared with other ways.
    """

    def __init__(
        self,
        repository: Repository,
        description: Description,
        store: CatalogStore,
        patches: Sequence[Located],
        old: OldTree,
        *,
        root: str,
        direct: bool,
    ) -> None:
        self.patches = tuple(patches)
        self.base = old.sha256
        """Root of the version that they begin from; empty for nothing."""
        self.direct = direct
        self.versions: tuple[int, ...] = ()
        """That the patches lead over, from what is here to the newest; known once a header was read."""
        self._repository = repository
        self._description = description
        self._store = store
        self._old = old
        self._root = root

    def requests(self, is_kept: Keep) -> tuple[Request, ...]:
        """Return the requests for what is still to come of the patches."""
        return tuple(request for patch in self.patches for request in patch_requests(patch.patch, is_kept))

    def weigh(self, is_kept: Keep) -> Way:
        """Return what is still to come of the patches."""
        return weigh_requests(WayKind.PATCHES if self.base else WayKind.NOTHING, self.requests(is_kept))

    @property
    def headers(self) -> int:
        """Bytes of the patches' headers."""
        return sum(patch.header for patch in self.patches)

    def look(self) -> Manifest:
        """Return the new manifest without the hashes of new contents; fetches only the patches' headers.

        Raises:
            ContentError: (content) a header is damaged or does not fit.
            RemoteError: (remote) it cannot be fetched.
        """
        return self._chain(fetch_header(self._repository, patch) for patch in self.patches).last.manifest

    def preview(self, is_kept: Keep) -> Route:
        """Return what the patches lead to; fetches only their headers.

        A patch from nothing does not tell which contents are here already. So where something is, the manifest is
        fetched too.
        """
        chain = self._chain(fetch_header(self._repository, patch) for patch in self.patches)
        requests = self.requests(is_kept)
        later = sum(request.length for request in requests) - self.headers
        later_requests = len(requests) - len(self.patches)
        if not self.direct and not self.base and self._description.known is None:
            self._description.fetch()
            later, later_requests = later - self._description.head.manifest.length, later_requests - 1
        manifest = chain.last.manifest
        parts = chain.place(manifest, {placeholder: placeholder for placeholder in chain.parts})
        if self._description.known is not None:
            manifest = self._description.known.manifest
            if bare_manifest(manifest) != chain.last.bare:
                raise FormatError(f"The patch of {manifest.catalog} does not lead to the version that was published")
        return Route(manifest, b"", parts, later, later_requests)

    def follow(
        self,
        spool: Spool,
        begin: Callable[[int], Callable[[int], None]],
        warn: Callable[[str], None],
        decoded: FrameCache[Decoded],
    ) -> Route:
        """Return the new version from patches that were fetched.

        What they fail to yield, because an old file is damaged, is left to other ways, and that is told.

        Args:
            spool: Holds the patches.
            begin: Called with the bytes that will be decoded; what it returns is called with bytes that are.
            warn: Told, in a sentence, what will take longer than it should.
            decoded: Keeps decoded frames for the assembly, as far as there is room.

        Raises:
            ContentError: (content) a patch is damaged or does not fit: they are of no use at all.
            RemoteError: (remote) the manifest is needed after all and cannot be fetched.
            DiskFullError: (local) there is not enough space for what lies between.
        """
        for patch in self.patches:
            verify_patch(spool, patch.patch)
        chain = self._chain(kept_header(spool, patch) for patch in self.patches)
        require_space(self._store.root, chain.bytes_between(), "What lies between the two versions")
        names = chain.decode(spool, begin(chain.new_bytes()), decoded)
        complete = self._complete(chain.last, names)
        if complete is not None:
            manifest, plain = complete
            return Route(manifest, compress(plain, _LEVEL), chain.place(manifest, names))
        published = self._description.fetch()
        parts = chain.place(published.manifest, names)
        changed = sum(content.sha256 in chain.parts for content in chain.last.manifest.contents)
        warn(
            f"Not all of {published.manifest.catalog} is as it was here, so the patch yields {len(parts)} of"
            f" {changed} changed contents; the others are fetched in another way"
        )
        return Route(published.manifest, published.data, parts)

    def _chain(self, headers: Iterable[bytes]) -> Chain:
        chain = Chain(self._store, self.patches, self._old, headers)
        begin = (self._old.manifest.version,) if self._old.manifest else ()
        self.versions = (*begin, *chain.versions)
        check_identity(chain.last.manifest, self._description.head.catalog, self._description.head.version)
        return chain

    def _complete(self, last: Outline, names: Mapping[bytes, bytes]) -> tuple[Manifest, bytes] | None:
        contents = enumerate(last.manifest.contents)
        hashes = {index: names[content.sha256] for index, content in contents if content.sha256 in names}
        try:
            return last.complete(hashes, self._root)
        except ContentError:
            return None
