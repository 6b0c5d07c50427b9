"""Find the patches that lead to the newest version: one from here, several over versions between, one from nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from catsync_core.client.present import Present
from catsync_core.client.route import Description, PatchRoute
from catsync_core.client.setback import told
from catsync_core.errors import FormatError
from catsync_core.format.head import PatchRef
from catsync_core.format.history import Step, find_path, read_history
from catsync_core.limits import LIMITS
from catsync_core.store.layout import CatalogStore
from catsync_core.transfer.patching import OldTree
from catsync_core.transfer.repository import Repository

__all__ = ["Routes"]

_SHARE = 0.05  # of what it can save: what it may cost to read the history


class Routes(msgspec.Struct, frozen=True):
    """Finds them.

    Attributes:
        repository: Where the patches lie.
        description: Of the newest version.
        store: The catalog's place.
        warn: Told, in a sentence, when the history is of no use.
    """

    repository: Repository
    description: Description
    store: CatalogStore
    warn: Callable[[str], None]

    def from_here(self, present: Present) -> PatchRoute | None:
        """Return the way from the installed version; None when none is known.

        Raises:
            NoConnectionError: (remote) the history cannot be fetched, nor anything else.
        """
        patches = self.description.head.patches
        if not any(ref.base for ref in patches):
            return None
        here = present.tree
        direct = self.description.head.find_patch(here.sha256)
        if direct is not None:
            return self._route((direct,), here, direct=True)
        path = self._find_path(here.sha256)
        return self._route(path, here, direct=False) if path else None

    def from_nothing(self, *, direct: bool) -> PatchRoute | None:
        """Return the way by the patch from nothing; None when there is none.

        Args:
            direct: Nothing else is here.
        """
        nothing = OldTree(None, self.store.root)
        solid = self.description.head.find_patch(nothing.sha256)
        return self._route((solid,), nothing, direct=direct) if solid else None

    def _route(self, patches: Sequence[Step | PatchRef], old: OldTree, *, direct: bool) -> PatchRoute:
        root = self.description.head.patches[0].root
        return PatchRoute(self.repository, self.description, self.store, patches, old, root=root, direct=direct)

    def _find_path(self, root: str) -> tuple[Step | PatchRef, ...]:
        """Return patches that lead on over versions between; none where there are none, or looking may not pay."""
        head = self.description.head
        solid = head.find_patch("")
        whole = solid.patch.length if solid else head.bytes  # about what a first download takes, or its contents
        last = min(ref.patch.length for ref in head.patches if ref.base)
        ref = head.history
        if ref is None or ref.length > _SHARE * (whole - last):
            return ()
        with told(self.warn, "the update goes on without it"):
            history = read_history(self.repository.fetch("histories", ref, LIMITS.history_length), head.patches)
            if history.catalog != head.catalog:
                raise FormatError(f"The history that is named for {head.catalog} is of {history.catalog}")
            return find_path(history, head.patches, root)
        return ()
