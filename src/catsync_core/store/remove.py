"""Removing stored content: exactly what catsync put there, and nothing else.

Only files that a kept manifest names are removed, then folders that are empty. What somebody else put into the
tree stays and is reported. Nothing here needs free space, and everything can be done again after a kill.
"""

from __future__ import annotations

import stat
import sys

from catsync_core.errors import DamagedError
from catsync_core.events import Listener, Warned, ignore
from catsync_core.format.manifest import Manifest
from catsync_core.store.beneath import Beneath, open_beneath
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import (
    ASIDE,
    CURRENT,
    INTERNAL,
    MANIFESTS,
    REMOVING,
    SPOOL,
    STAGING,
    CatalogStore,
)
from catsync_core.store.lock import HOLDER, LOCK
from catsync_core.store.manifests import discard_manifest, read_record, stored_versions

__all__ = ["finish_removal", "remove_content", "remove_version"]


def remove_content(store: CatalogStore, listener: Listener = ignore) -> list[str]:
    """Remove all that is stored of a catalog. From the first step on it counts as not stored.

    Args:
        store: The catalog's place; its lock is held.
        listener: Is told of a version whose manifest is damaged, so that its files cannot be told from others.

    Returns:
        What stays because catsync did not put it there: files and empty folders, as paths in the catalog's folder.

    Raises:
        LocalError: (local) something cannot be removed; the same call goes on from there.
    """
    if not store.exists():
        return []
    with store.beneath() as beneath, Attempt("remove", store.root):
        # One rename takes the content out of use, whatever state the pointer is in, and marks the removal as begun.
        if beneath.exists(MANIFESTS) and not beneath.exists(REMOVING):
            beneath.rename(MANIFESTS, REMOVING)
            beneath.sync_folder(INTERNAL)
        finish_removal(store, beneath, listener)
        left = _list_leaves(beneath)
        beneath.discard(HOLDER)
        if sys.platform != "win32":  # there an open file cannot be removed; an empty folder with the lock stays
            beneath.discard(LOCK)
        beneath.remove_folder(INTERNAL)
    with Attempt("remove", store.root), open_beneath(store.root.parent) as beneath:
        beneath.remove_folder(store.catalog)
    return left


def finish_removal(store: CatalogStore, beneath: Beneath, listener: Listener) -> None:
    """Do what is left of a removal that has begun; the lock stays.

    Args:
        store: The catalog's place; its lock is held.
        beneath: Its open folder.
        listener: As in :func:`remove_content`.

    Raises:
        OSError: something cannot be removed.
    """
    for leftover in (CURRENT, f"{CURRENT}.new"):
        beneath.discard(leftover)
    beneath.sync_folder(INTERNAL)
    for version in stored_versions(beneath, REMOVING):
        remove_version(store, beneath, REMOVING, version, listener)
    for folder in (STAGING, ASIDE, SPOOL):
        beneath.remove_tree(folder)
    beneath.sync_folder("")
    beneath.remove_tree(REMOVING)


def remove_version(store: CatalogStore, beneath: Beneath, manifests: str, version: int, listener: Listener) -> bool:
    """Remove the files of one version, and then its manifest.

    Args:
        store: The catalog's place; its lock is held.
        beneath: Its open folder.
        manifests: The folder in it where the version's manifest is kept.
        version: Which version.
        listener: Is told of a manifest that is damaged.

    Returns:
        Whether the version's folder is gone; it stays when it holds anything that catsync did not put there.

    Raises:
        OSError: something cannot be removed.
    """
    root = str(version)
    if beneath.exists(root):
        try:
            _, manifest = read_record(beneath, manifests, store.catalog, version)
        except DamagedError as error:
            listener(Warned(store.catalog, f"{error.message}; the files of version {version} were left where they are"))
            return False
        _remove_files(beneath, root, manifest)
    discard_manifest(beneath, manifests, version)
    return not beneath.exists(root)


def _remove_files(beneath: Beneath, root: str, manifest: Manifest) -> None:
    files = manifest.files()
    empty = {entry.path for entry in manifest.entries if entry.content is None}
    folders = {folder for path in (*files, *empty) for folder in _folders_above(path)} | empty
    if not stat.S_ISDIR(beneath.stat(root).st_mode):
        return
    found_folders = []
    for path, found in beneath.walk(root):
        if stat.S_ISDIR(found.st_mode):
            if path in folders:
                found_folders.append(path)
        elif path in files and stat.S_ISREG(found.st_mode):
            beneath.unlink(f"{root}/{path}")
    for folder in reversed(found_folders):
        beneath.remove_folder(f"{root}/{folder}")
    beneath.remove_folder(root)


def _list_leaves(beneath: Beneath) -> list[str]:
    found = {
        path: stat.S_ISDIR(state.st_mode)
        for path, state in beneath.walk("")
        if path != INTERNAL and not path.startswith(f"{INTERNAL}/")
    }
    filled = {path.rpartition("/")[0] for path in found}
    return sorted(path for path, is_folder in found.items() if not is_folder or path not in filled)


def _folders_above(path: str) -> list[str]:
    folders = []
    while path := path.rpartition("/")[0]:
        folders.append(path)
    return folders
