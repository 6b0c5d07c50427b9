"""A delta tool at work: what a publisher and a device do with it, as commands that can be measured.

A tool works at a `Site`: the two trees, and the places that the publisher and the device own. It publishes once;
then, for every run, the device is put into a known state and the commands of one job are measured.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench._trees import put_away

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench._measure import Cost

__all__ = ["Site", "Tool"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where one tool works on one pair."""

    old: Path
    new: Path
    """The two versions; nobody writes into them."""
    web: Path
    """The publisher's directory below the web server's root, empty at first."""
    url: str
    """The same directory as the device sees it."""
    rsync_url: str
    """The new tree as rsync's daemon offers it."""
    device: Path
    """The device's directory, empty at first."""


class Tool(ABC):
    """One tool at one site, driven in the way that suits it best."""

    name: ClassVar[str]
    colour: ClassVar[str]
    """In charts, the same in all of them."""
    how: ClassVar[str]
    """For the report: how exactly it updates, and why so."""
    how_to_install: ClassVar[str]
    """For the report: what a first download is."""
    how_to_check: ClassVar[str]
    """For the report: how a device that has the newest version learns that there is nothing new."""
    crosses_links: ClassVar[bool] = True
    """Whether it is measured over links with a round trip, too."""
    env: Mapping[str, str] | None = None
    """The environment of the device's commands; None for this process's own."""

    def __init__(self, site: Site) -> None:
        self.site = site

    @abstractmethod
    def publish(self) -> Cost:
        """Do the publisher's part, and return what the new version cost."""

    @abstractmethod
    def clear(self) -> None:
        """Make the device a new one, which has nothing."""

    @abstractmethod
    def reset(self) -> None:
        """Put the device to the old version, as if nothing of the new one had ever been there."""

    @abstractmethod
    def update(self) -> Sequence[Sequence[str]]:
        """Return the commands that bring a device from the old version to the new one."""

    @abstractmethod
    def install(self) -> Sequence[Sequence[str]]:
        """Return the commands that bring a new device to the new version."""

    @abstractmethod
    def check(self) -> Sequence[Sequence[str]]:
        """Return the commands with which a device that has the new version asks for a newer one."""

    @abstractmethod
    def verify(self) -> None:
        """Check the device's tree.

        Raises:
            DifferentTreeError: Unless it is exactly the new version.
        """

    def _empty_device(self) -> Path:
        self._put_away(self.site.device)
        self.site.device.mkdir(parents=True)
        return self.site.device

    def _put_away(self, tree: Path) -> None:
        put_away(tree, self.site.device.with_name("attic"))
