"""Mending single files of a stored version, for repair: written aside, flushed, and then renamed over."""

from __future__ import annotations

from collections.abc import Iterable

from catsync_core.format.paths import check_path
from catsync_core.store.durable import Bytes, sync_file
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import ASIDE, CatalogStore
from catsync_core.store.writer import FileWriter

__all__ = ["replace_file", "restore_directory"]


def replace_file(
    store: CatalogStore,
    version: int,
    path: str,
    chunks: Iterable[Bytes],
    *,
    size: int,
    sha256: bytes,
    mtime: int,
) -> None:
    """Replace a damaged or missing file. Whoever has the old one open keeps it.

    Args:
        store: The catalog's place; its lock is held.
        version: A stored version.
        path: The file in it.
        chunks: The content.
        size: Expected bytes.
        sha256: Expected, 32 bytes.
        mtime: Time of change in seconds since 1970.

    Raises:
        IntegrityError: (content) the bytes are not what was expected; the old file is untouched.
        PathError: (content) the path must not be created.
        DiskFullError: (local) no space is left; the old file is untouched.
        LocalError: (local) a folder stands there, a folder above is a link, or it cannot be written.
    """
    check_path(path)
    place, target = f"{ASIDE}/file", f"{version}/{path}"
    with store.beneath() as beneath:
        with Attempt("write", path):
            beneath.discard(place)
        with FileWriter(
            beneath,
            place,
            path=path,
            size=size,
            sha256=sha256,
            mtime=mtime,
            flush=sync_file,
            when_sealed=lambda: None,
        ) as file:
            for chunk in chunks:
                file.write(chunk)
        with Attempt("replace", path):
            beneath.rename(place, target)
            beneath.sync_folder(target.rpartition("/")[0])


def restore_directory(store: CatalogStore, version: int, path: str) -> None:
    """Make an empty folder of a stored version again.

    Raises:
        PathError: (content) the path must not be created.
        LocalError: (local) something else stands there, or it cannot be made.
    """
    check_path(path)
    with store.beneath() as beneath, Attempt("make", path):
        beneath.make_folder(f"{version}/{path}")
        beneath.sync_folder(f"{version}/{path}".rpartition("/")[0])
