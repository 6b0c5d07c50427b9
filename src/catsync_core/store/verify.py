"""Comparing stored files with the manifest: by stat in a moment, by content thoroughly."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from catsync_core.errors import LocalError
from catsync_core.format.manifest import Content, Manifest
from catsync_core.store.beneath import Beneath, open_beneath
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import CatalogStore
from catsync_core.store.records import VersionRecord
from catsync_core.store.times import same_mtime

__all__ = ["Differences", "VerifyReport", "compare_tree", "quick_check", "verify_version"]

_PIECE = 1024 * 1024


class Differences(msgspec.Struct, frozen=True):
    """How a tree differs from its manifest, as far as stat tells. Paths are sorted.

    Attributes:
        resized: Files of another size, or that are no plain files.
        touched: Files of the right size, changed at another time.
        missing: Files and empty folders that are not there.
        foreign: Files and folders that are not in the manifest; of a foreign folder only itself.
    """

    resized: tuple[str, ...]
    touched: tuple[str, ...]
    missing: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything is there with the right size."""
        return not self.resized and not self.missing


class VerifyReport(msgspec.Struct, frozen=True):
    """What reading every file of a version found.

    Attributes:
        damaged: Path and reason of each file whose content is not what was stored.
        missing: Files and empty folders that are not there.
        foreign: Files and folders that catsync did not put there.
        bytes_read: Bytes.
        files: Files that were read.
    """

    damaged: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    foreign: tuple[str, ...]
    bytes_read: int
    files: int


def compare_tree(beneath: Beneath, root: str, manifest: Manifest) -> Differences:
    """Compare names, kinds, sizes and times; nothing is opened and no link followed.

    Args:
        beneath: An open folder.
        root: The tree's place in it.
        manifest: What the tree should be.

    Raises:
        OSError: a folder cannot be listed.
    """
    files = {entry.path: entry for entry in manifest.entries if entry.content is not None}
    folders = _folders(manifest)
    missing = {entry.path for entry in manifest.entries}
    resized, touched, foreign = [], [], []
    for path, found in beneath.walk(root):
        is_folder = stat.S_ISDIR(found.st_mode)
        entry = files.get(path)
        if is_folder and path in folders:
            missing.discard(path)
        elif entry is None or entry.content is None:
            if _parent(path) in folders:
                foreign.append(path)
        else:
            missing.discard(path)
            if not stat.S_ISREG(found.st_mode) or found.st_size != manifest.contents[entry.content].size:
                resized.append(path)
            elif not same_mtime(found, entry.mtime):
                touched.append(path)
    return Differences(*(tuple(sorted(paths)) for paths in (resized, touched, missing, foreign)))


def quick_check(root: Path, manifest: Manifest) -> list[str]:
    """Return the paths that are missing or differ in size or time of change, by stat alone.

    Raises:
        LocalError: (local) the folder cannot be listed, or is a link.
    """
    with Attempt("look through", root), open_beneath(root) as beneath:
        found = compare_tree(beneath, "", manifest)
    return sorted((*found.resized, *found.touched, *found.missing))


def verify_version(
    store: CatalogStore, record: VersionRecord, manifest: Manifest, on_bytes: Callable[[int], None]
) -> VerifyReport:
    """Read every file of a stored version and compare it with its SHA-256.

    Args:
        store: The catalog's place.
        record: Which version.
        manifest: What it should contain.
        on_bytes: Called with the bytes that were read since the last call.

    Raises:
        LocalError: (local) the version's folder cannot be listed.
    """
    root = str(record.version)
    damaged: list[tuple[str, str]] = []
    files = total = 0
    with store.beneath() as beneath:
        with Attempt("look through", store.version_path(record.version)):
            differences = compare_tree(beneath, root, manifest)
        missing = set(differences.missing)
        for path, content in manifest.files().items():
            if path in missing:
                continue
            done = 0
            try:
                with Attempt("read", path):
                    digest = hashlib.sha256()
                    for piece in _pieces(beneath, f"{root}/{path}"):
                        digest.update(piece)
                        done += len(piece)
                        on_bytes(len(piece))
            except LocalError as error:
                damaged.append((path, error.message))
            else:
                reason = _fault(content, done, digest.digest())
                if reason:
                    damaged.append((path, reason))
            files += 1
            total += done
    return VerifyReport(tuple(damaged), differences.missing, differences.foreign, total, files)


def _fault(content: Content, length: int, digest: bytes) -> str:
    if length != content.size:
        return f"it has {length:,} bytes instead of {content.size:,}"
    return "" if digest == content.sha256 else "its content was changed"


def _pieces(beneath: Beneath, path: str) -> Iterator[bytes]:
    descriptor = beneath.open_file(path)
    try:
        while piece := os.read(descriptor, _PIECE):
            yield piece
    finally:
        os.close(descriptor)


def _folders(manifest: Manifest) -> set[str]:
    folders = {""}
    for entry in manifest.entries:
        folder = _parent(entry.path) if entry.content is not None else entry.path
        while folder not in folders:
            folders.add(folder)
            folder = _parent(folder)
    return folders


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
