"""``catsync verify`` and ``repair``: whether a local copy is what was published."""

from __future__ import annotations

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.progress import ProgressView, choose_progress
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalog_argument, find_catalog, open_client
from catsync_core.cli.words import show_bytes, show_count
from catsync_core.errors import DamagedError
from catsync_core.store.verify import VerifyReport

__all__ = ["repair_command", "verify_command"]


@click.command(cls=CatsyncCommand)
@catalog_argument
@json_option
@pass_screen
def verify_command(screen: Screen, catalog: str) -> None:
    """Compare a local copy with what was published.

    Example: catsync verify shoes

    Every file is read. No connection is needed and nothing is changed.
    """
    progress = ProgressView(screen) if screen.json else choose_progress(screen)
    with open_client(screen, progress) as client, progress:
        report = find_catalog(client, catalog).verify()
    bad = len(report.damaged) + len(report.missing)
    if screen.json:
        screen.document(_document(catalog, report))
    else:
        _show(screen, report)
    if bad:
        raise DamagedError(
            f"{show_count(bad, 'file')} of {catalog} {'is' if bad == 1 else 'are'} damaged or missing",
            hint=f"`catsync repair {catalog}` fetches only what is damaged",
        )
    screen.say(f"{catalog} is intact: {show_count(report.files, 'file')}, {show_bytes(report.bytes_read)} read.")


@click.command(cls=CatsyncCommand)
@catalog_argument
@json_option
@pass_screen
def repair_command(screen: Screen, catalog: str) -> None:
    """Fetch again what is damaged or missing in a local copy.

    Example: catsync repair shoes

    Every file is read first; then only what is damaged is downloaded.
    """
    progress = choose_progress(screen)
    with open_client(screen, progress) as client:
        found = find_catalog(client, catalog)
        with progress:
            summary = found.repair()
    if screen.json:
        screen.event("summary", summary)
    elif summary.bytes_written:
        screen.say(
            f"{catalog} is repaired: {show_bytes(summary.bytes_received)} were downloaded, files of"
            f" {show_bytes(summary.bytes_written)} written anew."
        )
    else:
        screen.say(f"{catalog} is intact; nothing was to repair.")


def _document(catalog: str, report: VerifyReport) -> dict[str, object]:
    return {
        "schema": 1,
        "catalog": catalog,
        "intact": not (report.damaged or report.missing),
        "files": report.files,
        "bytes_read": report.bytes_read,
        "damaged": [{"path": path, "reason": reason} for path, reason in report.damaged],
        "missing": report.missing,
        "foreign": report.foreign,
    }


def _show(screen: Screen, report: VerifyReport) -> None:
    for path, reason in report.damaged:
        screen.data(f"damaged  {path}  ({reason})")
    for path in report.missing:
        screen.data(f"missing  {path}")
    for path in report.foreign:
        screen.data(f"foreign  {path}")
