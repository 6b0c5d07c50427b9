"""S1 to S14 in one visit, as a person goes through them: in each language, on each size of screen, light and dark.

What is particular to one requirement stands in ``test_journey.py``. Here the texts come from the page's own catalog of
texts, so what is found is what the page means to say, wherever it is looked at.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Locator, Page, expect

from catsync_core import Client
from support.browsing import ENGLISH, GERMAN, Visit
from support.outlet import Outlet, open_screen

SHOES = "Schuhe 2026"
METADATA = 1000  # bytes: a patch begins with what it consists of, which is what tells an update's size


class Walk:
    """A person on the page, who reads one language."""

    def __init__(self, page: Page, language: str) -> None:
        self.page = page
        text = resources.files("catsync_plugins.web").joinpath("static", f"{language[:2]}.json").read_text("utf-8")
        self._texts = json.loads(text)
        self.row = page.locator(".row").filter(has=page.get_by_role("link", name=SHOES, exact=True))
        self.dialog = page.get_by_role("dialog")

    def text(self, key: str, **values: str) -> str:
        found: str = self._texts[key]
        return found.format(**values) if values else found

    def switch(self, key: str) -> Locator:
        return self.row.get_by_role("switch", name=f"{SHOES} {self.text(key)}", exact=True)

    def press(self, key: str, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=self.text(key), exact=True).click()

    def see(self, label: str) -> None:
        expect(self.row).to_have_attribute("data-label", label)
        expect(self.row.locator(".status")).to_contain_text(self.text(f"status.{label}"))


@pytest.mark.parametrize(
    ("language", "settings"),
    [
        pytest.param(language, {"width": width, "color_scheme": theme}, id=f"{language}-{width}-{theme}")
        for language in (GERMAN, ENGLISH)
        for width in (320, 768, 1440)
        for theme in ("light", "dark")
    ],
)
def test_all_that_was_asked_for(
    browse: Visit, outlet: Outlet, tmp_path: Path, language: str, settings: dict[str, Any]
) -> None:
    home = tmp_path / "device"
    with open_screen(home, outlet.url) as link, Client(home) as client:
        page = browse(link, language=language, **settings)
        walk = Walk(page, language)
        expect(page.locator(".title")).to_have_text(["Hüte", SHOES])  # S1
        walk.see("online")  # S2
        assert outlet.content_bytes() == 0
        _take_offline(walk, outlet)
        _update(walk, outlet, client)
        _lose_the_connection(walk, outlet)
        folder = _look_at_the_info(walk)
        assert (folder / "new.bin").exists()
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= settings["width"]
        _go_back_online(walk)
        assert not folder.exists()


def _take_offline(walk: Walk, outlet: Outlet) -> None:
    bar = walk.row.get_by_role("progressbar")
    outlet.hold()
    walk.switch("offline").click()  # S3
    walk.see("downloading")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
    before = int(bar.get_attribute("aria-valuenow") or 0)
    walk.page.reload()  # S4
    expect(bar).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
    assert int(bar.get_attribute("aria-valuenow") or 0) >= before
    outlet.release()
    walk.see("offline")  # S5
    expect(bar).to_have_count(0)
    expect(walk.row.locator(".facts")).to_contain_text(walk.text("detail.as-of", day="").strip())  # S7
    expect(walk.switch("auto")).to_have_attribute("aria-checked", "true")  # S8


def _update(walk: Walk, outlet: Outlet, client: Client) -> None:
    before = client.catalog("shoes").info().installed_version
    outlet.publish(new=b"new" * 20_000)
    outlet.forget()
    walk.press("check")  # S9
    walk.see("update_available")
    assert outlet.content_bytes() < METADATA
    assert client.catalog("shoes").info().installed_version == before
    walk.press("do.update", walk.row)  # S10
    walk.see("offline")
    assert client.catalog("shoes").info().installed_version != before
    assert outlet.content_bytes() < 100_000  # S11


def _lose_the_connection(walk: Walk, outlet: Outlet) -> None:
    outlet.disappear()
    walk.press("check")  # S12
    expect(walk.page.locator("#connection")).to_have_text(walk.text("connection.no"))
    walk.see("offline")
    walk.row.get_by_role("link", name=SHOES).click()  # S6
    expect(walk.page.get_by_role("link", name="film.bin")).to_be_visible()
    walk.page.go_back()
    outlet.appear()
    walk.press("check")
    expect(walk.page.locator("#connection")).to_have_text(walk.text("connection.yes"))


def _look_at_the_info(walk: Walk) -> Path:
    walk.row.get_by_role("button", name=walk.text("info", title=SHOES)).click()  # S13
    expect(walk.page.locator('[data-fact="state"] dd')).to_contain_text(walk.text("status.offline"))
    folder = Path(walk.page.locator('[data-fact="path"] dd').inner_text())
    walk.page.keyboard.press("Escape")
    return folder


def _go_back_online(walk: Walk) -> None:
    walk.switch("offline").click()  # S14
    expect(walk.dialog).to_contain_text(walk.text("online.title", title=SHOES))
    walk.press("online.delete", walk.dialog)
    walk.see("online")
