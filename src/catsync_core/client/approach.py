"""Decide how a device comes to the newest version: by patches from what is here, by the one from nothing, or by blocks.

A patch that leads from what is here is taken without another question: the publisher compared it with blocks, and only
published it because it is smaller. In all other cases the cheapest way counts: several patches over versions between,
which the history knows, the patch from nothing, or blocks. What patches take stands in head and history. What blocks
take is only known once the manifest, and what belongs to it, was fetched; that is done unless the manifest alone costs
as much as the patches. Whatever is then taken, blocks would not have cost less: they need the manifest too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from catsync_core.client.route import Description, Keep, PatchRoute, Route
from catsync_core.client.usage import measure_link
from catsync_core.errors import ContentError, FormatError, NoConnectionError, RemoteError
from catsync_core.format.head import Head, PatchRef
from catsync_core.format.history import Step, find_path, read_history
from catsync_core.limits import LIMITS
from catsync_core.plan.model import Plan, Via
from catsync_core.plan.ways import Way, WayKind, weigh, weigh_requests
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.records import Installed
from catsync_core.transfer.patching import OldTree
from catsync_core.transfer.prepare import Preparation
from catsync_core.transfer.repository import Repository

__all__ = ["Approach"]

_SHARE = 0.05  # of what it can save: what it may cost to read the history


class Approach:
    """The choice of a way for one job.

    Args:
        repository: Where the version lies.
        head: Of the newest version.
        store: The catalog's place.
        installed: The version that is here; None for none.
        via: Which ways may be taken.
        folders: Whether the user named other copies.
        is_kept: Whether an earlier attempt left a piece here.
        prepare: Takes stock of what is here, for a version that is known.
        warn: Told, in a sentence, of a way that could not be taken.
    """

    def __init__(
        self,
        repository: Repository,
        head: Head,
        store: CatalogStore,
        installed: Installed | None,
        *,
        via: Via,
        folders: bool,
        is_kept: Keep,
        prepare: Callable[[Route], Preparation],
        warn: Callable[[str], None],
    ) -> None:
        self._repository = repository
        self._head = head
        self._store = store
        self._installed = installed
        self._via = via
        self._folders = folders
        self._is_kept = is_kept
        self._make = prepare
        self._warn = warn
        self._description = Description(repository, head)
        self._preparation: Preparation | None = None

    def take(self, follow: Callable[[PatchRoute], Route]) -> Route:
        """Return the new version by the way that costs least.

        A patch that turns out to be of no use is told, and the next way is taken. A wrong answer, a refusal or a
        failure concerns the patch, and the rest of the repository may be as it should. Without any answer nothing else
        would arrive either: what did is kept, and the next attempt goes on from there.

        Args:
            follow: Goes the way by a patch.

        Raises:
            NoConnectionError: (remote) the backend cannot be reached, or breaks off.
            RemoteError: (remote) the manifest cannot be fetched, nor is there a patch.
            ContentError: (content) likewise, it is not what it should be.
        """
        routes = self._find_routes()
        while (best := self._choose(routes)) is not None:
            try:
                return follow(best)
            except NoConnectionError:
                raise
            except (ContentError, RemoteError) as error:
                self._warn(f"{error.message}; the update goes on without it")
                routes.remove(best)
        return self._description.fetch()

    def prepare(self, route: Route) -> Preparation:
        """Return what plans the version; what was fetched to choose the way is not fetched again."""
        if self._preparation is None:
            self._preparation = self._make(route)
        self._preparation.patched = dict(route.parts)
        return self._preparation

    def _find_routes(self) -> list[PatchRoute]:
        if self._via not in {Via.AUTO, Via.PATCH} or not self._head.patches:
            return []
        routes = []
        nothing = OldTree(None, self._store.root)
        solid = self._head.find_patch(nothing.sha256)
        if self._installed is not None:
            manifest = load_manifest(self._store, self._installed)
            here = OldTree(manifest, self._store.version_path(self._installed.version))
            direct = self._head.find_patch(here.sha256)
            path = (direct,) if direct else self._find_path(here.sha256, solid)
            if path:
                routes.append(self._route(path, here, direct=direct is not None))
        if solid:
            routes.append(self._route((solid,), nothing, direct=not self._folders and self._installed is None))
        return routes

    def _route(self, patches: Sequence[Step | PatchRef], old: OldTree, *, direct: bool) -> PatchRoute:
        root = self._head.patches[0].root
        return PatchRoute(self._repository, self._description, self._store, patches, old, root=root, direct=direct)

    def _find_path(self, root: str, solid: PatchRef | None) -> tuple[Step | PatchRef, ...]:
        """Return the patches that lead on over versions between; none where there are none, or looking may not pay."""
        last = [ref.patch.length for ref in self._head.patches if ref.base]
        plain = self._head.bytes + self._head.manifest.length  # more than a download without any patch takes
        whole = min(solid.patch.length if solid else plain, plain)
        if self._head.history is None or not last or self._head.history.length > _SHARE * (whole - min(last)):
            return ()
        try:
            data = self._repository.fetch("histories", self._head.history, LIMITS.history_length)
            history = read_history(data, self._head.patches)
            if history.catalog != self._head.catalog:
                raise FormatError(f"The history that is named for {self._head.catalog} is of {history.catalog}")
        except NoConnectionError:
            raise
        except (ContentError, RemoteError) as error:
            self._warn(f"{error.message}; the update goes on without it")
            return ()
        return find_path(history, self._head.patches, root)

    def _choose(self, routes: Sequence[PatchRoute]) -> PatchRoute | None:
        """Return the cheapest way by patches; None where blocks cost less, or there is no other way."""
        if not routes:
            return None
        costs = {route: self._weigh(route.weigh(self._is_kept)) for route in routes}
        best = min(costs, key=costs.__getitem__)
        if self._via is Via.PATCH or any(route.direct for route in routes):
            return best
        if costs[best] <= self._weigh(self._least_for_blocks()):
            return best
        try:
            blocks = weigh_requests(WayKind.BLOCKS, self._plan_blocks().requests)
        except NoConnectionError:
            raise
        except (ContentError, RemoteError) as error:
            self._warn(f"{error.message}; the update goes by a patch instead")
            return best
        return None if self._weigh(blocks) <= costs[best] else best

    def _least_for_blocks(self) -> Way:
        """Return what blocks take at least: manifest, a frame table, a piece of a pack."""
        if self._description.known:
            return Way(WayKind.BLOCKS, 0, 2)
        return Way(WayKind.BLOCKS, self._head.manifest.length, 3)

    def _weigh(self, way: Way) -> int:
        return weigh(way, measure_link(self._repository))

    def _plan_blocks(self) -> Plan:
        preparation = self.prepare(self._description.fetch())
        return preparation.plan(self._installed.version if self._installed else None, self._is_kept)
