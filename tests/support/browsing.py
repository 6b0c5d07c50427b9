"""How tests open pages."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

__all__ = ["ENGLISH", "GERMAN", "Visit"]

GERMAN, ENGLISH = "de-DE", "en-US"
Visit = Callable[..., Page]
"""Opens a page; settings are those of a browser's context, and ``language`` and ``width``."""
