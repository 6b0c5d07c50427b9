"""``catsync offline`` and ``update``: what comes onto this device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from catsync_core.cli.consent import run_download
from catsync_core.cli.memory import keep_freed_memory
from catsync_core.cli.options import CatsyncCommand, basis_option, json_option, now_option, via_option
from catsync_core.cli.progress import choose_progress
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import any_catalogs_argument, catalogs_argument, each, find_catalog, open_client
from catsync_core.cli.words import ACTIONS, show_bytes, show_count, show_date, show_seconds
from catsync_core.client.labels import Label
from catsync_core.client.report import CatalogInfo, Summary
from catsync_core.plan.model import Via

__all__ = ["offline_command", "update_command"]


@click.command(cls=CatsyncCommand)
@catalogs_argument
@via_option
@basis_option
@now_option
@json_option
@pass_screen
def offline_command(screen: Screen, catalogs: tuple[str, ...], via: str, basis: tuple[Path, ...], *, now: bool) -> None:
    """Keep catalogs on this device, ready without a connection.

    Example: catsync offline shoes

    The download starts at once. After an interruption the same command goes on where it stopped.
    """
    keep_freed_memory()
    progress = choose_progress(screen)
    with open_client(screen, progress) as client:

        def keep(name: str) -> None:
            catalog = find_catalog(client, name)
            summary = run_download(progress, partial(catalog.go_offline, via=Via(via), folders=basis), now=now)
            _report(screen, summary, lambda: _tell_offline(catalog.info(), summary))

        each(screen, catalogs, keep)


@click.command(cls=CatsyncCommand)
@any_catalogs_argument
@click.option("--all", "every", is_flag=True, help="All offline catalogs.")
@via_option
@now_option
@json_option
@pass_screen
def update_command(screen: Screen, catalogs: tuple[str, ...], via: str, *, every: bool, now: bool) -> None:
    """Bring offline catalogs to their newest version.

    Example: catsync update shoes

    Only what changed is downloaded. The old version is read until the new one is complete. With --all, catalogs whose
    newest known version is skipped are left out.
    """
    if bool(catalogs) == every:
        raise click.UsageError("Name the catalogs to update, or give --all for all of them, but not both")
    keep_freed_memory()
    progress = choose_progress(screen)
    with open_client(screen, progress) as client:

        def update(name: str) -> None:
            catalog = find_catalog(client, name)
            summary = run_download(progress, partial(catalog.update, via=Via(via)), now=now)
            _report(screen, summary, lambda: _tell_update(catalog.info(), summary))

        if every:
            infos = [info for info in (each.info() for each in client.catalogs()) if info.path and info.offered]
            if not infos:
                screen.say("No catalog is offline, so there is nothing to update.")
            catalogs = tuple(info.catalog for info in infos if info.skipped_version != info.head_version)
        each(screen, catalogs, update)


def _report(screen: Screen, summary: Summary, tell: Callable[[], str]) -> None:
    if screen.json:
        screen.event("summary", summary)
        return
    screen.say(tell())
    if screen.verbose:
        for action, total in summary.actions.items():
            if total.files:
                screen.say(f"  {ACTIONS[action]}: {show_count(total.files, 'file')}, {show_bytes(total.bytes)}")
        screen.say(f"  {show_count(summary.requests, 'request')} in {show_seconds(summary.seconds)}")


def _tell_offline(info: CatalogInfo, summary: Summary) -> str:
    already = "" if summary.changed else " already"
    newer = ""
    if info.label is Label.UPDATE_AVAILABLE:
        newer = f" Version {info.head_version} is available: catsync update {info.catalog}"
    return (
        f"{info.title} is offline{already}: version {summary.to_version}, {show_bytes(summary.total_bytes)},"
        f" as of {show_date(info.installed_published)}.{newer}"
    )


def _tell_update(info: CatalogInfo, summary: Summary) -> str:
    if not summary.changed:
        return f"{info.title} is up to date: version {summary.to_version}, as of {show_date(info.installed_published)}."
    return (
        f"{info.title} is updated to version {summary.to_version}:"
        f" {show_bytes(summary.bytes_received)} of {show_bytes(summary.total_bytes)} downloaded."
    )
