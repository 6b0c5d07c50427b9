from __future__ import annotations

import json

import pytest

from catsync_core.cli.progress import JsonProgress, LineProgress, ProgressView, choose_progress
from catsync_core.cli.screen import Screen
from catsync_core.events import Phase, Progress, Warned


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def progress(done: int, total: int = 1_000_000) -> Progress:
    return Progress("install", "shoes", done, total)


def test_json_progress_is_throttled_but_never_hides_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    view = JsonProgress(Screen(json=True), clock)
    view(Phase("install", "shoes", "fetch", 1_000_000))
    for done in range(1000, 40_000, 1000):
        view(progress(done))
    clock.now += 0.11
    for done in (41_000, 42_000, 95_000, 1_000_000):
        view(progress(done))
    view(Warned("shoes", "careful"))
    phase, *moved, warning = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (phase["type"], phase["name"], warning["message"]) == ("phase", "fetch", "careful")
    assert [event["done"] for event in moved] == [1000, 41_000, 95_000, 1_000_000]


def test_lines_come_every_few_seconds_as_long_as_something_moves(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    view = LineProgress(Screen(), clock)
    view(Phase("install", "shoes", "plan"))
    view(Phase("install", "shoes", "fetch", 1_000_000))
    for done in range(0, 600_000, 50_000):  # six seconds
        clock.now += 0.5
        view(progress(done))
    clock.now += 60
    view(progress(550_000))  # nothing has moved since the last line
    view(Phase("install", "shoes", "done"))
    assert capsys.readouterr().err.splitlines() == [
        "shoes: Downloading (1 MB)",
        "shoes: Downloading, 150 kB of 1 MB (15%)",
        "shoes: Downloading, 350 kB of 1 MB (35%)",
        "shoes: Downloading, 550 kB of 1 MB (55%)",
    ]


def test_lines_without_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    view = LineProgress(Screen(), clock)
    view(Phase("publish", "shoes", "scan"))
    clock.now += 11
    view(Progress("publish", "shoes", 5_000_000, 0))
    assert capsys.readouterr().err == "shoes: Reading the folder, 5 MB\n"


@pytest.mark.parametrize(
    ("screen", "kind"),
    [
        (Screen(quiet=True), ProgressView),
        (Screen(progress=False), ProgressView),
        (Screen(json=True, progress=False), ProgressView),
        (Screen(json=True), JsonProgress),
        (Screen(), LineProgress),
    ],
)
def test_the_view_suits_the_options(screen: Screen, kind: type[ProgressView]) -> None:
    assert type(choose_progress(screen)) is kind


def test_without_progress_warnings_are_still_told(capsys: pytest.CaptureFixture[str]) -> None:
    view = choose_progress(Screen(json=True, progress=False))
    view(Phase("install", "shoes", "fetch", 10))
    view(progress(10, 10))
    view(Warned("shoes", "careful"))
    told = capsys.readouterr()
    assert (told.out, json.loads(told.err)["message"]) == ("", "careful")
