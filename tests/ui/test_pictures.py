"""Pictures of every state and of the whole page, for the documentation.

They are made each time, so that what they show can be made; ``CATSYNC_PICTURES=1`` keeps them in ``docs/screen``.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from catsync_core import CatalogInfo, Changes, Client, Label, Mode
from catsync_core.client.changes import FileChange
from support.browsing import ENGLISH, GERMAN, Visit
from support.outlet import Outlet, open_screen
from support.screen import FakeDevice, Screen
from support.states import NOW, STATES, every_row

FOLDER = Path(__file__).parents[2] / "docs" / "screen"
KEEP = os.environ.get("CATSYNC_PICTURES") == "1"
SHOWN = ["online", "downloading", "offline", "update-available", "updating", "waiting-metered", "damaged"]
PAGES = {
    "page-de-light-1440": {"language": GERMAN, "width": 1440, "color_scheme": "light"},
    "page-en-dark-1440": {"language": ENGLISH, "width": 1440, "color_scheme": "dark"},
    "page-de-dark-768": {"language": GERMAN, "width": 768, "color_scheme": "dark"},
    "page-de-light-320": {"language": GERMAN, "width": 320, "color_scheme": "light"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return FOLDER if KEEP else tmp_path


def settle(page: Page) -> None:
    """Let animations end, and draw also what is out of sight."""
    page.add_style_tag(
        content="* { animation: none !important; transition: none !important; caret-color: transparent }"
        " .row { content-visibility: visible !important }"
    )


@pytest.mark.parametrize(("theme", "language"), [("light", GERMAN), ("dark", ENGLISH)])
def test_every_state_has_a_picture(
    device: FakeDevice, screen: Screen, visit: Visit, folder: Path, *, theme: str, language: str
) -> None:
    device.show(*every_row())
    screen.feed.look_now()
    page = visit(width=1200, color_scheme=theme, language=language, bypass_csp=True)
    expect(page.locator(".row")).to_have_count(len(STATES))
    settle(page)
    for name, state in STATES.items():
        row = page.locator(f'.row[data-id="{state.row.id}"]')
        keep(page, folder, f"{name}-{theme}", row.screenshot())


@pytest.mark.parametrize("name", PAGES)
def test_the_page_has_pictures(device: FakeDevice, screen: Screen, visit: Visit, folder: Path, name: str) -> None:
    device.show(*(STATES[state].row for state in SHOWN))
    screen.feed.look_now()
    page = visit(**PAGES[name], bypass_csp=True)
    expect(page.locator(".row")).to_have_count(len(SHOWN))
    settle(page)
    keep(page, folder, name, page.screenshot(full_page=True))


def test_dialogs_have_pictures(device: FakeDevice, screen: Screen, visit: Visit, folder: Path) -> None:
    device.show(*(STATES[state].row for state in SHOWN))
    device.news["polster"] = Changes(
        1,
        "polster",
        "Polster",
        17,
        18,
        NOW - 3600,
        "Neue Stoffe für den Herbst und berichtigte Preise.",
        tuple(FileChange(f"Bilder/Stoff {n}.jpg", 240_000 + n * 31_000) for n in range(1, 5)),
        tuple(FileChange(f"Preise/{name}.csv", 8_000) for name in ("Deutschland", "Österreich", "Schweiz")),
        (FileChange("Bilder/Stoff alt.jpg", 310_000), FileChange("Hinweis.pdf", 52_000)),
    )
    device.infos["naturholz"] = CatalogInfo(
        schema=1,
        catalog="naturholz",
        title="Naturholz",
        repository="https://kataloge.example",
        offered=True,
        mode=Mode.OFFLINE,
        label=Label.OFFLINE,
        installed_version=17,
        head_version=17,
        files=412,
        bytes=480_000_000,
        installed_files=412,
        installed_bytes=480_000_000,
        installed_published=NOW - 86400,
        installed_at=NOW - 72000,
        head_published=NOW - 86400,
        checked_at=NOW - 7200,
        downloaded_at=NOW - 72000,
        downloaded_bytes=12_400_000,
        kept_bytes=0,
        problem="",
        path="/home/catsync/catalogs/naturholz/17",
        next_check=NOW + 30_000,
        agent=True,
        previous_version=16,
        previous_bytes=471_000_000,
    )
    screen.feed.look_now()
    page = visit(width=1200, bypass_csp=True)
    settle(page)

    def show(name: str, row: str, button: str) -> None:
        page.locator(f'.row[data-id="{STATES[row].row.id}"]').get_by_role("button", name=button).click()
        expect(page.locator(":is(dialog, .menu):visible h2, .menu:visible a")).to_be_visible()
        expect(page.locator("dialog [role=status]")).to_have_count(0)
        keep(page, folder, f"dialog-{name}", page.screenshot())
        page.keyboard.press("Escape")

    show("changes", "update-available", "Was ist neu")
    show("menu", "update-available", "Weitere Aktionen")
    show("metered", "waiting-metered", "Jetzt laden")
    show("info", "offline", "Informationen")
    page.locator('.row[data-id="naturholz"]').get_by_role("switch", name="Offline").click()
    keep(page, folder, "dialog-online", page.screenshot())


def test_content_has_pictures(browse: Visit, folder: Path, tmp_path: Path) -> None:
    outlet = Outlet(tmp_path)
    with open_screen(tmp_path / "device", outlet.url) as link:
        with Client(tmp_path / "device") as client:
            client.catalog("shoes").go_offline()
        page = browse(link, width=1200, bypass_csp=True)
        page.get_by_role("link", name="Schuhe 2026").click()
        expect(page.locator(".files li")).to_have_count(4)
        settle(page)
        page.evaluate("document.fonts.ready")
        keep(page, folder, "files", page.screenshot())
        page.get_by_role("link", name="preise.json").click()
        expect(page.locator("dialog pre")).to_contain_text("rot")
        keep(page, folder, "files-preview", page.screenshot())
    outlet.disappear()


def keep(page: Page, folder: Path, name: str, picture: bytes) -> None:
    """Write a picture as WebP, which the browser can make of it."""
    encoded: str = page.evaluate(
        """async (picture) => {
             const blob = await (await fetch(`data:image/png;base64,${picture}`)).blob();
             const image = await createImageBitmap(blob), canvas = document.createElement('canvas');
             [canvas.width, canvas.height] = [image.width, image.height];
             canvas.getContext('2d').drawImage(image, 0, 0);
             return canvas.toDataURL('image/webp', 0.85).split(',')[1];
           }""",
        base64.b64encode(picture).decode(),
    )
    data = base64.b64decode(encoded)
    assert len(data) > 1000
    (folder / f"{name}.webp").write_bytes(data)
    assert (FOLDER / f"{name}.webp").exists(), "CATSYNC_PICTURES=1 makes the documentation's pictures"
