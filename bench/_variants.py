"""Other settings of zsync and casync, run once to find out which suit them best; `--tools` runs them by name."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, ClassVar

from bench._casync import Casync
from bench._measure import Cost, measure
from bench._tools import Tool
from bench._trees import list_files, require_same
from bench._zsync import Zsync

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["VARIANTS"]


class Zsync1K(Zsync):
    """zsync of the compressed tar in smaller blocks."""

    name = "zsync-1k"
    how = "as zsync, with `-b 1024`"
    options = ("-z", "-b", "1024")


class Zsync4K(Zsync):
    """zsync of the compressed tar in larger blocks."""

    name = "zsync-4k"
    how = "as zsync, with `-b 4096`"
    options = ("-z", "-b", "4096")


class ZsyncPlain(Zsync):
    """zsync of the bare tar, of which blocks travel uncompressed."""

    name = "zsync-plain"
    how = "as zsync, without `-z`"
    options: ClassVar[tuple[str, ...]] = ()
    suffix = ""


class ZsyncPlain1K(ZsyncPlain):
    """zsync of the bare tar in smaller blocks."""

    name = "zsync-plain-1k"
    how = "as zsync, with `-b 1024` and without `-z`"
    options = ("-b", "1024")


class ZsyncPlain4K(ZsyncPlain):
    """zsync of the bare tar in larger blocks."""

    name = "zsync-plain-4k"
    how = "as zsync, with `-b 4096` and without `-z`"
    options = ("-b", "4096")


class CasyncMiddle(Casync):
    """casync with chunks a quarter of the usual size."""

    name = "casync-16k"
    how = "as casync, with `--chunk-size=16K`"
    crosses_links = False
    options = ("--chunk-size=16K",)


class ZsyncFiles(Tool):
    """zsync file by file, where there was one before, and `curl` for the others.

    In its favour, it asks only for files that changed, as if a list of them had come for nothing, and finds all
    others, empty ones too, right from the start. zsync 0.6.2 asks for the same bytes again without an end when it has
    nothing to begin with and a small file is compressed (openmoji 17.0.0, color/svg/2658.svg).
    """

    name = "zsync-files"
    colour = Zsync.colour
    how = (
        "`zsyncmake -z` for each file, one `zsync` for each file that changed, as if it was known which, and `curl` "
        "for each added one"
    )
    how_to_install = "`curl` for each of those files"
    how_to_check = "as if nothing had to be asked"
    crosses_links = False

    def publish(self) -> Cost:
        """Write the compressed form and the control file of every file that changed."""
        cost = Cost()
        for number, path in enumerate(self._changed().values()):
            content = self.site.web / str(number)  # zsyncmake writes the compressed form beside it
            shutil.copyfile(path, content)
            made = ["zsyncmake", "-z", "-u", f"{number}.gz", "-o", f"{number}.zsync", content.name]
            cost += measure(made, cwd=self.site.web)[0]
            content.unlink()
        return cost

    def clear(self) -> None:
        """Make a tree that lacks what changed."""
        tree = self._empty_device() / "tree"
        shutil.copytree(self.site.new, tree)
        for name in self._changed():
            (tree / name).unlink()

    def reset(self) -> None:
        """Make the new tree with the old content of what changed."""
        self.clear()
        before = list_files(self.site.old)
        for name in self._changed().keys() & before.keys():
            shutil.copyfile(before[name], self.site.device / "tree" / name)

    def update(self) -> Sequence[Sequence[str]]:
        """Make each changed file from its old content, and fetch each added one."""
        before = list_files(self.site.old)
        return [
            self._renew(number, name) if name in before else self._fetch(number, name)
            for number, name in enumerate(self._changed())
        ]

    def install(self) -> Sequence[Sequence[str]]:
        """Fetch each changed file."""
        return [self._fetch(number, name) for number, name in enumerate(self._changed())]

    def _renew(self, number: int, name: str) -> Sequence[str]:
        path = str(self.site.device / "tree" / name)
        return ["zsync", "-q", "-i", path, "-o", path, f"{self.site.url}/{number}.zsync"]

    def _fetch(self, number: int, name: str) -> Sequence[str]:
        path, url = self.site.device / "tree" / name, f"{self.site.url}/{number}.gz"
        return ["sh", "-ec", 'curl -sSf -o "$1.gz" "$2"; gunzip "$1.gz"', "fetch", str(path), url]

    def check(self) -> Sequence[Sequence[str]]:
        """Do nothing."""
        return []

    def verify(self) -> None:
        """Compare the tree, without the old files that zsync keeps beside the new ones."""
        for path in (self.site.device / "tree").rglob("*.zs-old"):
            path.unlink()
        require_same(self.site.new, self.site.device / "tree")

    def _changed(self) -> dict[str, Path]:
        before = list_files(self.site.old)
        return {
            name: path
            for name, path in list_files(self.site.new).items()
            if path.stat().st_size and (name not in before or before[name].read_bytes() != path.read_bytes())
        }


VARIANTS: tuple[type[Tool], ...] = (Zsync1K, Zsync4K, ZsyncPlain, ZsyncPlain1K, ZsyncPlain4K, ZsyncFiles, CasyncMiddle)
