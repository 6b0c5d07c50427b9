"""``catsync init``, ``publish`` and ``versions``: the publisher's side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.progress import choose_progress
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import open_repository
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import show_bytes, show_count, show_date, show_seconds
from catsync_core.client.home import cache_folder
from catsync_core.errors import MissingObjectError, NotFoundError, UsageError
from catsync_core.format.head import Head
from catsync_core.format.objects import ObjectRef
from catsync_core.publish.effort import Effort
from catsync_core.publish.publisher import Publication, Publisher
from catsync_core.transfer.repository import Repository

__all__ = ["init_command", "publish_command", "versions_command"]

_COLUMNS = (
    Column("Version", right=True),
    Column("Published"),
    Column("Files", right=True, spare=1),
    Column("Size", right=True),
    Column("Note", flexible=True),
)


@click.command(cls=CatsyncCommand)
@click.argument("repo")
@json_option
@pass_screen
def init_command(screen: Screen, repo: str) -> None:
    """Make a new, empty repository.

    Example: catsync init /srv/catalogs

    REPO is the path of a folder, which is made, or the URL of a store that can be written to.
    """
    with open_repository(screen, repo) as backend:
        index = Publisher(backend).init()
        url = backend.url
    if screen.json:
        screen.document({"schema": 1, "url": url, "repository": index.repository})
        return
    screen.say(f"There is a new repository at {url}.")
    screen.say(f"To publish a folder into it: catsync publish DIR {repo} --catalog ID")


@click.command(cls=CatsyncCommand)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("repo")
@click.option("--catalog", required=True, metavar="ID", help="Which catalog it is a version of.")
@click.option("--title", help="What people see; by default as before, at first the id.")
@click.option("--note", default="", help="What is new in this version.")
@click.option(
    "--effort",
    type=click.Choice([effort.value for effort in Effort]),
    default=Effort.DEFAULT.value,
    show_default=True,
    help="How long to look for the smallest form.",
)
@click.option(
    "--patch-from",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="N",
    help="A version that a patch shall begin from, besides the one before; may be repeated. Default: as the effort.",
)
@click.option("--watch", is_flag=True, help="Go on: publish again whenever the folder has changed and settled.")
@click.option(
    "--settle",
    type=click.FloatRange(min=0, max=3600, min_open=True),
    metavar="SECONDS",
    help="With --watch: how long nothing must change before it publishes; by default 2.",
)
@json_option
@pass_screen
def publish_command(  # noqa: PLR0917 - click passes options by name
    screen: Screen,
    directory: Path,
    repo: str,
    catalog: str,
    title: str | None,
    note: str,
    effort: str,
    patch_from: tuple[int, ...],
    watch: bool,  # noqa: FBT001 - likewise
    settle: float | None,
) -> None:
    """Publish a folder as the next version of a catalog.

    Example: catsync publish ./shoes /srv/catalogs --catalog shoes --title "Shoes 2026"

    Only what changed since the last version is compressed and uploaded. Readers see the old version until everything
    is there.
    """
    if settle is not None and not watch:
        raise UsageError("--settle is of use only with --watch")
    with open_repository(screen, repo) as backend:

        def publish() -> Publication:
            with choose_progress(screen) as progress:
                return Publisher(backend, cache=cache_folder(), listener=progress).publish(
                    directory, catalog, title=title, note=note, effort=Effort(effort), patch_from=patch_from or None
                )

        if not watch:
            _show(screen, publish())
            return
        from catsync_core.cli.watching import publish_changes, refuse_loop  # noqa: PLC0415 - seldom needed

        refuse_loop(directory, repo)
        publish_changes(
            screen,
            directory,
            catalog,
            publish=publish,
            show=lambda done: _show(screen, done, time.strftime("%H:%M:%S ")),
            settle=settle,
        )


@click.command(cls=CatsyncCommand)
@click.argument("repo")
@click.argument("catalog")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N versions.")
@json_option
@pass_screen
def versions_command(screen: Screen, repo: str, catalog: str, limit: int | None) -> None:
    """Show the versions of a catalog in a repository.

    Example: catsync versions /srv/catalogs shoes
    """
    with open_repository(screen, repo) as backend:
        heads = list(islice(_walk(Repository(backend), catalog), limit))
    if screen.json:
        versions = [
            {
                "version": head.version,
                "title": head.title,
                "note": head.note,
                "published": head.published,
                "files": head.files,
                "bytes": head.bytes,
            }
            for head in heads
        ]
        screen.document({"schema": 1, "catalog": catalog, "versions": versions})
        return
    rows = [
        [
            Cell(str(head.version)),
            Cell(show_date(head.published)),
            Cell(f"{head.files:,}"),
            Cell(show_bytes(head.bytes)),
            Cell(head.note),
        ]
        for head in heads
    ]
    screen.table(_COLUMNS, rows)


def _walk(repository: Repository, catalog: str) -> Iterator[Head]:
    """Yield the heads of a catalog, the newest first; each costs one request."""
    index = repository.index().index
    if index is None:
        raise MissingObjectError(f"There is no repository at {repository.url}")
    if catalog not in index.catalogs:
        known = ", ".join(sorted(index.catalogs)) or "none"
        raise NotFoundError(f"There is no catalog '{catalog}' at {repository.url}", hint=f"It has: {known}")
    newest = index.catalogs[catalog]
    following: ObjectRef | None = newest.head
    for version in range(newest.version, 0, -1):
        if following is None:
            return
        head = repository.head(following, catalog, version)
        yield head
        following = head.previous


def _show(screen: Screen, done: Publication, start: str = "") -> None:
    if screen.json:
        screen.event("summary", done)
        return
    screen.say(start + _tell(done))
    if screen.verbose:
        for patch in done.patches:
            begin = f"version {patch.from_version}" if patch.from_version else "nothing"
            screen.say(f"  Patch from {begin}: {show_bytes(patch.bytes)}")


def _tell(done: Publication) -> str:
    if not done.published:
        return f"Nothing changed since version {done.version}; nothing was published."
    return (
        f"Published {done.catalog} version {done.version}: {done.changed_files:,} of {show_count(done.files, 'file')}"
        f" changed, {show_bytes(done.bytes_uploaded)} uploaded in {show_seconds(done.seconds)}."
    )
