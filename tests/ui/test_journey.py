"""The requirements S1 to S14 of the design, as a person meets them: the real page, engine, repository and network."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Locator, Page, expect

from catsync_core import Client
from support.browsing import ENGLISH, Visit
from support.outlet import Outlet, open_screen, run_screen

NEW = random.Random(11).randbytes(50_000)
METADATA = 1000  # bytes: a patch begins with what it consists of, which is what tells an update's size


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "device"


@pytest.fixture
def link(outlet: Outlet, home: Path) -> Iterator[str]:
    """A device that knows the outlet's repository."""
    with open_screen(home, outlet.url) as link:
        yield link


def row(page: Page, title: str = "Schuhe 2026") -> Locator:
    return page.locator(".row").filter(has=page.get_by_role("link", name=title, exact=True))


def switch(page: Page, title: str = "Schuhe 2026") -> Locator:
    return row(page, title).get_by_role("switch", name=f"{title} Offline", exact=True)


def go_offline(page: Page, title: str = "Schuhe 2026") -> None:
    switch(page, title).click()
    expect(row(page, title)).to_have_attribute("data-label", "offline")


def stored(home: Path) -> list[str]:
    return sorted(path.parent.name for path in (home / "catalogs").glob("*/current*"))


def path_of(home: Path, catalog: str = "shoes") -> Path:
    with Client(home) as client:
        return client.catalog(catalog).path()


def test_s1_s2_all_catalogs_are_listed_and_online(browse: Visit, link: str, outlet: Outlet, home: Path) -> None:
    page = browse(link)
    expect(page.locator(".title")).to_have_text(["Hüte", "Schuhe 2026"])
    expect(page.locator(".status")).to_have_text(["Online", "Online"])
    expect(switch(page)).to_have_attribute("aria-checked", "false")
    expect(page.locator("#connection")).to_have_text("Verbunden")
    assert outlet.content_bytes() == 0
    assert "token" not in page.url


def test_s3_s4_s5_s7_the_download_is_shown_survives_a_reload_and_ends(
    browse: Visit, link: str, outlet: Outlet, home: Path
) -> None:
    outlet.hold()
    page = browse(link)
    switch(page).click()
    expect(switch(page)).to_have_attribute("aria-checked", "true")
    expect(row(page).locator(".status")).to_have_text("Wird heruntergeladen – noch nicht offline verfügbar")
    bar = row(page).get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuetext", "0,5 von 3,0\u00a0MB")
    before = int(bar.get_attribute("aria-valuenow") or 0)
    assert 0 < before < 50
    page.reload()
    expect(bar).to_have_attribute("aria-valuetext", "0,5 von 3,0\u00a0MB")
    assert int(bar.get_attribute("aria-valuenow") or 0) == before
    outlet.release()
    expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")
    expect(bar).to_have_count(0)
    assert "Stand" in row(page).locator(".facts").inner_text()
    expect(page.locator("#polite")).to_contain_text("Katalog „Schuhe 2026“ ist offline verfügbar")
    assert (path_of(home) / "film.bin").read_bytes() == outlet.film


def test_s4_the_download_goes_on_after_the_program_was_killed(browse: Visit, outlet: Outlet, home: Path) -> None:
    outlet.hold()
    with run_screen(home, outlet.url) as link:
        page = browse(link)
        switch(page).click()
        expect(row(page).get_by_role("progressbar")).to_have_attribute("aria-valuetext", "0,5 von 3,0\u00a0MB")
        port = int(page.url.split(":")[2].partition("/")[0])
    expect(page.locator(".banner")).to_be_visible()
    outlet.release()
    outlet.forget()
    with run_screen(home, port=port):
        expect(page.locator(".banner")).to_be_hidden()
        expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")
        assert outlet.content_bytes() < 3_400_000, "the part that was held, and the rest: what had arrived was kept"


def test_s6_content_is_read_without_a_connection(browse: Visit, link: str, outlet: Outlet) -> None:
    page = browse(link)
    go_offline(page)
    outlet.disappear()
    row(page).get_by_role("link", name="Schuhe 2026").click()
    expect(page.get_by_text("Version 2 · vom Gerät")).to_be_visible()
    expect(page.locator("#files h1")).to_be_focused()
    page.get_by_role("link", name="Bilder").click()
    image = page.locator(".thumb img")
    expect(image).to_have_js_property("complete", value=True)
    expect(image).to_have_js_property("naturalWidth", 96)
    page.get_by_role("link", name="rot.png").click()
    expect(page.locator("dialog img")).to_have_js_property("naturalWidth", 96)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="rot.png")).to_be_focused()
    page.get_by_role("link", name="Alle Kataloge").click()
    expect(row(page).get_by_role("link", name="Schuhe 2026")).to_be_focused()
    outlet.appear()


def test_s2_online_content_is_read_from_the_backend_and_cannot_act(browse: Visit, link: str) -> None:
    page = browse(link)
    row(page, "Hüte").get_by_role("link", name="Hüte").click()
    expect(page.get_by_text("Version 1 · aus dem Backend")).to_be_visible()
    page.get_by_role("link", name="preise.json").click()
    expect(page.locator("dialog pre")).to_have_text('{"rot": 10}')
    page.keyboard.press("Escape")
    page.get_by_role("link", name="seite.html").click()
    expect(page.frame_locator("dialog iframe").get_by_role("heading", name="Willkommen")).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert page.frames[1].url.split("/")[2] != page.url.split("/")[2], "content comes from another origin"


def test_s9_s10_s11_an_update_is_announced_and_fetched_when_the_user_says_so(
    browse: Visit, link: str, outlet: Outlet, home: Path
) -> None:
    page = browse(link)
    go_offline(page)
    outlet.publish(note="Neue Preise", new=NEW)
    outlet.forget()
    page.get_by_role("button", name="Nach Updates suchen").click()
    expect(page.locator(".toast")).to_contain_text("1 Update gefunden")
    expect(row(page).locator(".status")).to_have_text("Update verfügbar")
    expect(row(page).locator(".facts")).to_contain_text("0 geändert, 1 neu, 0 entfernt")
    assert outlet.content_bytes() < METADATA, "S9: finding an update transfers metadata only"
    assert not (path_of(home) / "new.bin").exists()
    expect(page.locator("#update-all")).to_contain_text("Alle aktualisieren (1, ")
    row(page).get_by_role("button", name="Was ist neu").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".note")).to_have_text("Neue Preise")
    expect(dialog).to_contain_text("1 neue Datei")
    expect(dialog).to_contain_text("new.bin")
    assert outlet.content_bytes() < METADATA
    dialog.get_by_role("button", name="Aktualisieren").click()
    expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")
    expect(page.locator(".toast").last).to_contain_text("Schuhe 2026“ ist aktuell: ")
    expect(page.locator(".toast").last).to_contain_text("von 3,1\u00a0MB geladen")
    assert len(NEW) < outlet.content_bytes() < 2 * len(NEW), "S11: only what changed"
    assert (path_of(home) / "new.bin").read_bytes() == NEW


def test_an_update_can_be_skipped_and_taken_back(browse: Visit, link: str, outlet: Outlet, home: Path) -> None:
    page = browse(link, language=ENGLISH)
    go_offline(page)
    outlet.publish(new=b"x")
    page.get_by_role("button", name="Check for updates").click()
    menu = row(page).get_by_role("button", name="More actions")
    expect(row(page)).to_have_attribute("data-label", "update_available")
    menu.click()
    page.get_by_role("button", name="Skip this version").click()
    expect(row(page).locator(".facts")).to_contain_text("version 3 skipped")
    outlet.publish(new=b"y")
    page.reload()
    page.get_by_role("button", name="Check for updates").click()
    row(page).get_by_role("button", name="Update", exact=True).click()
    expect(row(page)).to_have_attribute("data-label", "offline")
    menu.click()
    page.get_by_role("button", name="Previous version").click()
    page.get_by_role("button", name="Go back").click()
    expect(row(page)).to_have_attribute("data-label", "update_available")
    assert not (path_of(home) / "new.bin").exists()


def test_s12_pulling_looks_for_updates(browse: Visit, link: str, outlet: Outlet) -> None:
    page = browse(link, width=390, has_touch=True, is_mobile=True)
    go_offline(page, "Hüte")
    outlet.publish("hats", new=b"x")
    pull(page, 200)
    expect(page.locator(".toast")).to_contain_text("1 Update gefunden")
    expect(row(page, "Hüte").get_by_role("button", name="Aktualisieren")).to_be_visible()


def test_s12_pulling_a_little_does_nothing(browse: Visit, link: str, outlet: Outlet) -> None:
    page = browse(link, width=390, has_touch=True, is_mobile=True)
    expect(row(page)).to_be_visible()
    outlet.forget()
    pull(page, 50)
    pull(page, -200)
    row(page).get_by_role("button", name="Informationen").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert outlet.served == []


def pull(page: Page, distance: int) -> None:
    """Put a finger on the page, draw it down and lift it."""
    session = page.context.new_cdp_session(page)
    start = 300
    for kind, y in [
        ("touchStart", start),
        *(("touchMove", start + distance * step // 10) for step in range(1, 11)),
        ("touchEnd", None),
    ]:
        points = [] if y is None else [{"x": 195, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_s12_without_a_connection_there_is_a_message_and_no_change(browse: Visit, link: str, outlet: Outlet) -> None:
    page = browse(link)
    go_offline(page)
    outlet.disappear()
    page.get_by_role("button", name="Nach Updates suchen").click()
    expect(page.locator(".toast")).to_contain_text("Keine Verbindung – nichts wurde verändert")
    expect(page.locator(".toast.bad")).to_have_count(0)
    expect(page.locator("#connection")).to_have_text("Keine Verbindung – gespeicherte Kataloge sind weiter nutzbar")
    expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")
    expect(row(page, "Hüte").locator(".status")).to_have_text("Online – keine Verbindung")
    outlet.appear()


def test_s13_the_info_panel_says_what_is_known(browse: Visit, link: str, home: Path) -> None:
    page = browse(link)
    go_offline(page)
    row(page).get_by_role("button", name="Informationen").click()
    fact = {
        name: page.locator(f'[data-fact="{name}"] dd') for name in ("state", "version", "path", "id", "size", "next")
    }
    expect(fact["state"]).to_have_text("Offline verfügbar – aktuell")
    expect(fact["version"]).to_contain_text("2, veröffentlicht ")
    expect(fact["path"]).to_have_text(str(path_of(home)))
    expect(fact["id"]).to_have_text("shoes")
    expect(fact["size"]).to_have_text("3,0\u00a0MB, 4 Dateien")
    expect(page.locator('[data-fact="downloaded"] dd')).to_contain_text("geladen")
    expect(page.locator('[data-fact="checked"] dd')).to_contain_text("gerade eben")
    expect(page.locator('[data-fact="problem"] dd')).to_have_text("Keine")
    page.keyboard.press("Escape")
    expect(row(page).get_by_role("button", name="Informationen")).to_be_focused()


def test_s8_auto_sync_can_be_switched_and_is_remembered(browse: Visit, link: str, home: Path) -> None:
    page = browse(link)
    auto = row(page).get_by_role("switch", name="Schuhe 2026 Auto-Sync")
    expect(auto).to_be_disabled()
    go_offline(page)
    expect(auto).to_have_attribute("aria-checked", "true")
    auto.click()
    expect(auto).to_have_attribute("aria-checked", "false")
    page.reload()
    expect(auto).to_have_attribute("aria-checked", "false")
    with Client(home) as client:
        assert client.catalog("shoes").info().auto_sync is False
    row(page).get_by_role("button", name="Informationen").click()
    expect(page.locator('[data-fact="next"] dd')).to_have_text("Keine: Auto-Sync ist aus")


def test_s14_back_to_online_is_asked_and_deletes_the_copy(browse: Visit, link: str, home: Path) -> None:
    page = browse(link)
    go_offline(page)
    folder = path_of(home)
    switch(page).click()
    dialog = page.get_by_role("dialog", name="„Schuhe 2026“ wieder online?")
    expect(dialog).to_contain_text("3,0\u00a0MB gespeicherte Inhalte werden von diesem Gerät gelöscht.")
    dialog.get_by_role("button", name="Abbrechen").click()
    expect(switch(page)).to_have_attribute("aria-checked", "true")
    assert folder.exists()
    switch(page).click()
    dialog.get_by_role("button", name="Gerätekopie löschen").click()
    expect(row(page).locator(".status")).to_have_text("Online")
    expect(switch(page)).to_have_attribute("aria-checked", "false")
    expect(page.locator("#polite")).to_contain_text("„Schuhe 2026“ ist wieder online")
    assert not folder.exists()


def test_s14_without_a_connection_it_asks_more_strongly(browse: Visit, link: str, outlet: Outlet, home: Path) -> None:
    page = browse(link)
    go_offline(page)
    folder = path_of(home)
    outlet.disappear()
    page.get_by_role("button", name="Nach Updates suchen").click()
    expect(page.locator("#connection")).to_have_attribute("data-state", "no")
    switch(page).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".warning")).to_contain_text("zurzeit nicht erreichbar")
    dialog.get_by_role("button", name="Trotzdem löschen").click()
    expect(row(page).locator(".status")).to_have_text("Online – keine Verbindung")
    assert not folder.exists()
    outlet.appear()


def test_a_download_is_paused_and_goes_on(browse: Visit, link: str, outlet: Outlet) -> None:
    outlet.hold()
    page = browse(link)
    switch(page).click()
    row(page).get_by_role("button", name="Anhalten").click()
    expect(row(page).locator(".status")).to_have_text("Angehalten")
    expect(row(page).locator(".status")).to_be_focused()
    expect(row(page).locator(".facts")).to_contain_text("0,5 von 3,0\u00a0MB geladen")
    page.reload()
    expect(row(page).locator(".status")).to_have_text("Angehalten")
    outlet.release()
    row(page).get_by_role("button", name="Fortsetzen").click()
    expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")


def test_switching_back_during_the_download_ends_it(browse: Visit, link: str, outlet: Outlet) -> None:
    outlet.hold()
    page = browse(link)
    switch(page).click()
    expect(row(page)).to_have_attribute("data-label", "downloading")
    switch(page).click()
    expect(row(page).locator(".status")).to_have_text("Online")
    outlet.release()
    expect(row(page).get_by_role("progressbar")).to_have_count(0)


def test_a_download_waits_for_the_network_and_goes_on(browse: Visit, link: str, outlet: Outlet) -> None:
    outlet.hold()
    page = browse(link)
    switch(page).click()
    expect(row(page).get_by_role("progressbar")).to_have_attribute("aria-valuetext", "0,5 von 3,0\u00a0MB")
    outlet.disappear()
    expect(row(page).locator(".status")).to_have_text("Wartet auf Verbindung")
    outlet.appear()
    row(page).get_by_role("button", name="Erneut versuchen").click()
    expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")


def test_a_policy_is_asked_and_the_user_overrides_it(browse: Visit, outlet: Outlet, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("[policies.network]\nmetered_now = true\n")
    with open_screen(home, outlet.url) as link:
        page = browse(link)
        switch(page).click()
        expect(row(page).locator(".status")).to_have_text("Wartet auf WLAN")
        assert outlet.content_bytes() < METADATA
        row(page).get_by_role("button", name="Jetzt laden").click()
        page.get_by_role("dialog").get_by_role("button", name="Jetzt laden").click()
        expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")


def test_axe_finds_nothing_in_the_content_and_the_info(browse: Visit, link: str) -> None:
    page = browse(link, bypass_csp=True)
    go_offline(page)
    row(page).get_by_role("button", name="Informationen").click()
    expect(page.locator(".info-list")).to_be_visible()
    examine(page)
    page.keyboard.press("Escape")
    row(page).get_by_role("link", name="Schuhe 2026").click()
    page.get_by_role("link", name="Bilder").click()
    expect(page.locator(".files li")).to_have_count(1)
    examine(page)
    page.get_by_role("link", name="rot.png").click()
    examine(page)


def examine(page: Page) -> None:
    page.add_style_tag(content="* { animation: none !important }")
    found = Axe().run(page).response["violations"]
    assert found == [], "\n".join(f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found)


def test_damage_is_found_and_repaired(browse: Visit, link: str, home: Path) -> None:
    page = browse(link)
    go_offline(page)
    film = path_of(home) / "film.bin"
    film.chmod(0o644)
    film.write_bytes(b"\0" * 3_000_000)
    row(page).get_by_role("button", name="Weitere Aktionen").click()
    page.get_by_role("button", name="Daten überprüfen").click()
    expect(row(page).locator(".status")).to_have_text("Daten beschädigt – 1 Datei")
    expect(page.locator("#urgent")).to_contain_text("Daten beschädigt")
    row(page).get_by_role("button", name="Reparieren").click()
    expect(row(page).locator(".status")).to_have_text("Offline verfügbar – aktuell")


def test_85_two_tabs_and_another_program_see_one_state(browse: Visit, link: str, home: Path) -> None:
    page = browse(link)
    expect(row(page)).to_be_visible()
    other = page.context.new_page()
    other.goto(page.url)
    go_offline(page)
    expect(row(other).locator(".status")).to_have_text("Offline verfügbar – aktuell")
    with Client(home) as client:
        client.catalog("hats").go_offline()
        expect(row(page, "Hüte").locator(".status")).to_have_text("Offline verfügbar – aktuell")
        client.catalog("hats").set_auto_sync(on=False)
    for tab in (page, other):
        expect(row(tab, "Hüte").get_by_role("switch", name="Auto-Sync")).to_have_attribute("aria-checked", "false")


def test_85_a_stale_page_is_refreshed_and_commands_nothing(browse: Visit, link: str, outlet: Outlet) -> None:
    page = browse(link)
    expect(row(page)).to_be_visible()
    outlet.forget()
    page.route("**/api/command", lambda route: route.continue_(post_data=make_stale(route.request.post_data or "")))
    switch(page).click()
    expect(page.locator(".toast")).to_contain_text("hat sich inzwischen geändert")
    expect(switch(page)).to_have_attribute("aria-checked", "false")
    assert outlet.content_bytes() == 0


def make_stale(command: str) -> str:
    return command.replace('"revision":', '"revision":9999')


def test_85_the_page_comes_back_after_the_server_was_away(browse: Visit, outlet: Outlet, home: Path) -> None:
    with open_screen(home, outlet.url) as link:
        page = browse(link)
        expect(row(page)).to_be_visible()
        port = int(page.url.split(":")[2].partition("/")[0])
    expect(page.locator(".banner")).to_contain_text("Die Verbindung zu catsync ist unterbrochen")
    with Client(home) as client:
        client.catalog("hats").go_offline()
    with open_screen(home, port=port):
        expect(page.locator(".banner")).to_be_hidden()
        expect(row(page, "Hüte").locator(".status")).to_have_text("Offline verfügbar – aktuell")


def test_81_without_a_link_the_page_says_how_to_get_one(browse: Visit, link: str) -> None:
    page = browse(link.partition("#")[0])
    expect(page.get_by_role("heading", name="Diese Seite braucht einen neuen Link")).to_be_focused()
    expect(page.get_by_text("catsync ui", exact=True)).to_be_visible()


def test_a_new_device_adds_a_repository_in_the_page(browse: Visit, outlet: Outlet, home: Path) -> None:
    with open_screen(home) as link:
        page = browse(link)
        expect(page.get_by_role("heading", name="Noch keine Kataloge")).to_be_visible()
        page.locator("#nothing").get_by_role("button", name="Repository hinzufügen").click()
        page.get_by_label("Adresse oder Ordner").fill(f"{outlet.url}/nothing")
        page.keyboard.press("Enter")
        expect(page.locator("#repository-error")).not_to_be_empty()
        page.get_by_label("Adresse oder Ordner").fill(outlet.url)
        page.get_by_role("button", name="Hinzufügen", exact=True).click()
        expect(page.locator(".title")).to_have_text(["Hüte", "Schuhe 2026"])


def test_language_and_theme_are_remembered(browse: Visit, link: str) -> None:
    page = browse(link, language=ENGLISH, color_scheme="light")
    expect(row(page).locator(".status")).to_have_text("Online")
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("button", name="Nach Updates suchen")).to_be_visible()
    page.get_by_label("Darstellung").select_option("dark")
    page.reload()
    expect(page.get_by_role("button", name="Nach Updates suchen")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 24)"
