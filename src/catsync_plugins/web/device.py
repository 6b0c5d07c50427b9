"""What the screen can do with this device: the one seam between the page and the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from catsync_core import CatalogInfo, Changes, Checked
from catsync_plugins.web.feed import Source

__all__ = ["Command", "Device"]

Name = Literal[
    "offline",
    "online",
    "update",
    "pause",
    "resume",
    "cancel",
    "repair",
    "rollback",
    "skip",
    "auto-sync",
    "verify",
]


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the user wants done with one catalog.

    Attributes:
        name: What.
        catalog: Id.
        revision: Of the row that the user saw.
        consent: Now, whatever policies would rather wait for.
        force: Delete the local copy even when its repository cannot be reached.
        on: For ``auto-sync``.
    """

    name: Name
    catalog: str
    revision: int
    consent: bool = False
    force: bool = False
    on: bool = False


class Device(Source, Protocol):
    """This device. Methods that are not the feed's may be called by any thread."""

    def obey(self, command: Command) -> None:
        """Begin what the user wants, and return at once.

        Raises:
            CatsyncError: it cannot be done.
        """

    def check(self, catalogs: Sequence[str]) -> list[Checked]:
        """Ask the repositories of these catalogs for updates, or all; returns when they have answered."""

    def info(self, catalog: str) -> CatalogInfo:
        """Return everything about one catalog.

        Raises:
            NotFoundError: (local) there is none with this id.
        """

    def changes(self, catalog: str) -> Changes:
        """Return what is new in the newest version.

        Raises:
            CatsyncError: it cannot be found out.
        """

    def add(self, repository: str) -> None:
        """Add a repository by its address.

        Raises:
            CatsyncError: it cannot be had.
        """
