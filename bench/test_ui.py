"""The sync screen in Debian's Chromium: how soon 500 catalogs show, how calm 60 events a second are, its weight.

Measured by the browser itself: paint and resource timings, and the moments of its animation frames.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, sync_playwright

from catsync_plugins.web import stream
from catsync_plugins.web.rows import Row, RowJob

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.screen import FakeDevice, serve_screen

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

CATALOGS = 500
ROUNDS = 10
EVENTS = 60  # a second
SECONDS = 5
FRAME = 1000 / 60  # milliseconds

_TIMES = """() => new Promise((done) => {
  const look = () => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    const rows = document.querySelectorAll('.row').length;
    if (rows && !window.some) requestAnimationFrame(() => { window.some = performance.now(); });
    if (paint && rows === %d && window.some) {
      const files = performance.getEntriesByType('resource').filter((one) => !one.name.includes('/api/'));
      const [page] = performance.getEntriesByType('navigation');
      const sum = (name) => [page, ...files].reduce((total, one) => total + one[name], 0);
      done({ paint: paint.startTime, some: window.some, rows: performance.now(), packed: sum('encodedBodySize'),
             plain: sum('decodedBodySize'), requests: files.length + 1 });
    } else requestAnimationFrame(look);
  };
  look();
})"""
_FRAMES = """(milliseconds) => new Promise((done) => {
  const frames = [];
  const start = performance.now();
  const tick = (now) => {
    frames.push(now);
    if (now - start < milliseconds) requestAnimationFrame(tick);
    else done(frames.slice(1).map((one, n) => one - frames[n]));
  };
  requestAnimationFrame(tick);
})"""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Catalogs in several states, as a large company may have them."""
    labels = ["online", "offline", "update_available", "offline", "online"]
    return [
        Row(
            f"catalog-{number:03}",
            f"Katalog {number}",
            labels[number % 5],
            "online" if labels[number % 5] == "online" else "offline",
            installed_version=None if labels[number % 5] == "online" else 3,
            head_version=4 if labels[number % 5] == "update_available" else 3,
            bytes=number * 1_000_000,
            checked_at=int(time.time()),
            installed_published=int(time.time()),
        )
        for number in range(CATALOGS)
    ]


def test_screen(benchmark: BenchmarkFixture, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the page again and again; then let one catalog's progress change 60 times a second."""
    monkeypatch.setattr(stream, "GAP_SECONDS", 0.0)  # what the server would bundle, the page gets one by one
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed; as root, `sh tools/install-chromium` installs it")
    device = FakeDevice(rows)
    with serve_screen(device, tick=1 / (4 * EVENTS)) as screen, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="de-DE")
        page.goto(f"{screen.origin}/#token={screen.token()}")
        first = page.evaluate(_TIMES % CATALOGS)
        found: list[dict[str, float]] = []
        benchmark.pedantic(lambda: found.append(_load(page, screen.origin)), rounds=ROUNDS)  # type: ignore[no-untyped-call] # the plugin's own lack
        quiet = page.evaluate(_FRAMES, SECONDS * 1000)
        busy, events = _watch_events(page, device)
        browser.close()
    benchmark.extra_info.update(
        {
            "first visit: first paint, ms": round(first["paint"]),
            "first visit: all rows, ms": round(first["rows"]),
            "the first rows are painted, ms (median)": round(statistics.median(one["some"] for one in found)),
            "first paint, ms (median)": round(statistics.median(one["paint"] for one in found)),
            "all 500 rows, ms (median)": round(statistics.median(one["rows"] for one in found)),
            "page weight, bytes on the wire": first["packed"],
            "page weight, bytes unpacked": first["plain"],
            "requests": first["requests"],
            "events a second": round(events / SECONDS, 1),
            "frames a second": round(len(busy) / SECONDS, 1),
            "frames longer than 1.5 of their time": sum(frame > 1.5 * FRAME for frame in busy),
            "the same without events": sum(frame > 1.5 * FRAME for frame in quiet),
            "longest frame, ms": round(max(busy), 1),
        }
    )


def _load(page: Page, origin: str) -> dict[str, float]:
    page.goto(origin)
    times: dict[str, float] = page.evaluate(_TIMES % CATALOGS)
    return times


def _watch_events(page: Page, device: FakeDevice) -> tuple[list[float], int]:
    """Return the lengths of frames while events come, in milliseconds, and how many events the page showed."""
    page.evaluate(
        """() => {
             window.seen = 0;
             const facts = document.querySelector('.row[data-id="catalog-000"] .facts');
             new MutationObserver(() => { window.seen += 1; }).observe(facts, { childList: true });
           }"""
    )
    stop = threading.Event()

    def send() -> None:
        done, at = 0, time.perf_counter()
        while not stop.is_set():
            done += 1
            job = RowJob("install", "fetch", done=done * 100_000, total=480_000_000, running=True)
            device.change("catalog-000", label="downloading", mode="offline", job=job)
            at += 1 / EVENTS
            time.sleep(max(0.0, at - time.perf_counter()))

    sender = threading.Thread(target=send)
    sender.start()
    frames: list[float] = page.evaluate(_FRAMES, SECONDS * 1000)
    seen: int = page.evaluate("window.seen")
    stop.set()
    sender.join()
    return frames, seen
