"""zsync, which knows files and no trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bench._measure import measure, run
from bench._tools import Tool
from bench._trees import pack_tar, require_same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench._measure import Cost

__all__ = ["Zsync"]


class Zsync(Tool):
    """zsync of one tar per version, compressed so that blocks of it can be fetched."""

    name = "zsync"
    colour = "#d08c3a"
    how = (
        "one tar per version, `zsyncmake -z` at the default block size, and `zsync -i` with the old tar; packing and "
        "unpacking the tar is not counted, in zsync's favour. These settings transfer the fewest bytes in sum over "
        "the six catalogs: 12.96 MB, against 13.24 with blocks of 1 KiB, 13.57 with 4 KiB, 37.1 to 42.4 without `-z`, "
        "and 27.1 file by file (`make bench-variants`)"
    )
    how_to_install = "`zsync` without `-i`; it fetches the whole compressed tar"
    how_to_check = (
        "zsync has no check. An update with `-k` asks for the control file only if it is newer; it is not, and zsync "
        "goes on with the one it kept and reads the whole tar, to find that nothing is missing"
    )
    options: ClassVar[tuple[str, ...]] = ("-z",)
    suffix: ClassVar[str] = ".gz"

    def publish(self) -> Cost:
        """Write the new version's tar and its control file."""
        web = self.site.web
        pack_tar(self.site.new, web / "new.tar")
        made = ["zsyncmake", *self.options, "-u", f"new.tar{self.suffix}", "-o", "new.zsync", "new.tar"]
        cost, _ = measure(made, cwd=web)
        return cost

    def clear(self) -> None:
        """Make the device's folder."""
        self._empty_device()

    def reset(self) -> None:
        """Write the old version's tar."""
        pack_tar(self.site.old, self._empty_device() / "old.tar")

    def update(self) -> Sequence[Sequence[str]]:
        """Make the new tar from the old one."""
        return [self._fetch("-i", str(self.site.device / "old.tar"))]

    def install(self) -> Sequence[Sequence[str]]:
        """Make the new tar from nothing."""
        return [self._fetch()]

    def check(self) -> Sequence[Sequence[str]]:
        """Make the new tar from itself."""
        return [self._fetch("-i", str(self.site.device / "new.tar"))]

    def _fetch(self, *basis: str) -> Sequence[str]:
        kept, tar = self.site.device / "new.zsync", self.site.device / "new.tar"
        return ["zsync", "-q", "-k", str(kept), *basis, "-o", str(tar), f"{self.site.url}/new.zsync"]

    def verify(self) -> None:
        """Unpack the tar and compare."""
        tree = self.site.device / "tree"
        tree.mkdir()
        run(["tar", "-C", str(tree), "-xf", str(self.site.device / "new.tar")])
        require_same(self.site.new, tree)
