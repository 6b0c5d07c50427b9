"""catsync: keep product catalogs ready on the devices of people who present them."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
