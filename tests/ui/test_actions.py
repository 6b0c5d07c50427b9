"""What the buttons command, and what the page asks and tells on the way."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from catsync_core.errors import AuthorisationError, CatsyncError, LockedError
from catsync_plugins.web.device import Command
from catsync_plugins.web.rows import RowJob
from support.browsing import ENGLISH, Visit
from support.screen import FakeDevice, Screen
from support.states import STATES

LOADING = RowJob("update", "fetch", done=1, total=10, running=True)


def show(device: FakeDevice, screen: Screen, *names: str) -> None:
    device.show(*(STATES[name].row for name in names))
    screen.feed.look_now()


def commands(device: FakeDevice) -> list[tuple[str, str]]:
    return [(command.name, command.catalog) for command in device.commands]


def press(page: Page, button: str, row: str = ".row") -> None:
    page.locator(row).get_by_role("button", name=button).first.click()


def test_update_all_updates_all_and_says_how_much_that_is(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "update-available", "update-failed", "offline", "online")
    page = visit()
    expect(page.locator("#update-all")).to_have_text("Alle aktualisieren (2, 24,8\u00a0MB)")

    def start(command: Command) -> None:
        device.change(command.catalog, label="updating", job=LOADING)

    device.react = start
    page.locator("#update-all").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#update-all")).to_be_hidden()
    expect(page.locator("#check")).to_be_focused()
    assert commands(device) == [("update", "polster"), ("update", "sessel")]


def test_all_jobs_are_paused_and_resumed(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "downloading", "updating", "offline")
    page = visit(language=ENGLISH)

    def obey(command: Command) -> None:
        if command.name == "pause":
            device.change(command.catalog, label="paused", job=RowJob("update", gate="user_pause"))

    device.react = obey
    page.get_by_role("button", name="Pause all").click()
    page.get_by_role("button", name="Resume all").click()
    expect(page.locator('.row[data-label="paused"]')).to_have_count(2)
    assert [name for name, _ in commands(device)][:2] == ["pause", "pause"]


def test_the_activity_lists_what_is_under_way_and_what_has_ended(
    device: FakeDevice, screen: Screen, visit: Visit
) -> None:
    show(device, screen, "downloading", "queued")
    page = visit()
    expect(page.locator("#activity")).to_have_text("Vorgänge (2)")
    device.change("kinderschuhe", label="offline", job=None, installed_version=18, installed_bytes=10)
    expect(page.locator("#activity")).to_have_text("Vorgänge (1)")
    page.locator("#activity").click()
    dialog = page.get_by_role("dialog", name="Vorgänge")
    expect(dialog).to_contain_text("Wartet: Platz 2")
    expect(dialog).to_contain_text("Katalog „Kinderschuhe“ ist offline verfügbar")
    dialog.get_by_role("button", name="Beendete ausblenden").click()
    expect(dialog).not_to_contain_text("Kinderschuhe")


def test_a_download_that_does_not_fit_is_asked_about(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "online", "offline")
    device.tell(free=100_000_000)
    page = visit()
    switch = page.get_by_role("switch", name="Arbeitsschutz Offline")
    switch.click()
    dialog = page.get_by_role("dialog", name="Nicht genug Speicherplatz")
    expect(dialog).to_contain_text("braucht 480\u00a0MB, frei sind 100\u00a0MB")
    expect(dialog).to_contain_text("Naturholz")
    dialog.get_by_role("button", name="Abbrechen").click()
    expect(switch).to_have_attribute("aria-checked", "false")
    assert commands(device) == []
    switch.click()
    with page.expect_response("**/api/command"):
        dialog.get_by_role("button", name="Trotzdem versuchen").click()
    assert commands(device) == [("offline", "arbeitsschutz")]


def test_a_metered_download_begins_with_consent_only(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "waiting-metered")
    page = visit()
    expect(page.locator("#connection")).to_have_text("Getaktete Verbindung")
    press(page, "Jetzt laden")
    dialog = page.get_by_role("dialog", name="„Fahrräder“ jetzt laden?")
    expect(dialog).to_contain_text("480\u00a0MB werden sofort geladen")
    dialog.get_by_role("button", name="Warten auf WLAN").click()
    assert commands(device) == []
    press(page, "Jetzt laden")
    with page.expect_response("**/api/command"):
        dialog.get_by_role("button", name="Jetzt laden").click()
    assert [(command.name, command.consent) for command in device.commands] == [("resume", True)]


def test_distrust_is_explained_and_never_retried(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "untrusted")
    page = visit()
    press(page, "Details")
    dialog = page.get_by_role("dialog", name="Update abgelehnt")
    expect(dialog).to_contain_text("The serial went back")
    expect(dialog.get_by_role("button")).to_have_count(2)
    dialog.get_by_role("button", name="Schließen").last.click()
    assert commands(device) == []


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AuthorisationError("The server said no"), "Polster: Das Backend verweigert den Zugriff"),
        (LockedError("Busy"), "Polster: Ein anderer Vorgang arbeitet gerade an diesem Katalog"),
    ],
)
def test_what_goes_wrong_is_told_and_stays(
    device: FakeDevice, screen: Screen, visit: Visit, error: CatsyncError, text: str
) -> None:
    show(device, screen, "update-available")
    device.error = error
    page = visit()
    press(page, "Aktualisieren")
    toast = page.locator(".toast.bad")
    expect(toast).to_contain_text(text)
    expect(page.locator("#urgent")).to_contain_text(text)
    toast.get_by_role("button", name="Meldung schließen").click()
    expect(toast).to_have_count(0)
    expect(page.locator("h1")).to_be_focused()


def test_a_check_of_just_now_is_not_repeated(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "offline")
    page = visit()
    page.locator("#check").click()
    expect(page.locator(".toast")).to_contain_text("Alles aktuell")
    page.locator("#check").click()
    expect(page.locator(".toast").last).to_contain_text("geprüft gerade eben")
    assert device.checks == [()]


def test_a_removal_that_waits_can_be_taken_back(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    device.show(STATES["removing"].row)
    device.change("tueren", job=RowJob("remove", gate="network"))
    screen.feed.look_now()
    page = visit()
    expect(page.locator(".facts")).to_contain_text("bis dahin bleibt die Kopie nutzbar")
    with page.expect_response("**/api/command"):
        page.get_by_role("switch", name="Türen Offline").click()
    assert commands(device) == [("offline", "tueren")]


def test_a_tab_that_nobody_sees_holds_no_connection(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "offline")
    page = visit()
    expect(page.locator(".row")).to_have_count(1)
    see(page, "hidden")
    while screen.feed._listeners:
        page.wait_for_timeout(10)
    device.change("naturholz", title="Altholz")
    screen.feed.look_now()
    expect(page.locator(".title")).to_have_text("Naturholz")
    expect(page.locator(".banner")).to_be_hidden()
    see(page, "visible")
    expect(page.locator(".title")).to_have_text("Altholz")


def see(page: Page, state: str) -> None:
    page.evaluate(
        """(state) => {
             Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
             document.dispatchEvent(new Event('visibilitychange'));
           }""",
        state,
    )


def test_a_double_click_is_one_command(device: FakeDevice, screen: Screen, visit: Visit) -> None:
    show(device, screen, "update-available")

    def start(command: Command) -> None:
        device.change(command.catalog, label="updating", job=LOADING)

    device.react = start
    page = visit()
    page.locator(".primary").dblclick()
    expect(page.get_by_role("button", name="Anhalten")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)
    assert commands(device) == [("update", "polster")]
