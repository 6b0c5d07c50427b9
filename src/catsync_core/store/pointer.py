"""The pointer: which version of a catalog is read. Replacing it is the one commit point.

A pointer that is missing, damaged or names a version that is not there is not the end: the newest version that is
complete is taken instead, and that is said. Nothing is ever deleted because a pointer cannot be read.
"""

from __future__ import annotations

import hashlib

import msgspec

from catsync_core.errors import CatsyncError, FormatError, LocalError, UnsupportedFormatError
from catsync_core.events import Listener, Warned, ignore
from catsync_core.format.canonical import parse, write
from catsync_core.store.beneath import Beneath
from catsync_core.store.durable import replace_durably
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import CURRENT, MANIFESTS, REMOVING, CatalogStore
from catsync_core.store.manifests import read_record, stored_versions
from catsync_core.store.records import Installed, VersionRecord
from catsync_core.store.verify import compare_tree

__all__ = ["Found", "Installed", "find_installed", "read_pointer", "write_pointer"]

_FORMAT = 1


class _Versioned(msgspec.Struct):
    format: int


class _Pointer(msgspec.Struct, frozen=True):
    format: int
    installed: Installed
    sha256: str  # of the canonical bytes of `installed`: a flipped bit must not name another version


class Found(msgspec.Struct, frozen=True):
    """What the pointer says, or what was found in its stead.

    Attributes:
        installed: The version to read; None when there is none.
        fault: Why the pointer could not be used; empty when it could, and when nothing was ever stored.
    """

    installed: Installed | None
    fault: str = ""


def read_pointer(store: CatalogStore, listener: Listener = ignore) -> Installed | None:
    """Return the version to read, or None when the catalog has none on this device.

    Args:
        store: The catalog's place.
        listener: Is told when the pointer could not be used and another version was taken instead.

    Raises:
        LocalError: (local) the catalog's folder is a link, or cannot be looked through.
        UnsupportedFormatError: (content) a newer catsync stored it.
    """
    found = find_installed(store)
    if found.fault:
        then = f"version {found.installed.version} is used" if found.installed else "no complete version was found"
        listener(Warned(store.catalog, f"{found.fault}; {then}"))
    return found.installed


def find_installed(store: CatalogStore) -> Found:
    """Return the version to read, and what was wrong with the pointer.

    Raises:
        LocalError: (local) the catalog's folder is a link, or cannot be looked through.
        UnsupportedFormatError: (content) a newer catsync stored it.
    """
    folder = store.find()
    if folder is None:
        return Found(None)
    with folder as beneath, Attempt("look through", store.root):
        if beneath.exists(REMOVING):
            return Found(None)
        try:
            installed = _read(beneath)
        except FileNotFoundError:
            fault = "The pointer to the current version is missing"
            if not any(beneath.exists(str(version)) for version in stored_versions(beneath, MANIFESTS)):
                return Found(None)  # nothing was stored yet
        except (OSError, FormatError, LocalError) as error:
            fault = f"The pointer to the current version cannot be read ({_reason(error)})"
        else:
            if beneath.exists(str(installed.version)):
                return Found(installed)
            fault = f"The folder of version {installed.version} is missing"
        return Found(_fall_back(beneath, store.catalog), fault)


def write_pointer(store: CatalogStore, installed: Installed) -> None:
    """Make a version the current one, atomically and durably.

    Raises:
        DiskFullError: (local) no space is left; the old pointer stands.
        LocalError: (local) it cannot be written or flushed.
    """
    digest = hashlib.sha256(write(installed)).hexdigest()
    with store.beneath() as beneath:
        replace_durably(beneath, CURRENT, write(_Pointer(_FORMAT, installed, digest)))


def _read(beneath: Beneath) -> Installed:
    what = "The pointer"
    data = beneath.read(CURRENT)
    made_as = parse(data, _Versioned, what).format
    if made_as > _FORMAT:
        raise UnsupportedFormatError(f"{what} has format {made_as}; this catsync reads format {_FORMAT}")
    pointer = parse(data, _Pointer, what)
    if hashlib.sha256(write(pointer.installed)).hexdigest() != pointer.sha256:
        raise FormatError(f"{what} is damaged")
    return pointer.installed


def _fall_back(beneath: Beneath, catalog: str) -> Installed | None:
    complete = _complete_versions(beneath, catalog)
    if not complete:
        return None
    return Installed.after(complete[0], complete[1] if len(complete) > 1 else None)


def _complete_versions(beneath: Beneath, catalog: str) -> list[VersionRecord]:
    complete = []
    for version in stored_versions(beneath, MANIFESTS):
        try:
            record, manifest = read_record(beneath, MANIFESTS, catalog, version)
        except LocalError:
            continue  # that is what makes it not complete; the pointer's fault is what the user is told
        if beneath.exists(str(version)) and compare_tree(beneath, str(version), manifest).complete:
            complete.append(record)
    return complete


def _reason(error: BaseException) -> str:
    return error.message if isinstance(error, CatsyncError) else str(error)
