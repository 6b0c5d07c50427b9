"""casync with a store of chunks behind the web server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, ClassVar

from bench._measure import measure
from bench._tools import Tool
from bench._trees import require_same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench._measure import Cost

__all__ = ["Casync", "CasyncSmall"]


class Casync(Tool):
    """casync at its default chunk size."""

    name = "casync"
    colour = "#a371c9"
    how = (
        "`casync make` at the default chunk size (64 KiB) with times and permissions only, `casync extract --seed` "
        "of the old tree"
    )
    how_to_install = "`casync extract` without a seed"
    how_to_check = (
        "casync has no check. `curl` fetches the index of the chunks (`.caidx`) whole, as every extraction does "
        "first; with an ETag kept by a script, `curl` could ask conditionally, as catsync does"
    )
    options: ClassVar[tuple[str, ...]] = ()

    def publish(self) -> Cost:
        """Chunk the new version into a store."""
        web = self.site.web
        metadata = ["--without=all", "--with=sec-time", "--with=permissions"]
        store, index = f"--store={web / 'store.castr'}", str(web / "new.caidx")
        cost, _ = measure(["casync", "make", *metadata, *self.options, store, index, str(self.site.new)])
        return cost

    def clear(self) -> None:
        """Make the device's folder."""
        self._empty_device()

    def reset(self) -> None:
        """Copy the old tree, which serves as the seed."""
        shutil.copytree(self.site.old, self._empty_device() / "old")

    def update(self) -> Sequence[Sequence[str]]:
        """Extract the new tree beside the old one."""
        return [self._extract(f"--seed={self.site.device / 'old'}")]

    def install(self) -> Sequence[Sequence[str]]:
        """Extract the new tree from chunks alone."""
        return [self._extract()]

    def _extract(self, *seed: str) -> Sequence[str]:
        store, tree = f"--store={self.site.url}/store.castr", self.site.device / "tree"
        return ["casync", "extract", store, *seed, f"{self.site.url}/new.caidx", str(tree)]

    def check(self) -> Sequence[Sequence[str]]:
        """Fetch the index."""
        return [["curl", "-sSf", "-o", str(self.site.device / "new.caidx"), f"{self.site.url}/new.caidx"]]

    def verify(self) -> None:
        """Compare the extracted tree."""
        require_same(self.site.new, self.site.device / "tree")


class CasyncSmall(Casync):
    """casync with chunks an eighth of the usual size."""

    name = "casync-8k"
    colour = "#c9a8e0"
    how = (
        "the same with `--chunk-size=8K`: the fewest bytes and the most requests. In sum over the "
        "six catalogs it is 20.8 MB, against 22.6 with 16 KiB and 27.6 with the default (`make bench-variants`)"
    )
    how_to_install = "as for casync"
    how_to_check = "as for casync"
    crosses_links = False  # one request after the other: the round trips alone take minutes
    options = ("--chunk-size=8K",)
