"""Delete what a cancelled download left: not at once, for whoever changes their mind goes on where it stopped."""

from __future__ import annotations

from catsync_core.client.device import Device
from catsync_core.client.rows import Mode
from catsync_core.errors import LockedError
from catsync_core.store.layout import CatalogStore, list_stored
from catsync_core.store.pointer import read_pointer
from catsync_core.store.remove import remove_content
from catsync_core.store.spool import last_arrival

__all__ = ["GRACE", "discard_leftovers"]

GRACE = 24 * 3600.0
"""Seconds after which what has arrived of a cancelled download is deleted."""


def discard_leftovers(device: Device) -> list[str]:
    """Delete what is stored of catalogs that are online, and that nobody wants any more.

    Returns:
        The catalogs of which something was deleted.

    Raises:
        LocalError: (local) something cannot be deleted.
    """
    return [catalog for catalog in list_stored(device.home) if _discard(device, device.store(catalog))]


def _discard(device: Device, store: CatalogStore) -> bool:
    if not _is_unwanted(device, store):
        return False
    try:
        with store.lock("remove"):
            if not _is_unwanted(device, store):  # it was taken offline in this very moment
                return False
            remove_content(store, device.listener)
    except LockedError:
        return False
    return True


def _is_unwanted(device: Device, store: CatalogStore) -> bool:
    row, job = device.state.record(store.catalog)
    if row is None or row.mode is Mode.OFFLINE or job is not None or read_pointer(store) is not None:
        return False
    return device.now() - last_arrival(store) > GRACE
