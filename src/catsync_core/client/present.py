"""The version that is here, as a job to replace it needs it: what it contains, and which of its files look right.

Looking at ten thousand files takes as long as several round trips to a repository, and needs none. So this begins when
it is made, in a thread of its own, and whoever needs to know waits for what is left of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from catsync_core.client.inventory import list_files
from catsync_core.format.manifest import Manifest
from catsync_core.plan.model import LocalFile
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_plain_manifest
from catsync_core.store.records import Installed
from catsync_core.transfer.patching import OldTree

__all__ = ["Present"]


class Present:
    """One installed version. Use it as a context manager.

    Args:
        store: The catalog's place.
        installed: The version.
    """

    def __init__(self, store: CatalogStore, installed: Installed) -> None:
        self.version = installed.version
        self._root = store.version_path(installed.version)
        self._pool = ThreadPoolExecutor(1, "catsync-present")
        self._loading = self._pool.submit(load_plain_manifest, store, installed)
        self._making = self._pool.submit(self._make_tree)
        self._looking = self._pool.submit(lambda: list_files(self._root, self.manifest))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End looking, and wait until it has ended."""
        self._pool.shutdown(cancel_futures=True)

    @property
    def manifest(self) -> Manifest:
        """What it contains.

        Raises:
            DamagedError: (local) the kept manifest is missing or not what was kept.
        """
        return self._loading.result()[0]

    @property
    def tree(self) -> OldTree:
        """It, as a patch builds on it; raises as :attr:`manifest`."""
        return self._making.result()

    def files(self) -> tuple[list[LocalFile], list[LocalFile]]:
        """Return its files: those that look as they should, and those that do not.

        Raises:
            DamagedError: (local) as :attr:`manifest`.
            LocalError: (local) its folder cannot be listed.
        """
        return self._looking.result()

    def _make_tree(self) -> OldTree:
        manifest, plain = self._loading.result()
        return OldTree(manifest, self._root, plain)
