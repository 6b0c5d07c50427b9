"""A publisher's side for tests: a folder, and the repository that it is published into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catsync_core import Publication, Publisher

__all__ = ["Shop", "distinct_index"]


@dataclass
class Shop:
    """A folder and its repository."""

    folder: Path
    repository: Path

    def publish(self, catalog: str = "shoes", **files: str | None) -> Publication:
        """Change some files (None removes one) and publish."""
        for name, text in files.items():
            place = self.folder / f"{name}.json"
            if text is None:
                place.unlink()
            else:
                place.write_text(text)
        with distinct_index(self.repository):
            return Publisher.open(self.repository).publish(self.folder, catalog)


@contextmanager
def distinct_index(repository: Path) -> Iterator[None]:
    """Let an index that is replaced be of another second: web servers tell them apart by it, and tests do not wait."""
    index = repository / "index.json"
    old, data = index.stat().st_mtime, index.read_bytes()
    yield
    if index.read_bytes() != data and index.stat().st_mtime < int(old) + 1:
        os.utime(index, (int(old) + 1, int(old) + 1))
