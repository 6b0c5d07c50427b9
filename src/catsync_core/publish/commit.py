"""Make a version visible: immutable objects first, the index last, by compare-and-swap.

An interruption leaves objects that nothing names, and nothing else; the next publish uses them again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from catsync_core.backends.protocol import Backend
from catsync_core.errors import ConflictError
from catsync_core.format.index import CatalogSummary, Index, write_index
from catsync_core.format.objects import INDEX_KEY, Kind, ObjectRef, object_key
from catsync_core.limits import LIMITS
from catsync_core.transfer.repository import Repository

__all__ = ["swap_head", "upload"]

_ATTEMPTS = 8


def upload(backend: Backend, kind: Kind, source: bytes | Path, ref: ObjectRef) -> int:
    """Store an immutable object unless it is there already; returns the bytes that were sent."""
    key = object_key(kind, ref)
    if any(found.key == key and found.length == ref.length for found in backend.list(key)):
        return 0
    backend.put(key, source)
    return ref.length


def _head_of(summary: CatalogSummary | None) -> ObjectRef | None:
    return summary.head if summary else None


def _fit_texts(catalogs: dict[str, CatalogSummary], newest: str) -> dict[str, CatalogSummary]:
    """Keep as many heads in the index as it has room for: that of the newest version first, then the younger ones."""
    left = LIMITS.head_texts
    fitting = dict(catalogs)
    for catalog in sorted(catalogs, key=lambda name: (name != newest, -catalogs[name].published, name)):
        summary = catalogs[catalog]
        size = len(summary.text.encode())
        if size > left:
            fitting[catalog] = msgspec.structs.replace(summary, text="")
        else:
            left -= size
    return fitting


def swap_head(
    repository: Repository,
    catalog: str,
    summary: CatalogSummary,
    expected: CatalogSummary | None,
    now: Callable[[], float] = time.time,
) -> Index:
    """Put a new head into the index.

    When somebody else changed the index meanwhile, but not this catalog, the change is made again upon theirs.

    Args:
        repository: Where.
        catalog: Id.
        summary: What the index will say of it.
        expected: What the index must say of it until now; None for nothing.
        now: The clock, seconds since 1970.

    Raises:
        ConflictError: (remote) somebody else published this catalog meanwhile. Nothing was changed.
    """
    for _ in range(_ATTEMPTS):
        found = repository.index()
        index = found.index
        if index is None:
            raise ConflictError(f"The index of {repository.url} could not be read for a change")
        if _head_of(index.catalogs.get(catalog)) != _head_of(expected):
            raise ConflictError(f"Somebody else published {catalog} to {repository.url} meanwhile")
        changed = Index(
            format=index.format,
            repository=index.repository,
            serial=index.serial + 1,
            created=max(int(now()), index.created),  # a clock that runs behind must not make time go back
            catalogs=_fit_texts({**index.catalogs, catalog: summary}, catalog),
            expires=index.expires,
        )
        try:
            repository.backend.swap(INDEX_KEY, write_index(changed), expected_etag=found.etag)
        except ConflictError:
            continue
        return changed
    raise ConflictError(f"The index of {repository.url} changes all the time; {_ATTEMPTS} attempts failed")
