"""Where a device keeps everything: ``CATSYNC_HOME``, else the platform's data folder."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder", "home_folder"]


def home_folder() -> Path:
    """Return the folder for catalogs and state."""
    configured = os.environ.get("CATSYNC_HOME")
    if configured:
        return Path(configured).expanduser().absolute()
    import platformdirs  # noqa: PLC0415  # only where nothing is configured

    return Path(platformdirs.user_data_dir("catsync", appauthor=False))


def cache_folder() -> Path:
    """Return the folder for what may be deleted at any time."""
    return home_folder() / "cache"
