"""Where everything of a catalog lies on a device.

::

    <home>/catalogs/<id>/<version>/...                plain read-only files that any application opens
    <home>/catalogs/<id>/.catsync/current             the pointer; replacing it is the commit
    <home>/catalogs/<id>/.catsync/manifests/<version> what the version contains, and <version>.json, its record
    <home>/catalogs/<id>/.catsync/removing/           the manifests, once the catalog goes back online
    <home>/catalogs/<id>/.catsync/staging/<version>/  a version being built, and <version>.journal beside it
    <home>/catalogs/<id>/.catsync/aside/              files being repaired
    <home>/catalogs/<id>/.catsync/spool/              frames that have arrived, and what patches on the way made of them
    <home>/catalogs/<id>/.catsync/lock                the operating system's lock, and lock.holder: who has it
"""

from __future__ import annotations

import re
from pathlib import Path

from catsync_core.errors import LocalError
from catsync_core.format.index import check_catalog_id
from catsync_core.store.beneath import Beneath, open_beneath
from catsync_core.store.failures import Attempt
from catsync_core.store.lock import CatalogLock

__all__ = [
    "ASIDE",
    "CURRENT",
    "INTERNAL",
    "MANIFESTS",
    "REMOVING",
    "SPOOL",
    "STAGING",
    "CatalogStore",
    "list_stored",
    "read_version_name",
]

INTERNAL = ".catsync"
CURRENT = f"{INTERNAL}/current"
MANIFESTS = f"{INTERNAL}/manifests"
REMOVING = f"{INTERNAL}/removing"
STAGING = f"{INTERNAL}/staging"
ASIDE = f"{INTERNAL}/aside"
SPOOL = f"{INTERNAL}/spool"

_VERSION = re.compile(r"[1-9][0-9]{0,15}")


class CatalogStore:
    """One catalog's place. Making this object makes nothing on disk.

    Args:
        home: The folder that holds all that catsync stores.
        catalog: The catalog's id.

    Attributes:
        home: As given.
        catalog: As given.
        root: The catalog's folder.

    Raises:
        UsageError: (local) it cannot be a catalog's id.
    """

    def __init__(self, home: Path, catalog: str) -> None:
        check_catalog_id(catalog)
        self.home = home
        self.catalog = catalog
        self.root = home / "catalogs" / catalog

    def version_path(self, version: int) -> Path:
        """Where the files of a version lie, whether it is there or not."""
        return self.root / str(version)

    def exists(self) -> bool:
        """Whether the catalog has a place on this device; ``read_pointer`` tells whether a version is there."""
        return (self.root / INTERNAL).is_dir()

    def prepare(self) -> None:
        """Make the catalog's folders.

        Raises:
            LocalError: (local) the home or the catalog's folder is a link or not a folder, or cannot be made.
        """
        with Attempt("make", self.home):
            self.home.mkdir(parents=True, exist_ok=True)
        with self._open(self.home) as home, Attempt("make", self.root):
            home.make_folder(f"catalogs/{self.catalog}/{INTERNAL}")
            for above in ("", "catalogs", f"catalogs/{self.catalog}"):
                home.sync_folder(above)

    def beneath(self) -> Beneath:
        """Open the catalog's folder for operations that stay beneath it; close it after use.

        Raises:
            LocalError: (local) the home or the catalog's folder is a link or not a folder, or is not there.
        """
        for place in (self.home, self.root.parent):
            if place.is_symlink():
                raise _linked(place)
        return self._open(self.root)

    def find(self) -> Beneath | None:
        """Open the catalog's folder as :meth:`beneath` does, for who reads without its lock.

        Returns:
            None where there is none, or where it is removed just now.

        Raises:
            LocalError: (local) the home or the catalog's folder is a link or not a folder.
        """
        try:
            return self.beneath() if self.exists() else None
        except LocalError:
            if self.exists():
                raise
            return None

    def lock(self, activity: str) -> CatalogLock:
        """Return the lock that keeps other processes from changing this catalog, for a ``with`` block.

        Args:
            activity: What is about to be done, as others are told: ``update``, ``install``, ``remove``.
        """
        return CatalogLock(self, activity)

    def _open(self, place: Path) -> Beneath:
        with Attempt("open", place):
            return open_beneath(place)


def list_stored(home: Path) -> list[str]:
    """Return the ids of all catalogs that have a place in a home, sorted; their content may be gone or unfinished."""
    catalogs = home / "catalogs"
    return sorted(place.parent.name for place in catalogs.glob(f"*/{INTERNAL}")) if catalogs.is_dir() else []


def read_version_name(name: str) -> int | None:
    """Return the version whose folder or manifest has this name; None for other names."""
    return int(name) if _VERSION.fullmatch(name) else None


def _linked(place: Path) -> LocalError:
    return LocalError(
        f"'{place}' is a link, and catsync stores nothing behind links",
        hint="Set CATSYNC_HOME to the folder itself",
    )
