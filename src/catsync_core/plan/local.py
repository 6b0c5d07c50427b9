"""What is here already: whole files by hash, and old files to match blocks against."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from catsync_core.plan.basis import BasisFinder
from catsync_core.plan.model import LocalFile

__all__ = ["Inventory"]


class Inventory:
    """The files on this device that a plan may use.

    Args:
        installed: Of the installed version, each as the manifest says (size and time were compared).
        others: Of other places: damaged files, an older tool's folder, a USB stick. Those with a known hash can be
            copied; all can serve as basis.
    """

    def __init__(self, installed: Iterable[LocalFile] = (), others: Iterable[LocalFile] = ()) -> None:
        self._installed = {file.path: file for file in installed}
        self._others: dict[str, LocalFile] = {}
        for file in others:
            self._others.setdefault(file.path, file)
        self._by_hash: dict[bytes, LocalFile] = {}
        for file in (*self._installed.values(), *self._others.values()):
            if file.sha256:
                self._by_hash.setdefault(file.sha256, file)
        self._in_installed = BasisFinder(self._installed)
        self._in_others = BasisFinder(self._others)

    def find_same(self, path: str, sha256: bytes) -> LocalFile | None:
        """Return a file with this content, the one at the same path before all others."""
        same = self._installed.get(path)
        if same is not None and same.sha256 == sha256:
            return same
        return self._by_hash.get(sha256)

    def without(self, lost: Collection[LocalFile]) -> Inventory:
        """Return what is left when some files turned out not to be what they seemed; they still serve as basis."""
        unsure = [msgspec.structs.replace(file, sha256=b"") for file in lost]
        return Inventory(
            [file for file in self._installed.values() if file not in lost],
            [*(file for file in self._others.values() if file not in lost), *unsure],
        )

    def is_installed(self, file: LocalFile) -> bool:
        """Whether a file belongs to the installed version."""
        return self._installed.get(file.path) is file

    def find_bases(self, path: str) -> tuple[LocalFile, ...]:
        """Return the old files worth matching a new one against, the likeliest first."""
        installed = [self._installed[old] for old in self._in_installed.find(path)]
        others = [self._others[old] for old in self._in_others.find(path)]
        return (*installed, *others)
