"""The delta tools that are compared, each driven in the way that suits it best.

A tool works at a `Site`: the two trees, and the places that the publisher and the device own. It publishes once;
then, for every run, the device is put back to the old version and its update commands are measured.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench._measure import run
from bench._trees import pack_tar, require_same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["PEERS", "Casync", "CasyncSmall", "Rsync", "RsyncStrong", "Site", "Tool", "Zsync"]


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
    """One tool at one site."""

    name: ClassVar[str]
    how: ClassVar[str]
    """For the report: the exact way in which it is driven, and why."""
    env: Mapping[str, str] | None = None
    """The environment of the update commands; None for this process's own."""

    def __init__(self, site: Site) -> None:
        self.site = site

    @abstractmethod
    def publish(self) -> None:
        """Do the publisher's part. Not measured."""

    @abstractmethod
    def reset(self) -> None:
        """Put the device to the old version, as if nothing of the new one had ever been there. Not measured."""

    @abstractmethod
    def update(self) -> Sequence[Sequence[str]]:
        """Return the commands that bring the device to the new version. Measured together."""

    @abstractmethod
    def verify(self) -> None:
        """Check the device's tree.

        Raises:
            DifferentTreeError: Unless it is exactly the new version.
        """

    def _empty_device(self) -> Path:
        shutil.rmtree(self.site.device, ignore_errors=True)
        self.site.device.mkdir(parents=True)
        return self.site.device


class Rsync(Tool):
    """rsync from its daemon, at its default compression."""

    name = "rsync"
    how = "`rsync -az --delete` from an rsync daemon; both ends agree on zstd at level 3"
    options: ClassVar[tuple[str, ...]] = ()

    def publish(self) -> None:
        """Do nothing: the daemon serves the tree itself."""

    def reset(self) -> None:
        """Copy the old tree with its times."""
        shutil.copytree(self.site.old, self._empty_device() / "tree")

    def update(self) -> Sequence[Sequence[str]]:
        """Pull the new tree over the old one."""
        tree = f"{self.site.device / 'tree'}/"
        return [["rsync", "-az", "--delete", *self.options, self.site.rsync_url, tree]]

    def verify(self) -> None:
        """Compare the updated tree."""
        require_same(self.site.new, self.site.device / "tree")


class RsyncStrong(Rsync):
    """rsync at a compression level that costs the server a second and more per update."""

    name = "rsync-19"
    how = "the same with `--compress-level=19`, which the server pays for at every device's every update"
    options = ("--compress-choice=zstd", "--compress-level=19")


class Zsync(Tool):
    """zsync of one tar per version, since it knows files and no trees."""

    name = "zsync"
    how = (
        "one tar per version, `zsyncmake -z` at the default block size: of plain and `-z`, with blocks of 1, 2 and "
        "4 KiB, this transfers the fewest bytes in sum. One control file per file of the tree would be thousands of "
        "requests, and their headers alone more bytes. Packing and unpacking the tar is not counted, in zsync's favour"
    )

    def publish(self) -> None:
        """Write the new version, compressed so that blocks can be fetched, and its control file."""
        web = self.site.web
        pack_tar(self.site.new, web / "new.tar")
        run(["zsyncmake", "-z", "-u", "new.tar.gz", "-o", "new.zsync", "new.tar"], cwd=web)
        (web / "new.tar").unlink()

    def reset(self) -> None:
        """Write the old version's tar."""
        pack_tar(self.site.old, self._empty_device() / "old.tar")

    def update(self) -> Sequence[Sequence[str]]:
        """Make the new tar from the old one."""
        old, new = self.site.device / "old.tar", self.site.device / "new.tar"
        return [["zsync", "-q", "-i", str(old), "-o", str(new), f"{self.site.url}/new.zsync"]]

    def verify(self) -> None:
        """Unpack the tar and compare."""
        tree = self.site.device / "tree"
        tree.mkdir()
        run(["tar", "-C", str(tree), "-xf", str(self.site.device / "new.tar")])
        require_same(self.site.new, tree)


class Casync(Tool):
    """casync with a chunk store behind the web server."""

    name = "casync"
    how = (
        "`casync make` at the default chunk size (64 KiB) with times and permissions only, `casync extract --seed` "
        "of the old tree"
    )
    options: ClassVar[tuple[str, ...]] = ()

    def publish(self) -> None:
        """Chunk the new version into a store."""
        web = self.site.web
        metadata = ["--without=all", "--with=sec-time", "--with=permissions"]
        store, index = f"--store={web / 'store.castr'}", str(web / "new.caidx")
        run(["casync", "make", *metadata, *self.options, store, index, str(self.site.new)])

    def reset(self) -> None:
        """Copy the old tree, which serves as the seed."""
        shutil.copytree(self.site.old, self._empty_device() / "old")

    def update(self) -> Sequence[Sequence[str]]:
        """Extract the new tree beside the old one."""
        store, seed = f"--store={self.site.url}/store.castr", f"--seed={self.site.device / 'old'}"
        return [["casync", "extract", store, seed, f"{self.site.url}/new.caidx", str(self.site.device / "tree")]]

    def verify(self) -> None:
        """Compare the extracted tree."""
        require_same(self.site.new, self.site.device / "tree")


class CasyncSmall(Casync):
    """casync with chunks an eighth of the usual size."""

    name = "casync-8k"
    how = "the same with `--chunk-size=8K`: the fewest bytes of 8, 16 and 64 KiB, and the most requests"
    options = ("--chunk-size=8K",)


PEERS: tuple[type[Tool], ...] = (Rsync, RsyncStrong, Zsync, Casync, CasyncSmall)
"""All tools but catsync."""
