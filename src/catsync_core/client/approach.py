"""Decide how a device comes to the newest version: by patches from what is here, by the one from nothing, or by blocks.

A patch that leads from what is here is taken without another question: the publisher compared it with blocks, and only
published it because it is smaller. In all other cases the cheapest way counts: several patches over versions between,
which the history knows, the patch from nothing, or blocks. What patches take stands in head and history. What blocks
take is only known once the manifest, and what belongs to it, was fetched. Whatever is then taken, blocks would not have
cost less: they need the manifest too.

So the manifest is fetched, unless it alone costs as much as the patches do, or it costs so much beside the patch from
nothing that a first download would be cheaper in the end. Then the header of that patch, which is much smaller, tells
how much of the catalog seems to be here.
"""

from __future__ import annotations

from collections.abc import Callable

from catsync_core.client.route import Description, Keep, PatchRoute, Route
from catsync_core.client.routes import Routes
from catsync_core.client.setback import told
from catsync_core.client.usage import measure_link
from catsync_core.format.head import Head
from catsync_core.format.manifest import Manifest
from catsync_core.plan.model import Plan, Via
from catsync_core.plan.ways import Way, WayKind, weigh, weigh_requests
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.records import Installed
from catsync_core.transfer.prepare import Preparation
from catsync_core.transfer.repository import Repository

__all__ = ["Approach"]

_EXCESS = 0.05  # of the patch from nothing: what it may cost to find out that nothing is cheaper
_METADATA = 1.25  # times a manifest's length: what a manifest and its frame tables take, more or less
_PACKED = 1.5  # times its length in a patch from nothing: what a content takes in packs, more or less


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
        """Return the new version by the way that costs least; where one turns out to be of no use, by the next one.

        Args:
            follow: Goes the way by patches.

        Raises:
            NoConnectionError: (remote) the backend cannot be reached, or breaks off.
            RemoteError: (remote) the manifest cannot be fetched, nor is there a patch.
            ContentError: (content) likewise, it is not what it should be.
        """
        routes = self._find_routes()
        while (best := self._choose(routes)) is not None:
            with told(self._warn, "the update goes on without it"):
                return follow(best)
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
        routes = Routes(self._repository, self._description, self._store, self._warn)
        from_here = routes.from_here(self._installed) if self._installed else None
        from_nothing = routes.from_nothing(direct=not self._installed and not self._folders)
        return [route for route in (from_here, from_nothing) if route]

    def _choose(self, routes: list[PatchRoute]) -> PatchRoute | None:
        """Return the cheapest way by patches; None where blocks cost less, or there is no other way."""
        if not routes:
            return None
        costs = {route: self._weigh(route.weigh(self._is_kept)) for route in routes}
        best = min(costs, key=costs.__getitem__)
        if self._via is Via.PATCH or any(route.direct for route in routes):
            return best
        if costs[best] <= self._weigh(self._least_for_blocks()):
            return best
        nothing = next((route for route in routes if not route.base), None)
        if nothing is not None and not self._is_cheap_to_ask(best, nothing):
            may_ask = None
            with told(self._warn, "the update goes on without it"):
                may_ask = self._may_ask(best, nothing)
            if may_ask is None:
                routes.remove(nothing)
                return self._choose(routes)
            if not may_ask:
                return best
        with told(self._warn, "the update goes by a patch instead"):
            blocks = weigh_requests(WayKind.BLOCKS, self._plan_blocks().requests)
            return None if self._weigh(blocks) <= costs[best] else best
        return best

    def _least_for_blocks(self) -> Way:
        """Return what blocks take at least: manifest, a frame table, a piece of a pack."""
        if self._description.known:
            return Way(WayKind.BLOCKS, 0, 2)
        return Way(WayKind.BLOCKS, self._head.manifest.length, 3)

    def _is_cheap_to_ask(self, best: PatchRoute, nothing: PatchRoute) -> bool:
        """Whether finding out what blocks take keeps the update about as cheap as a first download, even if in vain."""
        if self._installed is None or self._description.known:
            return True
        whole, needed = nothing.weigh(lambda _: False).bytes, best.weigh(self._is_kept).bytes
        return needed + _METADATA * self._head.manifest.length <= (1 + _EXCESS) * whole

    def _may_ask(self, best: PatchRoute, nothing: PatchRoute) -> bool:
        """Whether finding out what blocks take is promising; the header of the patch from nothing tells."""
        whole, needed = nothing.weigh(lambda _: False).bytes, best.weigh(self._is_kept).bytes
        if self._installed is None or nothing.headers > _EXCESS * whole:
            return False
        changed = _changed_share(load_manifest(self._store, self._installed), nothing.look())
        return _METADATA * self._head.manifest.length + _PACKED * changed * whole <= needed

    def _weigh(self, way: Way) -> int:
        return weigh(way, measure_link(self._repository))

    def _plan_blocks(self) -> Plan:
        preparation = self.prepare(self._description.fetch())
        return preparation.plan(self._installed.version if self._installed else None, self._is_kept)


def _changed_share(old: Manifest, new: Manifest) -> float:
    """Return how much of a version seems to be new; its hashes need not be known.

    A file that did not change keeps its size and its time of change from version to version.
    """
    known = {(entry.path, entry.mtime, _size(old, entry.content)) for entry in old.entries}
    changed = sum(
        _size(new, entry.content)
        for entry in new.entries
        if (entry.path, entry.mtime, _size(new, entry.content)) not in known
    )
    return changed / max(new.total_bytes(), 1)


def _size(manifest: Manifest, content: int | None) -> int:
    return 0 if content is None else manifest.contents[content].size
