from __future__ import annotations

import io

import pytest
from rich.console import Console

from catsync_plugins.top.keys import View
from catsync_plugins.top.table import draw
from catsync_plugins.web.rows import DeviceLine, Row
from support.states import NOW, STATES, every_row

LINE = DeviceLine("0.1.0", 1, used=2_100_000_000, free=14_000_000_000)


def show(rows: list[Row], view: View | None = None, height: int = 40, width: int = 130) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(draw(rows, LINE, view or View(), height=height, now=NOW))
    return captured.get()


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_a_line(name: str) -> None:
    text = show([STATES[name].row])
    line = next(line for line in text.splitlines() if STATES[name].row.title in line)
    said = STATES[name].english[0]
    expected = {"expired": "Expired", "damaged": "Data damaged", "verifying": "Downloading"}
    if name not in {"waiting-retry", "waiting-window", "committing"}:
        assert expected.get(name, said) in line


def test_the_chosen_row_is_marked_and_in_sight() -> None:
    rows = every_row()
    text = show(rows, View(chosen=rows[-1].id), height=12)
    assert next(line for line in text.splitlines() if line.startswith(">")).split()[1] == rows[-1].title
    assert rows[0].title not in text
    assert len(text.splitlines()) <= 12


def test_the_device_and_the_keys_are_shown() -> None:
    text = show([])
    assert "2.1 GB used, 14 GB free" in text
    assert "q quit" in text
    assert "catsync add REPO" in text


def test_titles_cannot_command_the_terminal() -> None:
    text = show([Row("x", "evil\x1b[2J\x9b", "online", "online")], View(message="\x1b]0;x\x07"))
    assert "\x1b" not in text
    assert "\x9b" not in text
