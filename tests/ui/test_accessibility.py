"""Keyboard, screen reader, zoom, contrast: what the design's checklist asks for (attack list no. 86)."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Locator, Page, expect

from catsync_plugins.web.rows import Row, RowJob
from support.browsing import Visit
from support.screen import FakeDevice, Screen
from support.states import STATES, every_row

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def device(device: FakeDevice) -> FakeDevice:
    device.show(*every_row())
    return device


def examine(page: Page) -> None:
    """Let axe look at everything: rows that are out of sight are drawn for it too."""
    page.add_style_tag(content=".row { content-visibility: visible !important } * { animation: none !important }")
    found = Axe().run(page, options=RULES).response["violations"]
    assert found == [], "\n".join(f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1440])
def test_axe_finds_nothing_in_the_list(visit: Visit, width: int, theme: str) -> None:
    page = visit(width=width, color_scheme=theme, bypass_csp=True)
    expect(page.locator(".row")).to_have_count(len(STATES))
    examine(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_dialogs_and_messages(
    device: FakeDevice, screen: Screen, visit: Visit, theme: str
) -> None:
    page = visit(color_scheme=theme, bypass_csp=True)
    row(page, "offline").get_by_role("switch", name="Offline").click()
    examine(page)
    page.keyboard.press("Escape")
    row(page, "untrusted").get_by_role("button", name="Details").click()
    examine(page)
    page.keyboard.press("Escape")
    row(page, "waiting-metered").get_by_role("button", name="Jetzt laden").click()
    examine(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Repository hinzufügen").click()
    examine(page)
    page.keyboard.press("Escape")
    row(page, "update-available").get_by_role("button", name="Weitere Aktionen").click()
    examine(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Vorgänge").click()
    examine(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Nach Updates suchen", exact=True).click()
    expect(page.locator(".toast")).to_be_visible()
    examine(page)


@pytest.mark.parametrize("width", [320, 768, 1440])
@pytest.mark.parametrize("language", ["de-DE", "en-US"])
def test_nothing_is_wider_than_the_screen(visit: Visit, width: int, language: str) -> None:
    page = visit(width=width, language=language)
    expect(page.locator(".row")).to_have_count(len(STATES))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


SPACED = "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }"


@pytest.mark.parametrize("width", [320, 768])
def test_wider_text_fits(visit: Visit, width: int) -> None:
    page = visit(width=width, bypass_csp=True)
    expect(page.locator(".row")).to_have_count(len(STATES))
    page.add_style_tag(content=SPACED)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = """() => [...document.querySelectorAll('.status, .facts, .button')]
               .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
    assert page.evaluate(cut) == []


@pytest.mark.parametrize("width", [320, 1440])
def test_everything_that_can_be_touched_is_large_enough(visit: Visit, width: int) -> None:
    page = visit(width=width)
    expect(page.locator(".row")).to_have_count(len(STATES))
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a, select, input')]
             .map((one) => [one, one.getBoundingClientRect()])
             .filter(([one, box]) => box.width && !one.matches('.skip') && (box.width < 24 || box.height < 24))
             .map(([one]) => one.outerHTML)"""
    )
    assert small == []


def row(page: Page, name: str) -> Locator:
    return page.locator(f'.row[data-id="{STATES[name].row.id}"]')


def focused(page: Page) -> str:
    text: str = page.evaluate("document.activeElement.className || document.activeElement.tagName")
    return text


def test_a_switch_says_what_it_does_before_it_is_pressed(visit: Visit) -> None:
    page = visit()
    online = row(page, "online").get_by_role("switch", name="Arbeitsschutz Offline", exact=True)
    expect(online).to_have_accessible_description("Online Lädt 480\u00a0MB herunter")
    here = row(page, "offline").get_by_role("switch", name="Naturholz Offline", exact=True)
    expect(here).to_have_accessible_description(
        "Offline verfügbar – aktuell Ausschalten löscht die Gerätekopie, 480\u00a0MB"
    )
    idle = row(page, "online").get_by_role("switch", name="Arbeitsschutz Auto-Sync")
    expect(idle).to_be_disabled()
    expect(idle).to_have_accessible_description("Wirkt, sobald der Katalog offline ist")


def test_the_bar_tells_bytes_to_a_screen_reader(visit: Visit) -> None:
    bar = row(visit(), "downloading").get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "39")
    expect(bar).to_have_attribute("aria-valuetext", "212 von 480\u00a0MB")
    expect(bar).to_have_accessible_name("Kinderschuhe Wird heruntergeladen – noch nicht offline verfügbar")


def test_tab_goes_through_the_page_in_its_order(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    device.reset([STATES["update-available"].row])
    screen.feed.look_now()
    page = visit()
    expect(page.locator(".row")).to_have_count(1)
    order = []
    for _ in range(18):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate("(({ id, className, tagName }) => id || className || tagName)(document.activeElement)")
        )
    assert order[:3] == ["skip", "check", "update-all"]
    assert [name for name in order if name.startswith(("chip", "search", "sort"))] == ["chip"] * 4 + ["search", "sort"]
    row_order = order[order.index("c-polster-title") :]
    assert row_order[:7] == [
        "c-polster-title",
        "link news",
        "button primary strong",
        "offline",
        "auto",
        "round info",
        "round menu-opener",
    ]


def test_space_and_enter_toggle_a_switch(device: FakeDevice, visit: Visit) -> None:
    page = visit()
    switch = row(page, "online").get_by_role("switch", name="Offline")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "true")
    auto = row(page, "offline").get_by_role("switch", name="Auto-Sync")
    auto.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => true")
    expect(page.locator("#toasts .bad")).to_have_count(0)
    assert [(command.name, command.catalog) for command in device.commands] == [
        ("offline", "arbeitsschutz"),
        ("auto-sync", "naturholz"),
    ]


def test_the_focus_goes_to_the_status_when_its_button_goes(device: FakeDevice, visit: Visit) -> None:
    catalog = STATES["update-available"].row.id

    def start(command: object) -> None:
        device.change(catalog, label="updating", job=RowJob("update", "fetch", done=0, total=100, running=True))

    device.react = start
    page = visit()
    button = row(page, "update-available").get_by_role("button", name="Aktualisieren")
    button.focus()
    page.keyboard.press("Enter")
    status = row(page, "update-available").locator(".status")
    expect(status).to_be_focused()
    row(page, "update-available").get_by_role("button", name="Anhalten").focus()
    device.change(catalog, label="offline", job=None, installed_version=18, update=None)
    expect(status).to_be_focused()


def test_the_focus_stays_while_its_row_is_redrawn(device: FakeDevice, visit: Visit) -> None:
    page = visit()
    info = row(page, "downloading").get_by_role("button", name="Informationen")
    info.focus()
    for done in range(220, 300, 20):
        device.change(
            "kinderschuhe", job=RowJob("install", "fetch", done=done * 10**6, total=480 * 10**6, running=True)
        )
        expect(row(page, "downloading").locator(".facts")).to_contain_text(f"{done} von 480")
        expect(info).to_be_focused()


def test_the_focus_is_not_lost_when_a_catalog_goes(device: FakeDevice, visit: Visit) -> None:
    page = visit()
    row(page, "gone").get_by_role("button", name="Informationen").focus()
    device.hide(STATES["gone"].row.id)
    expect(row(page, "gone")).to_have_count(0)
    assert focused(page) == "catalogs"


def test_a_dialog_gives_the_focus_back(visit: Visit) -> None:
    page = visit()
    switch = row(page, "offline").get_by_role("switch", name="Offline")
    switch.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Abbrechen")).to_be_focused()
    page.keyboard.press("Escape")
    expect(switch).to_be_focused()
    expect(switch).to_have_attribute("aria-checked", "true")


def test_the_menu_works_by_keyboard(visit: Visit) -> None:
    page = visit()
    opener = row(page, "update-available").get_by_role("button", name="Weitere Aktionen")
    opener.focus()
    page.keyboard.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("link", name="Inhalte ansehen")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Nach Update suchen").last).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "false")


def test_rows_stay_where_they_are(device: FakeDevice, visit: Visit) -> None:
    page = visit()
    expect(page.locator(".row")).to_have_count(len(STATES))
    places = (
        "() => [...document.querySelectorAll('.row')].map((row) => [row.dataset.id, row.getBoundingClientRect().top])"
    )
    before = page.evaluate(places)
    for state in ("online", "offline", "update-available"):
        device.change(STATES[state].row.id, label="waiting", job=RowJob("update", "queued", "queue", position=1))
    expect(page.locator('.row[data-label="waiting"]')).to_have_count(9)
    assert page.evaluate(places) == before


def test_a_filter_keeps_what_changes_under_it(device: FakeDevice, visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Updates 3").click()
    expect(page.locator(".row:visible")).to_have_count(3)
    device.change(STATES["update-available"].row.id, label="offline", installed_version=18)
    expect(row(page, "update-available")).to_have_attribute("data-label", "offline")
    expect(page.locator(".row:visible")).to_have_count(3)
    expect(page.get_by_role("button", name="Updates 2")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Updates 2").click()
    expect(page.locator(".row:visible")).to_have_count(2)


def test_search_finds_titles_and_says_when_there_are_none(visit: Visit) -> None:
    page = visit()
    page.get_by_role("searchbox").fill("möbel")
    expect(page.locator(".row:visible .title")).to_have_text(["Gartenmöbel", "Möbelstoffe"])
    page.get_by_role("searchbox").fill("xyz")
    expect(page.get_by_text("Kein Katalog passt")).to_be_visible()
    page.get_by_role("button", name="Alle anzeigen").click()
    expect(page.locator(".row:visible")).to_have_count(len(STATES))


def test_sorting_by_size(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    device.reset([Row(f"c{n}", f"Catalog {n}", "online", "online", bytes=n * 10) for n in (1, 3, 2)])
    screen.feed.look_now()
    page = visit(language="en-US")
    expect(page.locator(".title")).to_have_text(["Catalog 1", "Catalog 2", "Catalog 3"])
    page.get_by_label("Sort").select_option("size")
    expect(page.locator(".title")).to_have_text(["Catalog 3", "Catalog 2", "Catalog 1"])
    page.reload()
    expect(page.locator(".title")).to_have_text(["Catalog 3", "Catalog 2", "Catalog 1"])


def test_nothing_moves_for_those_who_want_it_still(visit: Visit) -> None:
    page = visit(reduced_motion="reduce")
    expect(row(page, "downloading")).to_be_attached()
    assert page.evaluate("document.getAnimations().length") == 0


def test_forced_colours_show_switches_and_bars(visit: Visit) -> None:
    page = visit(forced_colors="active")
    switch = row(page, "offline").locator(".offline span")
    on, off = (row(page, name).locator(".offline span") for name in ("offline", "online"))
    colour = "(element) => getComputedStyle(element).backgroundColor"
    assert on.evaluate(colour) != off.evaluate(colour)
    assert switch.evaluate("(element) => getComputedStyle(element).borderTopWidth") == "2px"


def test_hostile_names_are_text(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    names = ["<img src=x onerror=alert(1)>", "javascript:alert(1)", "\u202egnp.exe", "{title} {n}", "&lt;b&gt;"]
    device.reset([Row(f"c{n}", name, "online", "online") for n, name in enumerate(names)])
    screen.feed.look_now()
    page = visit()
    expect(page.locator(".row")).to_have_count(len(names))
    assert set(page.locator(".title").all_text_contents()) == set(names)
    assert page.locator(".row img").count() == 0
