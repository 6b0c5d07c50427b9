"""Every state of a row: its words, its button, its bar, its switch, and what a screen reader hears of it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.browsing import Visit
from support.screen import FakeDevice, Screen
from support.states import STATES, State, every_row

LANGUAGES = {"de": "de-DE", "en": "en-US"}


@pytest.fixture
def device(device: FakeDevice) -> FakeDevice:
    device.show(*every_row())
    return device


def read_rows(page: Page) -> dict[str, dict[str, Any]]:
    expect(page.locator(".row")).to_have_count(len(STATES))
    rows: dict[str, dict[str, Any]] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.row')].map((row) => {
             const find = (selector) => row.querySelector(selector);
             const button = find('.primary'), bar = find('.bar');
             return [row.dataset.id, {
               words: [find('.status').textContent, find('.facts').textContent.replaceAll('\\u00a0', ' ')],
               button: button.hidden ? null : button.dataset.act,
               bar: bar.hidden ? null : Number(bar.getAttribute('aria-valuenow')),
               role: bar.getAttribute('role'),
               switch: find('.offline').getAttribute('aria-checked') === 'true',
               buttons: [...row.querySelectorAll('.button')].filter((one) => !one.hidden).length,
             }];
           }))"""
    )
    return rows


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_says_what_it_should(visit: Visit, language: str) -> None:
    rows = read_rows(visit(language=LANGUAGES[language]))
    for name, state in STATES.items():
        row = rows[state.row.id]
        assert tuple(row["words"]) == (state.german if language == "de" else state.english), name
        assert (row["button"], row["bar"], row["switch"]) == (state.button, state.bar, state.switch), name
        assert row["buttons"] == (state.button is not None), name
        assert row["role"] == (None if state.bar is None else "progressbar"), f"{name}: a bar only while there is a job"


@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state.announced])
def test_what_must_be_heard_is_announced(device: FakeDevice, screen: Screen, visit: Visit, name: str) -> None:
    state: State = STATES[name]
    before = STATES["removing" if name == "offline" else "updating" if name == "expired" else "online"].row
    start: dict[str, Any] = {"label": before.label, "job": None, "installed_version": None}
    if name not in {"offline", "downloading"}:
        start["installed_version"] = state.row.installed_version
    device.change(state.row.id, **start)
    page = visit()
    expect(page.locator(f'.row[data-id="{state.row.id}"][data-label="{before.label}"]')).to_be_attached()
    device.show(state.row)
    region = page.locator("#urgent" if state.announced == "urgent" else "#polite")
    expect(region).to_contain_text(state.row.title)
    other = page.locator("#polite" if state.announced == "urgent" else "#urgent")
    assert state.row.title not in (other.text_content() or "")


@pytest.mark.parametrize("had", [None, 16])
def test_a_new_version_is_announced_though_it_was_there_before_its_job_was_over(
    device: FakeDevice, screen: Screen, visit: Visit, had: int | None
) -> None:
    state = STATES["offline"]
    committing = {"label": "committing", "job": STATES["committing"].row.job}
    device.change(state.row.id, installed_version=had, downloaded_bytes=0, **committing)
    page = visit(language=LANGUAGES["en"])
    row = page.locator(f'.row[data-id="{state.row.id}"]')
    expect(row).to_have_attribute("data-label", "committing")
    device.change(state.row.id, installed_version=17, **committing)
    device.tell(version="0.9.9")
    expect(page.locator("#version")).to_contain_text("0.9.9")  # so the page knows the row too
    assert page.locator("#polite").text_content() == "", "the job is not over yet"
    device.show(state.row)
    said = "is available offline" if had is None else "is up to date: 480 MB of 480 MB downloaded"
    expect(page.locator("#polite p")).to_have_count(1)
    expect(page.locator("#polite")).to_contain_text(said)


def test_nothing_is_announced_when_the_page_opens(visit: Visit) -> None:
    page = visit()
    expect(page.locator(".row")).to_have_count(len(STATES))
    assert page.locator("#polite").text_content() == ""
    assert page.locator("#urgent").text_content() == ""
