"""One process at a time changes a catalog.

The lock is the operating system's, so that a crash frees it. A file beside it says who holds it and why; it is only
read to tell others, never to decide anything.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from catsync_core.errors import LocalError, LockedError
from catsync_core.store.failures import Attempt

if TYPE_CHECKING:
    from catsync_core.store.layout import CatalogStore

__all__ = ["HOLDER", "LOCK", "CatalogLock"]

LOCK = ".catsync/lock"
HOLDER = ".catsync/lock.holder"
_HOLDER_MOST = 4096
_DOING = {
    "install": "downloading",
    "update": "updating",
    "remove": "removing",
    "verify": "verifying",
    "repair": "repairing",
    "rollback": "rolling back",
}


class CatalogLock:
    """Keeps others from changing a catalog while the ``with`` block runs. Does not wait, cannot be nested.

    Args:
        store: The catalog's place; its folders are made.
        activity: What is done meanwhile: ``update``, ``install``, ``remove``.

    Raises:
        LockedError: (local) on entry; another process, or another thread of this one, works on the catalog.
    """

    def __init__(self, store: CatalogStore, activity: str) -> None:
        from filelock import FileLock  # noqa: PLC0415 - slow to import, and most commands change nothing

        self._store = store
        self._activity = activity
        self._lock = FileLock(store.root / LOCK, timeout=0, thread_local=False)

    def __enter__(self) -> Self:
        from filelock import Timeout  # noqa: PLC0415 - as above

        self._store.prepare()
        with Attempt("lock", self._store.root):
            try:
                self._lock.acquire()
            except Timeout:
                raise LockedError(self._describe_holder()) from None
        try:
            self._tell()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # After a removal there is no such file; and one that stays is only read while somebody holds the lock.
            with suppress(OSError):
                (self._store.root / HOLDER).unlink()
        finally:
            self._lock.release()

    def _tell(self) -> None:
        told = json.dumps({"process": os.getpid(), "activity": self._activity}).encode()
        with self._store.beneath() as beneath, suppress(OSError):
            # Only information: on a full disk a catalog must still be removable, and that needs the lock.
            beneath.discard(HOLDER)
            descriptor = beneath.open(HOLDER, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                os.write(descriptor, told)
            finally:
                os.close(descriptor)

    def _describe_holder(self) -> str:
        catalog = self._store.catalog
        try:
            with self._store.beneath() as beneath:
                told = json.loads(beneath.read(HOLDER)[:_HOLDER_MOST])
            return (
                f"catsync (process {int(told['process'])}) is {_DOING.get(told['activity'], 'working on')} '{catalog}'"
            )
        except (OSError, LocalError, ValueError, KeyError, TypeError):
            # The other process has only just taken the lock, is just giving it back, or the disk was full.
            return f"Another catsync process is working on '{catalog}'"
