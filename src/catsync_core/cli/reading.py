"""``catsync ls``, ``cat`` and ``path``: read a catalog, whether it is offline or online."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click
import msgspec

from catsync_core.cli.options import CatsyncCommand, json_option
from catsync_core.cli.screen import Screen, pass_screen
from catsync_core.cli.session import catalog_argument, find_catalog, open_client
from catsync_core.cli.table import Cell, Column
from catsync_core.cli.words import show_bytes, show_date
from catsync_core.client.report import FileInfo
from catsync_core.errors import NotFoundError
from catsync_core.format.paths import show_path

__all__ = ["cat_command", "ls_command", "path_command"]


class _Shown(msgspec.Struct):
    """A line of ``ls``: a file, or a folder with everything below it."""

    size: int = 0
    mtime: int = 0


@click.command(cls=CatsyncCommand)
@catalog_argument
@click.argument("path", default="")
@click.option("-l", "--long", "detailed", is_flag=True, help="Show sizes and times too.")
@click.option("-r", "--recursive", is_flag=True, help="Show the files in all folders below.")
@json_option
@pass_screen
def ls_command(screen: Screen, catalog: str, path: str, *, detailed: bool, recursive: bool) -> None:
    """List the files of a catalog.

    Example: catsync ls shoes images

    Of an offline catalog the local copy is listed, of another one the current version in its repository. Folders end
    in a slash. With --json, all files below PATH are listed.
    """
    inner = path.strip("/")
    with open_client(screen) as client:
        found = find_catalog(client, catalog).files()
    files = [file for file in found if not inner or file.path == inner or file.path.startswith(f"{inner}/")]
    if inner and not files:
        raise NotFoundError(f"{catalog} has no '{show_path(inner)}'", hint=f"`catsync ls {catalog}` shows its files")
    if screen.json:
        screen.document({"schema": 1, "catalog": catalog, "files": files})
        return
    lines = {file.path: _Shown(file.size, file.mtime) for file in files} if recursive else _fold(files, inner)
    if detailed:
        rows = [[Cell(show_bytes(line.size)), Cell(show_date(line.mtime)), Cell(name)] for name, line in lines.items()]
        screen.table([Column("Size", right=True), Column("Changed", spare=1), Column("Path")], rows)
        return
    for name in lines:
        screen.data(name)


@click.command(cls=CatsyncCommand)
@catalog_argument
@click.argument("path")
@pass_screen
def cat_command(screen: Screen, catalog: str, path: str) -> None:
    """Write a file of a catalog to stdout.

    Example: catsync cat shoes prices.csv > prices.csv
    """
    with open_client(screen) as client:
        for piece in find_catalog(client, catalog).read(path.strip("/")):
            sys.stdout.buffer.write(piece)


@click.command(cls=CatsyncCommand)
@catalog_argument
@click.argument("path", default="")
@pass_screen
def path_command(screen: Screen, catalog: str, path: str) -> None:
    """Print the folder in which an offline catalog lies.

    Example: xdg-open "$(catsync path shoes)"

    With PATH, where that file or folder of it lies. The folder of a version never changes; after an update this
    command prints another one.
    """
    with open_client(screen) as client:
        root = find_catalog(client, catalog).path()
    inner = path.strip("/")
    place = root / inner
    if not (place.exists() and place.resolve().is_relative_to(root.resolve())):
        raise NotFoundError(f"{catalog} has no '{show_path(inner)}'", hint=f"`catsync ls {catalog}` shows its files")
    click.echo(os.fsencode(place))  # as it is: programs open it


def _fold(files: Iterable[FileInfo], inner: str) -> dict[str, _Shown]:
    """Return what lies directly in a folder, by path: folders with their files' sizes together and latest change."""
    lines: dict[str, _Shown] = {}
    start = len(inner) + 1 if inner else 0
    for file in files:
        cut = file.path.find("/", start)
        line = lines.setdefault(file.path if cut < 0 else file.path[: cut + 1], _Shown())
        line.size += file.size
        line.mtime = max(line.mtime, file.mtime)
    return dict(sorted(lines.items(), key=lambda item: (not item[0].endswith("/"), item[0])))
