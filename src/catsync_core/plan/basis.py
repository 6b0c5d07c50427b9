"""Which old files are worth comparing with a new one.

Publisher and device ask the same question of the same old version, so both get the same answer: what the publisher
foresees is what the device finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from posixpath import splitext

__all__ = ["BasisFinder", "kind_of"]

_MOST = 2
_CONSIDERED = 64


class BasisFinder:
    """Finds likely predecessors by path and name; makes its indexes when a path is not among the old ones.

    Args:
        paths: Of the old files.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = dict.fromkeys(paths)  # mostly sorted as they come, so that sorting them takes no time

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            found[path.rpartition("/")[2]].append(path)
        return found

    @cached_property
    def _by_kind(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            found[kind_of(path)].append(path)
        return found

    def find(self, path: str) -> tuple[str, ...]:
        """Return up to two old paths: the same path, else the same name elsewhere, else similar names beside it."""
        if path in self._paths:
            return (path,)
        folder, slash, name = path.rpartition("/")
        same_name = self._by_name.get(name, [])
        if same_name:
            return tuple(same_name[:_MOST])
        beside = self._by_kind.get(kind_of(path), [])[:_CONSIDERED]
        above = len(folder + slash)
        alike = [(_shared(name, old[above:]), old) for old in beside]
        stem = len(splitext(name)[0])
        similar = [(shared, old) for shared, old in alike if 2 * shared >= min(stem, len(splitext(old[above:])[0]))]
        similar.sort(key=lambda found: -found[0])
        return tuple(old for _, old in similar[:_MOST])


def kind_of(path: str) -> tuple[str, str]:
    """Return the folder and the suffix of a path: files that have both in common resemble each other."""
    folder, _, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return folder, dot + suffix if stem.strip(".") else ""  # as os.path.splitext has it, which takes thrice as long


def _shared(one: str, other: str) -> int:
    """Return how many characters two names begin with in common."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))
