"""The real page in Debian's Chromium: with a device that shows what a test wants, or with the real engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from catsync_plugins.web.rows import DeviceLine
from support.browsing import GERMAN, Visit
from support.outlet import Outlet
from support.screen import FakeDevice, Screen, serve_screen
from support.states import NOW

LINE = DeviceLine("0.1.0", 1, used=2_100_000_000, free=14_000_000_000, checked_at=NOW - 300, next_check_at=NOW + 30_000)


expect.set_options(timeout=60_000)  # it ends as soon as what is expected is there


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "These tests need Chromium; as root, `sh tools/install-chromium` installs it"
    # A root user, as in containers, cannot have the sandbox; for what the tests show it makes no difference.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice((), LINE)


@pytest.fixture
def screen(device: FakeDevice) -> Iterator[Screen]:
    with serve_screen(device) as screen:
        yield screen


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    """A repository with catalogs, and the network to it."""
    outlet = Outlet(tmp_path)
    yield outlet
    outlet.disappear()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Visit]:
    """Opens an address as a person would: in a browser of its own, with its language, size and theme."""
    contexts = []
    problems: list[str] = []

    def browse(address: str, *, language: str = GERMAN, width: int = 1440, **settings: Any) -> Page:  # noqa: ANN401 - Playwright's
        settings = {"viewport": {"width": width, "height": 900}, "timezone_id": "Europe/Berlin", **settings}
        context = chromium.new_context(locale=language, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if "policy" in message.text.lower() else None)
        page.goto(address)
        return page

    yield browse
    for context in contexts:
        context.close()
    assert problems == [], "The page failed, or broke its own security policy"


@pytest.fixture
def visit(browse: Visit, screen: Screen) -> Visit:
    """Opens the screen whose device is a test's own, at the moment for which its rows are made."""

    def visit(**settings: Any) -> Page:  # noqa: ANN401 - as above
        page = browse("about:blank", **settings)
        page.clock.set_fixed_time(NOW)
        page.goto(f"{screen.origin}/#token={screen.token()}")
        page.wait_for_selector("#connection[data-state]")
        return page

    return visit
