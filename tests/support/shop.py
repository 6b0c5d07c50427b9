"""A publisher's side for tests: a folder, and the repository that it is published into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catsync_core import Publication, Publisher

__all__ = ["Shop"]


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
        return Publisher.open(self.repository).publish(self.folder, catalog)
