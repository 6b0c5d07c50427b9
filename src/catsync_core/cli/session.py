"""What every command on this device's catalogs begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from catsync_core.backends.protocol import Backend
from catsync_core.backends.registry import open_backend
from catsync_core.cli.loading import find_plugins
from catsync_core.cli.screen import Screen
from catsync_core.client.catalog import Catalog
from catsync_core.client.client import Client
from catsync_core.errors import CancelledError, CatsyncError, NotFoundError, SomeFailedError
from catsync_core.events import Listener
from catsync_core.spelling import find_close

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "any_catalogs_argument",
    "catalog_argument",
    "catalogs_argument",
    "complete_catalog",
    "each",
    "find_catalog",
    "open_client",
    "open_repository",
]

_Thing = TypeVar("_Thing")


def complete_catalog(_context: click.Context, _argument: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the ids of the catalogs that this device knows, for shells."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - as in the group

    try:
        with Client() as client:
            infos = [catalog.info() for catalog in client.catalogs()]
    except CatsyncError:
        return []  # there is no place for an error in the middle of a line that is being typed
    return [CompletionItem(info.catalog, help=info.title) for info in infos if info.catalog.startswith(incomplete)]


catalog_argument = click.argument("catalog", shell_complete=complete_catalog)
"""Adds the argument that names one catalog."""

catalogs_argument = click.argument("catalogs", nargs=-1, required=True, shell_complete=complete_catalog)
"""Adds the argument that names one or more catalogs."""

any_catalogs_argument = click.argument("catalogs", nargs=-1, shell_complete=complete_catalog)
"""Adds the argument that names any number of catalogs."""


@contextmanager
def open_client(screen: Screen, listener: Listener | None = None) -> Iterator[Client]:
    """Open what catsync keeps on this device.

    Args:
        screen: Gets warnings.
        listener: Gets events; by default only warnings are shown.
    """
    with Client(listener=listener or screen.on_event, plugins=find_plugins(screen)) as client:
        yield client


@contextmanager
def open_repository(screen: Screen, address: str) -> Iterator[Backend]:
    """Open a repository by its path or URL, whether this device added it or not."""
    backend = open_backend(address, find_plugins(screen))
    try:
        yield backend
    finally:
        backend.close()


def find_catalog(client: Client, catalog: str) -> Catalog:
    """Return a catalog, or say which one may have been meant.

    Raises:
        NotFoundError: (local) there is none with this id.
    """
    known = {found.id: found for found in client.catalogs()}
    if catalog in known:
        return known[catalog]
    if not client.repositories():
        raise NotFoundError(f"There is no catalog '{catalog}'", hint="`catsync add REPO` adds a repository first")
    titled = [found.id for found in known.values() if found.info().title.casefold() == catalog.casefold()]
    close = titled or find_close(catalog, known)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    raise NotFoundError(f"There is no catalog '{catalog}'", hint=f"{meant}`catsync list` shows what there is")


def each(screen: Screen, names: Iterable[str], action: Callable[[str], _Thing]) -> list[_Thing]:
    """Do something with several catalogs; a failure of one does not stop the others.

    Args:
        screen: Gets each failure at once.
        names: Ids; a repeated one counts once.
        action: What to do.

    Raises:
        SomeFailedError: some failed. A failure of the only one is raised as it is.
    """
    names = list(dict.fromkeys(names))
    results: list[_Thing] = []
    errors: dict[str, CatsyncError] = {}
    for name in names:
        try:
            results.append(action(name))
        except CancelledError:
            raise
        except CatsyncError as error:
            if len(names) == 1:
                raise
            screen.fail(error, about=name)
            errors[name] = error
    if errors:
        raise SomeFailedError(f"{len(errors)} of {len(names)} catalogs failed: {', '.join(errors)}", errors)
    return results
