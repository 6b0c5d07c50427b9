from __future__ import annotations

import io
import os
import subprocess
import sys

import msgspec
import pytest

from catsync_core import Event, JobEnded, JobWaits, Progress, RepositoryChecked, UpdateFound
from catsync_core.errors import LocalError
from catsync_plugins.notify_terminal import Terminal, TerminalSettings

NOW = 1_800_000_000.0
UPDATE = UpdateFound("shoes", "Shoes", 7, 8)
DONE = JobEnded("update", "shoes", "Shoes", "done", 8)
FAILED = JobEnded("update", "shoes", "Shoes", "failed", 7, message="No connection")
WAITS = JobWaits("update", "shoes", "policy", "It is day", None)
UNCHECKED = RepositoryChecked("https://example.org", (), "No connection", by_user=False)

posix = pytest.mark.skipif(sys.platform == "win32", reason="sessions and terminals are those of POSIX")
pytestmark = pytest.mark.usefixtures("central_europe")


@pytest.fixture(autouse=True)
def _colourless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def tell(settings: TerminalSettings, *events: Event) -> None:
    terminal = Terminal(settings, now=lambda: NOW)
    for event in events:
        terminal.notify(event)
    terminal.close()


def test_a_line_for_each_piece_of_news(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TerminalSettings(), UPDATE, DONE, FAILED, WAITS, UNCHECKED)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "2027-01-15 09:00 Shoes: version 8 is available, version 7 is here",
        "2027-01-15 09:00 Shoes is up to date, version 8",
        "2027-01-15 09:00 Shoes: the update failed: No connection",
        "2027-01-15 09:00 shoes: the update waits: It is day",
        "2027-01-15 09:00 https://example.org could not be checked: No connection",
    ]


def test_what_is_no_news_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    by_user = RepositoryChecked("https://example.org", (), "No connection", by_user=True)
    tell(TerminalSettings(), Progress("update", "shoes", 1, 2), by_user)
    tell(TerminalSettings(events=["job_waits"]), UPDATE, DONE)
    assert capsys.readouterr().err == ""


class Teletype(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_on_terminals_that_have_it(
    environment: dict[str, str],
    coloured: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    teletype = Teletype()
    monkeypatch.setattr(sys, "stderr", teletype)
    tell(TerminalSettings(), UPDATE, DONE, FAILED, WAITS)
    colours = [line.partition("Shoes")[0][17:] for line in teletype.getvalue().splitlines()]
    assert colours[:3] == (["\x1b[33m", "\x1b[32m", "\x1b[31m"] if coloured else [""] * 3)
    assert "\x1b" not in colours[3]


def test_no_colour_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TerminalSettings(), UPDATE)
    assert "\x1b" not in capsys.readouterr().err


def test_standard_error_is_looked_up_with_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(TerminalSettings(), now=lambda: NOW)
    bar = io.StringIO()
    monkeypatch.setattr(sys, "stderr", bar)
    terminal.notify(UPDATE)
    assert "version 8" in bar.getvalue()


def test_without_standard_error_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(LocalError, match="no standard error"):
        Terminal(TerminalSettings())


CHILD = """
import os, sys
from catsync_core import UpdateFound
from catsync_core.errors import LocalError
from catsync_plugins.notify_terminal import Terminal, TerminalSettings

if len(sys.argv) > 1:
    import fcntl, termios

    fcntl.ioctl(os.open(sys.argv[1], os.O_RDWR), termios.TIOCSCTTY, 0)
try:
    terminal = Terminal(TerminalSettings(stream="terminal"), now=lambda: 1_800_000_000.0)
except LocalError as error:
    sys.exit(error.message)
terminal.notify(UpdateFound("hats", "Hüte \\x1b]0;x\\x07", 1, 2))
terminal.close()
"""


@posix
def test_the_terminal_that_the_process_was_started_from() -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", CHILD, os.ttyname(theirs)]
    done = subprocess.run(command, start_new_session=True, capture_output=True, check=True)
    printed = os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert printed.decode() == (
        "2027-01-15 09:00 \x1b[33mHüte \\x1b]0;x\\x07: version 2 is available, version 1 is here\x1b[0m\r\n"
    )


@posix
def test_without_a_terminal_it_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], start_new_session=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"There is no terminal to write to: ")


def test_streams_that_do_not_exist_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"stream": "stdout"}, TerminalSettings)
