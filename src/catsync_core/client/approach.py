"""Decide how a device comes to the newest version: by a patch from what is here, by the one from nothing, or by blocks.

A patch that leads from what is here is taken without another question: the publisher compared it with blocks, and only
published it because it is smaller. In all other cases the cheapest way counts. What a patch takes stands in the head.
What blocks take is only known once the manifest, and what belongs to it, was fetched; that is done unless the manifest
alone costs as much as the patch. Whatever is then taken, blocks would not have cost less: they need the manifest too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from catsync_core.client.route import Description, Keep, PatchRoute, Route
from catsync_core.client.usage import measure_link
from catsync_core.errors import ContentError, NoConnectionError, RemoteError
from catsync_core.format.head import Head, PatchRef
from catsync_core.plan.model import Plan, Via
from catsync_core.plan.ways import Way, weigh, weigh_blocks
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.records import Installed
from catsync_core.transfer.patching import OldTree
from catsync_core.transfer.prepare import Preparation
from catsync_core.transfer.repository import Repository

__all__ = ["Approach"]


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
        if self._via not in {Via.AUTO, Via.PATCH}:
            return []
        routes = []
        bases = {ref.base for ref in self._head.patches}
        if self._installed is not None and bases - {""}:
            manifest = load_manifest(self._store, self._installed)
            here = OldTree(manifest, self._store.version_path(self._installed.version))
            routes += self._find_route(here, direct=True)
        routes += self._find_route(OldTree(None, self._store.root), direct=not self._folders and not self._installed)
        return routes

    def _find_route(self, old: OldTree, *, direct: bool) -> list[PatchRoute]:
        ref: PatchRef | None = self._head.find_patch(old.sha256)
        return [] if ref is None else [PatchRoute(self._repository, self._description, ref, old, direct=direct)]

    def _choose(self, routes: Sequence[PatchRoute]) -> PatchRoute | None:
        """Return the cheapest way by patches; None where blocks cost less, or there is no other way."""
        if not routes:
            return None
        costs = {route: self._weigh(route.weigh(self._is_kept)) for route in routes}
        best = min(costs, key=costs.__getitem__)
        if self._via is Via.PATCH or any(route.direct for route in routes):
            return best
        manifest = None if self._description.known else self._head.manifest
        if costs[best] <= self._weigh(weigh_blocks(manifest, None)):
            return best
        try:
            blocks = weigh_blocks(None, self._plan_blocks().requests)
        except NoConnectionError:
            raise
        except (ContentError, RemoteError) as error:
            self._warn(f"{error.message}; the update goes by a patch instead")
            return best
        return None if self._weigh(blocks) <= costs[best] else best

    def _weigh(self, way: Way) -> int:
        return weigh(way, measure_link(self._repository))

    def _plan_blocks(self) -> Plan:
        preparation = self.prepare(self._description.fetch())
        return preparation.plan(self._installed.version if self._installed else None, self._is_kept)
