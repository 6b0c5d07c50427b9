"""Take stock of what is on this device: the installed version, other catalogs, and folders that the user names."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from catsync_core.errors import CatsyncError, LocalError, NotFoundError
from catsync_core.format.manifest import Manifest
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import LocalFile
from catsync_core.store.layout import CatalogStore, list_stored
from catsync_core.store.manifests import load_manifest
from catsync_core.store.pointer import read_pointer
from catsync_core.store.records import Installed
from catsync_core.store.verify import quick_check

__all__ = ["list_files", "list_installed", "take_stock"]

_WORKERS = 2


def take_stock(
    store: CatalogStore,
    present: tuple[list[LocalFile], list[LocalFile]],
    wanted: Manifest,
    folders: Iterable[Path],
) -> Inventory:
    """Return everything that a plan for a version may use.

    Args:
        store: The catalog's place.
        present: The files of its installed version: those that look as they should, and those that do not.
        wanted: The version to build.
        folders: Other copies that the user named.

    Raises:
        NotFoundError: (local) a named folder is not there.
    """
    intact, others = present[0], [*present[1]]
    sizes = {content.size for content in wanted.contents}
    for folder in folders:
        others += _list_folder(folder, sizes)
    here = {file.sha256 for file in (*intact, *others)}
    if any(content.sha256 not in here for content in wanted.contents):
        others += _list_other_catalogs(store, {content.sha256 for content in wanted.contents} - here)
    return Inventory(intact, others)


def list_installed(store: CatalogStore, installed: Installed) -> tuple[list[LocalFile], list[LocalFile]]:
    """Return the files of the installed version: those that look as they should, and those that do not."""
    return list_files(store.version_path(installed.version), load_manifest(store, installed))


def list_files(root: Path, manifest: Manifest) -> tuple[list[LocalFile], list[LocalFile]]:
    """Return the files of a tree: those that look as a manifest says, and those that do not."""
    suspect = set(quick_check(root, manifest))
    intact, others = [], []
    for entry in manifest.entries:
        if entry.content is None:
            continue
        content = manifest.contents[entry.content]
        location = root / entry.path
        if entry.path not in suspect:
            intact.append(LocalFile(entry.path, location, content.size, entry.mtime, content.sha256))
        elif location.is_file() and not location.is_symlink():
            status = location.stat()
            others.append(LocalFile(entry.path, location, status.st_size, int(status.st_mtime)))
    return intact, others


def _list_folder(folder: Path, sizes: Collection[int]) -> list[LocalFile]:
    """List a folder; files of a size that is wanted are hashed, the others can only serve as basis."""
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}", hint="Name a folder that holds a copy of the catalog")
    found = list(_walk(folder))
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="catsync-basis") as pool:
        return list(pool.map(lambda file: _hash(file) if file.size in sizes else file, found))


def _walk(folder: Path) -> Iterator[LocalFile]:
    for above, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            location = Path(above) / name
            status = location.lstat()
            if stat.S_ISREG(status.st_mode):
                path = location.relative_to(folder).as_posix()
                yield LocalFile(path, location, status.st_size, int(status.st_mtime))


def _hash(file: LocalFile) -> LocalFile:
    try:
        with file.location.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise LocalError(f"{file.location} cannot be read ({error.strerror})") from error
    return LocalFile(file.path, file.location, file.size, file.mtime, sha256)


def _list_other_catalogs(store: CatalogStore, missing: Collection[bytes]) -> list[LocalFile]:
    """Return files of other offline catalogs that have a missing content."""
    found: list[LocalFile] = []
    for catalog in list_stored(store.home):
        if catalog == store.catalog:
            continue
        try:
            other = CatalogStore(store.home, catalog)
            installed = read_pointer(other)
            if installed is not None:
                found += (file for file in list_installed(other, installed)[0] if file.sha256 in missing)
        except CatsyncError:
            continue  # what another catalog's copy suffers from is told when that catalog is used
    return found
