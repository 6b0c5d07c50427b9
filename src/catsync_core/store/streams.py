"""The new contents of a version that the device only passes on its way to another one: one plain file.

It lies beside the frames of the spool and goes with them, when the version that was wanted is committed or the catalog
is removed. Nothing relies on it after a kill: it is written anew then, from patches that are kept.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from catsync_core.store.durable import Bytes, write_at
from catsync_core.store.failures import Attempt
from catsync_core.store.layout import SPOOL, CatalogStore

__all__ = ["StreamFile"]


class StreamFile:
    """Such a file, to be written in a ``with`` block and read by its path afterwards. Not thread-safe.

    Args:
        store: The catalog's place; its lock is held.
        patch: Names it: the SHA-256 of the patch that yields the contents, 64 hexadecimal digits.
    """

    def __init__(self, store: CatalogStore, patch: str) -> None:
        self._store = store
        self._path = f"{SPOOL}/{patch}.stream"
        self.location = store.root / self._path
        self._descriptor = -1

    def __enter__(self) -> Self:
        with self._store.beneath() as beneath, Attempt("write", self.location):
            beneath.discard(self._path)
            self._descriptor = beneath.open_new(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def write(self, offset: int, data: Bytes) -> None:
        """Write bytes at a place.

        Raises:
            DiskFullError: (local) no space is left.
            LocalError: (local) they cannot be written.
        """
        with Attempt("write", self.location, len(data)):
            write_at(self._descriptor, data, offset)
