"""Back to the previous version: verify it, and switch the pointer. Nothing is copied, fetched or deleted."""

from __future__ import annotations

from collections.abc import Callable

from catsync_core.errors import DamagedError, NotFoundError
from catsync_core.store.layout import CatalogStore
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import write_pointer
from catsync_core.store.records import Installed
from catsync_core.store.verify import verify_version

__all__ = ["roll_back"]


def roll_back(store: CatalogStore, installed: Installed, on_bytes: Callable[[int], None]) -> Installed:
    """Make the previous version the current one; the current one becomes the previous one.

    Args:
        store: The catalog's place; its lock is held.
        installed: What the pointer says now.
        on_bytes: Called with the bytes that were verified since the last call.

    Returns:
        What the pointer says then.

    Raises:
        NotFoundError: (local) no previous version is kept.
        DamagedError: (local) it is not what was published any more; the current version stays.
        DiskFullError: (local) no space is left for the pointer; the current version stays.
    """
    previous = installed.previous
    if previous is None:
        raise NotFoundError(
            f"No previous version of {store.catalog} is kept on this device",
            hint="One is kept after an update; version"
            f" {installed.version} has been the only one since it was downloaded",
        )
    report = verify_version(store, previous, load_manifest(store, previous), on_bytes)
    bad = [path for path, _ in report.damaged] + list(report.missing)
    if bad:
        raise DamagedError(
            f"Version {previous.version} of {store.catalog} cannot come back: {len(bad):,} of its files are damaged or"
            f" missing, first '{bad[0]}'",
            hint=f"Version {installed.version} stays in use",
        )
    after = Installed.after(previous, installed)
    write_pointer(store, after)
    return after
