"""Making a staged version the current one, and cleaning up after whatever was interrupted.

The order is everything: the manifest and all files are durable before the version's folder gets its name, the name is
durable before the pointer names it, and only then is anything removed. A kill or a power cut between any two steps
leaves the old version or the new one; what it leaves behind besides is removed by :func:`recover`.
"""

from __future__ import annotations

from catsync_core.errors import DamagedError, LocalError
from catsync_core.events import Listener, Warned, ignore
from catsync_core.format.manifest import Manifest
from catsync_core.format.objects import verify
from catsync_core.store.beneath import Beneath
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import (
    ASIDE,
    CURRENT,
    MANIFESTS,
    REMOVING,
    SPOOL,
    STAGING,
    CatalogStore,
)
from catsync_core.store.manifests import parse_manifest, save_manifest, stored_versions
from catsync_core.store.pointer import find_installed, write_pointer
from catsync_core.store.records import Installed, VersionRecord
from catsync_core.store.remove import finish_removal, remove_version
from catsync_core.store.tree import StagingTree, journal_path, staging_path
from catsync_core.store.verify import compare_tree

__all__ = ["commit", "recover"]


def commit(
    store: CatalogStore,
    staging: StagingTree,
    record: VersionRecord,
    manifest_bytes: bytes,
    listener: Listener = ignore,
    *,
    manifest: Manifest | None = None,
) -> Installed:
    """Make a staged version the current one. The one that was current stays as the previous one, older ones go.

    Args:
        store: The catalog's place; its lock is held.
        staging: The tree, complete; it is closed.
        record: What to remember about the version.
        manifest_bytes: The manifest, as it travelled.
        manifest: The same, where it has been read already.
        listener: Is told when cleaning up fails; the commit stands then, and :func:`recover` cleans up later.

    Returns:
        What the pointer says now.

    Raises:
        IntegrityError: (content) the manifest is not what the record names.
        FormatError: (content) it cannot be parsed, or is of another catalog or version.
        DamagedError: (local) the tree is not what the manifest says.
        DiskFullError: (local) no space is left; the old version stands.
        LocalError: (local) the version is the current one, or something cannot be written; the old version stands.
    """
    version = record.version
    verify(manifest_bytes, record.manifest, "The manifest")
    manifest = parse_manifest(manifest_bytes, store.catalog, version) if manifest is None else manifest
    current = find_installed(store).installed
    if current is not None and current.version == version:
        raise LocalError(
            f"Version {version} of '{store.catalog}' is the one in use and cannot be replaced as a whole",
            hint="`catsync repair` mends it",
        )
    with store.beneath() as beneath, Attempt("commit", store.version_path(version)):
        _check_complete(store, beneath, version, manifest)
        current = _make_room(store, beneath, version, current, listener)
        save_manifest(store, record, manifest_bytes)
        staging.flush()
        staging.close()
        beneath.rename(staging_path(version), str(version))
        beneath.sync_folder("")
        beneath.sync_folder(STAGING)
    installed = Installed.after(record, current)
    write_pointer(store, installed)
    try:
        _tidy(store, installed, listener)
    except LocalError as error:
        listener(Warned(store.catalog, f"Version {version} is ready, but cleaning up failed: {error.message}"))
    return installed


def recover(store: CatalogStore, listener: Listener = ignore) -> None:
    """Clean up after whatever was interrupted; call it at the start of every job. Doing it twice does no harm.

    A pointer that cannot be read is written anew if a complete version was found; then no version is removed.

    Args:
        store: The catalog's place; its lock is held.
        listener: Is told when the pointer could not be used.

    Raises:
        LocalError: (local) something cannot be removed or written.
    """
    if not store.exists():
        return
    with store.beneath() as beneath, Attempt("clean up", store.root):
        if beneath.exists(REMOVING):
            finish_removal(store, beneath, listener)
            return
    found = find_installed(store)
    if not found.fault:
        _tidy(store, found.installed, listener)
        return
    if found.installed is None:
        listener(Warned(store.catalog, f"{found.fault}, and no complete version was found; nothing was removed"))
        return
    listener(Warned(store.catalog, f"{found.fault}; version {found.installed.version} is used"))
    write_pointer(store, found.installed)
    _tidy_internal(store, found.installed)


def _check_complete(store: CatalogStore, beneath: Beneath, version: int, manifest: Manifest) -> None:
    found = compare_tree(beneath, staging_path(version), manifest)
    wrong = (*found.missing, *found.resized, *found.touched, *found.foreign)
    if wrong:
        raise DamagedError(
            f"Version {version} of '{store.catalog}' is not complete: {len(wrong):,} differences, first '{wrong[0]}'",
            hint="Repeat the command; what has arrived is kept",
        )


def _make_room(
    store: CatalogStore, beneath: Beneath, version: int, current: Installed | None, listener: Listener
) -> Installed | None:
    """Free the version's name: from a killed commit, or from the previous version when it is downloaded again."""
    if not beneath.exists(str(version)):
        return current
    if current is not None and current.previous is not None and current.previous.version == version:
        current = Installed.after(current, None)
        write_pointer(store, current)
    if not remove_version(store, beneath, MANIFESTS, version, listener):
        aside = next(name for number in range(1, 1 << 20) if not beneath.exists(name := f"{version}.kept-{number}"))
        beneath.rename(str(version), aside)
        listener(Warned(store.catalog, f"Files in '{version}' that catsync did not put there are now in '{aside}'"))
    return current


def _tidy(store: CatalogStore, installed: Installed | None, listener: Listener) -> None:
    """Remove the versions that nothing names, and what jobs left behind."""
    with store.beneath() as beneath, Attempt("clean up", store.root):
        for version in set(stored_versions(beneath, MANIFESTS)) - _named(installed):
            remove_version(store, beneath, MANIFESTS, version, listener)
    _tidy_internal(store, installed)


def _tidy_internal(store: CatalogStore, installed: Installed | None) -> None:
    with store.beneath() as beneath, Attempt("clean up", store.root):
        beneath.discard(f"{CURRENT}.new")
        beneath.remove_tree(ASIDE)
        for name, _ in beneath.list(MANIFESTS):
            if name.endswith(".new"):
                beneath.discard(f"{MANIFESTS}/{name}")
        if installed is not None and beneath.exists(journal_path(installed.version)):
            # It was built here and is committed: what arrived for it is no longer needed. The journal goes last, so
            # that a kill in between does not leave the frames behind.
            beneath.remove_tree(SPOOL)
            beneath.remove_tree(staging_path(installed.version))
            beneath.discard(journal_path(installed.version))


def _named(installed: Installed | None) -> set[int]:
    if installed is None:
        return set()
    return {installed.version} | ({installed.previous.version} if installed.previous else set())
