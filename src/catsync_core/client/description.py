"""The state of a catalog in one record, from what is wished, what is there and what is offered."""

from __future__ import annotations

from typing import Literal

from catsync_core.client.report import SCHEMA, CatalogInfo
from catsync_core.client.sources import Source
from catsync_core.client.state import CatalogRow, Mode
from catsync_core.format.index import CatalogSummary
from catsync_core.store.layout import CatalogStore
from catsync_core.store.records import Installed
from catsync_core.store.spool import Spool

__all__ = ["describe_catalog"]

Label = Literal["online", "offline", "update_available", "incomplete", "gone"]


def describe_catalog(
    row: CatalogRow, source: Source | None, store: CatalogStore, installed: Installed | None
) -> CatalogInfo:
    """Return the state of a catalog; nobody is asked for it.

    Args:
        row: What is wished.
        source: The repository that offers it; None when none does any more.
        store: Its place on the device.
        installed: What is there.

    Raises:
        LocalError: (local) what has arrived of an unfinished download cannot be counted.
    """
    head = source.index.catalogs.get(row.catalog) if source else None
    return CatalogInfo(
        schema=SCHEMA,
        catalog=row.catalog,
        title=head.title if head else row.title,
        repository=source.row.shown if source else "",
        offered=head is not None,
        mode=row.mode,
        label=_label(row, installed, head),
        installed_version=installed.version if installed else None,
        head_version=head.version if head else None,
        files=head.files if head else 0,
        bytes=head.bytes if head else 0,
        installed_files=installed.files if installed else 0,
        installed_bytes=installed.bytes if installed else 0,
        installed_published=installed.published if installed else 0,
        installed_at=installed.installed_at if installed else 0,
        head_published=head.published if head else 0,
        checked_at=source.row.checked_at if source else 0,
        downloaded_at=row.downloaded_at,
        downloaded_bytes=row.downloaded_bytes,
        kept_bytes=Spool(store).bytes_kept() if store.exists() else 0,
        problem=row.problem or (source.row.problem if source else ""),
        path=str(store.version_path(installed.version)) if installed else "",
        skipped_version=row.skipped if installed and head and row.skipped > installed.version else None,
    )


def _label(row: CatalogRow, installed: Installed | None, head: CatalogSummary | None) -> Label:
    if installed is None:
        if row.mode is Mode.OFFLINE:
            return "incomplete"
        return "online" if head else "gone"
    if head is not None and head.version > max(installed.version, row.skipped):
        return "update_available"
    return "offline"
