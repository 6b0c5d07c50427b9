"""How the new version's description reaches the device: whole, or by a patch that also yields the new contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from catsync_core.errors import ContentError, NoConnectionError, RemoteError
from catsync_core.format.head import Head, PatchRef
from catsync_core.format.manifest import Manifest, write_manifest
from catsync_core.plan.model import Part, Piece
from catsync_core.plan.requests import patch_requests
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.records import Installed
from catsync_core.store.spool import Spool
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

__all__ = ["PatchRoute", "Route", "choose_route", "take_manifest"]

Keep = Callable[[Piece], bool]


@dataclass(frozen=True, slots=True)
class Route:
    """The new version as it is known on the device.

    Attributes:
        manifest: What it contains.
        data: The manifest's bytes, as the store keeps them; empty in a preview.
        parts: Of contents that a patch yields, by index into the manifest's contents.
        later_bytes: That a preview did not fetch, but following the route will.
        later_requests: Likewise; what a preview asked in their place is taken off.
    """

    manifest: Manifest
    data: bytes
    parts: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    later_bytes: int = 0
    later_requests: int = 0


def take_manifest(repository: Repository, head: Head) -> Route:
    """Fetch the manifest whole."""
    return Route(*repository.manifest(head))


class PatchRoute:
    """The way by one patch.

    Args:
        repository: Where the patch lies.
        head: Of the new version.
        ref: The patch.
        old: What it builds on, as it is on this device.
    """

    def __init__(self, repository: Repository, head: Head, ref: PatchRef, old: OldTree) -> None:
        self._repository = repository
        self._head = head
        self._ref = ref
        self._old = old

    @classmethod
    def find(
        cls, repository: Repository, head: Head, store: CatalogStore, installed: Installed | None
    ) -> PatchRoute | None:
        """Return the way from what is installed; None when no patch leads from there."""
        if not head.patches:
            return None
        manifest = load_manifest(store, installed) if installed else None
        root = store.version_path(installed.version) if installed else store.root
        old = OldTree(manifest, root)
        ref = head.find_patch(old.sha256)
        return None if ref is None else cls(repository, head, ref, old)

    @property
    def ref(self) -> PatchRef:
        """The patch."""
        return self._ref

    def preview(self, is_kept: Keep) -> Route:
        """Return what the patch leads to; fetches only its header."""
        found = self._outline(fetch_header(self._repository, self._ref))
        requests = patch_requests(self._ref.patch, is_kept)
        later = sum(request.length for request in requests) - self._ref.header
        return Route(found.manifest, b"", _with_bytes(found.manifest, found.parts), later, len(requests) - 1)

    def follow(self, spool: Spool, begin: Callable[[int], Callable[[int], None]], warn: Callable[[str], None]) -> Route:
        """Return the new version from a patch that was fetched.

        What it fails to yield, because an old file is damaged, is left to other ways, and that is told.

        Args:
            spool: Holds the patch.
            begin: Called with the bytes that will be decoded; what it returns is called with bytes that are.
            warn: Told, in a sentence, what will take longer than it should.

        Raises:
            ContentError: (content) the patch is damaged or does not fit: it is of no use at all.
            RemoteError: (remote) the manifest is needed after all and cannot be fetched.
        """
        verify_patch(spool, self._ref.patch)
        found = self._outline(kept_header(spool, self._ref))
        hashes = compute_hashes(found, spool, begin(found.new_bytes()))
        manifest = self._complete(found, hashes)
        if manifest is not None:
            return Route(manifest, write_manifest(manifest), _with_bytes(manifest, found.parts))
        manifest, data = self._repository.manifest(self._head)
        parts = {index: part for index, part in found.parts.items() if _is_right(manifest, index, hashes)}
        warn(
            f"Not all of {self._head.catalog} is as it was here, so the patch yields {len(parts)} of"
            f" {len(found.parts)} changed contents; the others are fetched in another way"
        )
        return Route(manifest, data, _with_bytes(manifest, parts))

    def _outline(self, header: bytes) -> Outline:
        found = outline(header, self._ref, self._old)
        check_identity(found.manifest, self._head.catalog, self._head.version)
        return found

    def _complete(self, found: Outline, hashes: Mapping[int, bytes]) -> Manifest | None:
        try:
            return found.complete(hashes, self._ref.root)
        except ContentError:
            return None


def choose_route(
    route: PatchRoute | None,
    follow: Callable[[PatchRoute], Route],
    fallback: Callable[[], Route],
    warn: Callable[[str], None],
) -> Route:
    """Follow a patch where there is one; fetch the manifest where there is none, or it is of no use.

    A wrong answer, a refusal or a failure concerns the patch, and the rest of the repository may be as it should.
    Without any answer nothing else would arrive either: what did is kept, and the next attempt goes on from there.

    Raises:
        NoConnectionError: (remote) the backend cannot be reached, or breaks off.
    """
    if route is None:
        return fallback()
    try:
        return follow(route)
    except NoConnectionError:
        raise
    except (ContentError, RemoteError) as error:
        warn(f"{error.message}; the update goes on without it")
        return fallback()


def _is_right(manifest: Manifest, index: int, hashes: Mapping[int, bytes]) -> bool:
    return index < len(manifest.contents) and hashes.get(index) == manifest.contents[index].sha256


def _with_bytes(manifest: Manifest, parts: Mapping[int, tuple[Part, ...]]) -> dict[int, tuple[Part, ...]]:
    return {index: part for index, part in parts.items() if manifest.contents[index].size}
