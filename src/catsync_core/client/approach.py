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

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from catsync_core.client.present import Present
from catsync_core.client.route import Description, Keep, PatchRoute, Route
from catsync_core.client.routes import Routes
from catsync_core.client.setback import told
from catsync_core.client.usage import Usage, measure_link
from catsync_core.format.head import Head
from catsync_core.format.manifest import Manifest
from catsync_core.plan.model import Plan, Via
from catsync_core.plan.ways import Way, WayKind, weigh, weigh_requests
from catsync_core.store.layout import CatalogStore
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
        present: The version that is here; None for none.
        via: Which ways may be taken.
        folders: Whether the user named other copies.
        is_kept: Whether an earlier attempt left a piece here.
        prepare: Takes stock of what is here, for a version that is known.
        usage: What the job has used.
        warn: Told, in a sentence, of a way that could not be taken.

    Attributes:
        considered: The ways that there were, each with what the job would take in all by it.
    """

    def __init__(
        self,
        repository: Repository,
        head: Head,
        store: CatalogStore,
        present: Present | None,
        *,
        via: Via,
        folders: bool,
        is_kept: Keep,
        prepare: Callable[[Route], Preparation],
        usage: Usage,
        warn: Callable[[str], None],
    ) -> None:
        self.considered: tuple[Way, ...] = ()
        self._repository = repository
        self._head = head
        self._store = store
        self._present = present
        self._via = via
        self._folders = folders
        self._is_kept = is_kept
        self._make = prepare
        self._usage = usage
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
                route = follow(best)
                self.considered = tuple(
                    replace(way, versions=best.versions) if way.taken else way for way in self.considered
                )
                return route
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
        from_here = routes.from_here(self._present) if self._present else None
        from_nothing = routes.from_nothing(direct=not self._present and not self._folders)
        return [route for route in (from_here, from_nothing) if route]

    def _choose(self, routes: list[PatchRoute]) -> PatchRoute | None:
        """Return the cheapest way by patches; None where blocks cost less, or there is no other way."""
        ways = {route: route.weigh(self._is_kept) for route in routes}
        best = min(routes, key=lambda route: self._weigh(ways[route]), default=None)
        blocks = self._least_for_blocks()
        if best is not None and not self._is_settled(routes) and self._weigh(ways[best]) > self._weigh(blocks):
            nothing = next((route for route in routes if not route.base), None)
            may_ask: bool | None = None
            with told(self._warn, "the update goes on without it"):
                may_ask = nothing is None or self._may_ask(best, nothing)
            if nothing is not None and may_ask is None:
                routes.remove(nothing)
                return self._choose(routes)
            if may_ask:
                with told(self._warn, "the update goes by a patch instead"):
                    blocks = weigh_requests(WayKind.BLOCKS, self._plan_blocks().requests)
                if blocks.exact and self._weigh(blocks) <= self._weigh(ways[best]):
                    best = None
        self._note(ways, blocks, best)
        return best

    def _is_settled(self, routes: Sequence[PatchRoute]) -> bool:
        """Whether there is no need to compare patches with blocks."""
        return self._via is Via.PATCH or any(route.direct for route in routes)

    def _least_for_blocks(self) -> Way:
        """Return what blocks take at least: manifest, a frame table, a piece of a pack."""
        kind = WayKind.FULL if self._via is Via.FULL else WayKind.BLOCKS
        if self._description.known:
            return Way(kind, 0, 2, exact=False)
        return Way(kind, self._head.manifest.length, 3, exact=False)

    def _may_ask(self, best: PatchRoute, nothing: PatchRoute) -> bool:
        """Whether to find out what blocks take.

        It must keep the update about as cheap as a first download, even if in vain; or it must be promising, which the
        header of the patch from nothing tells.
        """
        if self._present is None or self._description.known:
            return True
        whole, needed = nothing.weigh(lambda _: False).bytes, best.weigh(self._is_kept).bytes
        asking = _METADATA * self._head.manifest.length
        if needed + asking <= (1 + _EXCESS) * whole:
            return True
        if nothing.headers > _EXCESS * whole:
            return False
        changed = _changed_share(self._present.manifest, nothing.look())
        return asking + _PACKED * changed * whole <= needed

    def _note(self, ways: Mapping[PatchRoute, Way], blocks: Way, best: PatchRoute | None) -> None:
        noted = [*((way, route is best) for route, way in ways.items()), (blocks, best is None)]
        self.considered = tuple(
            replace(
                way,
                bytes=self._usage.bytes_received + way.bytes,
                requests=self._usage.requests + way.requests,
                taken=taken,
            )
            for way, taken in noted
        )

    def _weigh(self, way: Way) -> int:
        return weigh(way, measure_link(self._repository))

    def _plan_blocks(self) -> Plan:
        preparation = self.prepare(self._description.fetch())
        return preparation.plan(self._present.version if self._present else None, self._is_kept)


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
