"""``catsync plan``: what a transfer will do, before it does it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from catsync_core.cli.options import CatsyncCommand, basis_option, json_option, via_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalog_argument, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import ACTIONS, WAYS, show_bytes, show_count
from catsync_core.client.report import PlannedFile, Summary, WayTotal
from catsync_core.plan.model import Via

__all__ = ["plan_command"]


@click.command(cls=CatsyncCommand)
@catalog_argument
@via_option
@basis_option
@json_option
@pass_screen
def plan_command(screen: Screen, catalog: str, via: str, basis: tuple[Path, ...]) -> None:
    """Show what an update or a first download would do.

    Example: catsync plan shoes

    Metadata is fetched, content is not. The totals are exact: the download that follows keeps to them. Then come the
    ways that there are, with what the download would take in all by each; with -v also what becomes of each file.
    """
    with open_client(screen) as client:
        summary = find_catalog(client, catalog).plan(via=Via(via), folders=basis)
    if not screen.verbose:
        summary = msgspec.structs.replace(summary, files=())
    if screen.json:
        screen.document(summary)
        return
    _show_plan(screen, summary)


def _show_plan(screen: Screen, summary: Summary) -> None:
    done = {name: total for name, total in summary.actions.items() if total.files}
    rows = [[Cell(ACTIONS[name]), Cell(f"{total.files:,}"), Cell(f"{total.bytes:,}")] for name, total in done.items()]
    screen.data(f"{summary.title} ({summary.catalog}): {_versions(summary)}")
    screen.data("")
    screen.table([Column("Action"), Column("Files", right=True), Column("Bytes", right=True)], rows)
    screen.data("")
    screen.pairs(
        [
            ("To download", Cell(_exact(summary.bytes_received))),
            ("Requests", Cell(f"{summary.requests:,}")),
            ("Reused", Cell(_exact(summary.bytes_reused))),
            ("To write", Cell(_exact(summary.bytes_written))),
        ]
    )
    if summary.ways:
        screen.data("")
        columns = [Column("Way"), Column("Bytes", right=True), Column("Requests", right=True)]
        screen.table(columns, [_describe(way) for way in summary.ways])
    if summary.files:
        screen.data("")
        columns = [Column("File", flexible=True), Column("Action"), Column("Bytes", right=True)]
        columns.append(Column("Reused", right=True, spare=1))
        screen.table(columns, [_describe_file(file) for file in summary.files])


def _describe(way: WayTotal) -> list[Cell]:
    over = f" {' > '.join(str(version) for version in way.versions)}" if len(way.versions) > 1 else ""
    taken = " (taken)" if way.taken else ""
    least = "" if way.exact else "at least "
    return [
        Cell(f"{WAYS[way.way]}{over}{taken}"),
        Cell(f"{least}{way.bytes_received:,}"),
        Cell(f"{least}{way.requests:,}"),
    ]


def _describe_file(file: PlannedFile) -> list[Cell]:
    return [Cell(file.path), Cell(ACTIONS[file.action]), Cell(f"{file.bytes:,}"), Cell(f"{file.reused:,}")]


def _versions(summary: Summary) -> str:
    if summary.from_version is None:
        return f"first download, version {summary.to_version}"
    if summary.from_version == summary.to_version:
        return f"version {summary.to_version} is here already"
    return f"update from version {summary.from_version} to {summary.to_version}"


def _exact(count: int) -> str:
    return show_count(count, "byte") + (f" ({show_bytes(count)})" if count >= 1000 else "")
