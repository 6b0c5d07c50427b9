"""Which old files are worth comparing with a new one.

Publisher and device ask the same question of the same old version, so both get the same answer: what the publisher
foresees is what the device finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import PurePosixPath

__all__ = ["BasisFinder"]

_MOST = 2
_CONSIDERED = 64


class BasisFinder:
    """Finds likely predecessors by path and name; makes its indexes when a path is not among the old ones.

    Args:
        paths: Of the old files.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = set(paths)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            found[PurePosixPath(path).name].append(path)
        return found

    @cached_property
    def _by_folder(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            pure = PurePosixPath(path)
            found[str(pure.parent), pure.suffix].append(path)
        return found

    def find(self, path: str) -> tuple[str, ...]:
        """Return up to two old paths: the same path, else the same name elsewhere, else similar names beside it."""
        if path in self._paths:
            return (path,)
        pure = PurePosixPath(path)
        same_name = self._by_name.get(pure.name, [])
        if same_name:
            return tuple(same_name[:_MOST])
        beside = self._by_folder.get((str(pure.parent), pure.suffix), [])[:_CONSIDERED]
        similar = [old for old in beside if self._alike(pure.name, PurePosixPath(old).name)]
        similar.sort(key=lambda old: -_shared(path, old))
        return tuple(similar[:_MOST])

    @staticmethod
    def _alike(one: str, other: str) -> bool:
        return 2 * _shared(one, other) >= min(len(PurePosixPath(one).stem), len(PurePosixPath(other).stem))


def _shared(one: str, other: str) -> int:
    """Return how many characters two names begin with in common."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))
