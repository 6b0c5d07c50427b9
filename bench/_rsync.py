"""rsync, which needs its own server and nothing of a publisher."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, ClassVar

from bench._measure import Cost
from bench._tools import Tool
from bench._trees import require_same

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Rsync", "RsyncStrong"]


class Rsync(Tool):
    """rsync from its daemon, at its default compression."""

    name = "rsync"
    colour = "#4f81bd"
    how = "`rsync -az --delete` from an rsync daemon; both ends agree on zstd at level 3"
    how_to_install = "the same command into an empty folder"
    how_to_check = "the same command with `-n`: a dry run, for which both sides list the whole tree"
    options: ClassVar[tuple[str, ...]] = ()

    def publish(self) -> Cost:
        """Do nothing: the daemon serves the tree itself."""
        return Cost()

    def clear(self) -> None:
        """Make an empty folder."""
        (self._empty_device() / "tree").mkdir()

    def reset(self) -> None:
        """Copy the old tree with its times."""
        shutil.copytree(self.site.old, self._empty_device() / "tree")

    def update(self) -> Sequence[Sequence[str]]:
        """Pull the new tree over what is there."""
        return [self._pull("-az")]

    def install(self) -> Sequence[Sequence[str]]:
        """Do what an update does."""
        return self.update()

    def check(self) -> Sequence[Sequence[str]]:
        """Ask what an update would do."""
        return [self._pull("-azn")]

    def _pull(self, mode: str) -> Sequence[str]:
        return ["rsync", mode, "--delete", *self.options, self.site.rsync_url, f"{self.site.device / 'tree'}/"]

    def verify(self) -> None:
        """Compare the updated tree."""
        require_same(self.site.new, self.site.device / "tree")


class RsyncStrong(Rsync):
    """rsync at a compression level that costs the server a second and more per update."""

    name = "rsync-19"
    colour = "#8fb0da"
    how = "the same with `--compress-level=19`, which the server pays for at every device's every update"
    how_to_install = "as for rsync"
    how_to_check = "as for rsync"
    options = ("--compress-choice=zstd", "--compress-level=19")
