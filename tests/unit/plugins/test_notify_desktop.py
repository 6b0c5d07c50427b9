from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from catsync_core import Event, JobEnded, ModeChanged, Progress, UpdateFound, Warned
from catsync_core.errors import LocalError
from catsync_plugins import _desktop_tools
from catsync_plugins._desktop_tools import Tool, find_tool, show_notification
from catsync_plugins.notify_desktop import Desktop, DesktopSettings

NINE = 1_800_000_000.0  # on 15 January 2027 in Central Europe
UPDATE = UpdateFound("shoes", "Shoes", 7, 8)
DONE = JobEnded("install", "hats", "Hats", "done", 3)
FAILED = JobEnded("update", "boots", "Boots", "failed", 1, message="No connection")
NASTY = "-e <b>\"$(id)\" 'x' `y` & \\n %s \u00fc\U0001f600"

posix = pytest.mark.skipif(sys.platform == "win32", reason="the fake tools are scripts")
Shown = list[tuple[str, str]]


def show(*events: Event, **settings: object) -> Shown:
    """What is shown of these events in the end."""
    shown: Shown = []
    wanted = msgspec.convert(settings, DesktopSettings)
    notifier = Desktop(wanted, now=lambda: NINE, gather=3600.0, show=lambda *texts: shown.append(texts))
    for event in events:
        notifier.notify(event)
    notifier.close()
    return shown


def test_one_notification_for_each_class_of_news() -> None:
    assert show(UPDATE, DONE, FAILED) == [
        ("Updates are available", "Shoes: version 8 is available, version 7 is here"),
        ("Ready offline", "Hats is ready offline, version 3"),
        ("Something went wrong", "Boots: the update failed: No connection"),
    ]


def test_what_is_no_news_is_not_shown() -> None:
    assert (
        show(
            Progress("update", "shoes", 1, 2),
            ModeChanged("shoes", "online"),
            Warned("shoes", "Odd"),
            JobEnded("verify", "shoes", "Shoes", "done", 8),
            JobEnded("update", "shoes", "Shoes", "cancelled", 8),
        )
        == []
    )


def test_only_chosen_news_are_shown() -> None:
    assert [headline for headline, _ in show(UPDATE, DONE, FAILED, news=["job_failed"])] == ["Something went wrong"]


def test_many_updates_are_one_notification() -> None:
    [(headline, body)] = show(*(UpdateFound(f"c{number}", f"C{number}", 1, 2) for number in range(200)))
    assert headline == "Updates are available"
    assert body.splitlines() == [
        *(f"C{number}: version 2 is available, version 1 is here" for number in range(3)),
        "and 197 more",
    ]


def test_as_many_as_fit_are_named() -> None:
    [(_, body)] = show(*(UpdateFound(f"c{number}", f"C{number}", 1, 2) for number in range(4)))
    assert [line.partition(":")[0] for line in body.splitlines()] == ["C0", "C1", "C2", "C3"]


def test_long_titles_are_cut() -> None:
    [(_, body)] = show(UpdateFound("x", "x" * 10_000, 1, 2))
    assert body == "x" * 160 + "..."


def test_news_are_shown_a_moment_later_without_another_event() -> None:
    shown = threading.Event()
    notifier = Desktop(DesktopSettings(), gather=0.0, show=lambda *_: shown.set())
    notifier.notify(UPDATE)
    assert shown.wait(60)
    shown.clear()
    notifier.notify(UPDATE)
    assert shown.wait(60)
    notifier.close()


@pytest.mark.usefixtures("central_europe")
@pytest.mark.parametrize(
    ("quiet", "count"), [("08:00-10:00", 0), (["22:00-07:00", "08:59-09:01"], 0), ("22:00-09:00", 1), ([], 1), ("", 1)]
)
def test_nothing_is_shown_in_quiet_hours(quiet: object, count: int) -> None:
    assert len(show(UPDATE, quiet_hours=quiet)) == count


@pytest.mark.parametrize("table", [{"quiet_hours": "night"}, {"quiet_hours": ["25:00-26:00"]}, {"news": ["all"]}])
def test_settings_that_make_no_sense_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, DesktopSettings)


def test_a_failure_is_told_with_the_next_event_and_at_the_end() -> None:
    failed = threading.Event()

    def fail(*_: str) -> None:
        failed.set()
        raise LocalError("There is no desktop")

    notifier = Desktop(DesktopSettings(), gather=0.0, show=fail)
    notifier.notify(UPDATE)
    assert failed.wait(60)
    assert notifier._timer is not None
    notifier._timer.join()
    with pytest.raises(LocalError, match="no desktop"):
        notifier.notify(UPDATE)
    with pytest.raises(LocalError, match="no desktop"):
        notifier.close()


def test_a_failure_at_the_end_is_told() -> None:
    def fail(*_: str) -> None:
        raise LocalError("There is no desktop")

    notifier = Desktop(DesktopSettings(), gather=3600.0, show=fail)
    notifier.notify(UPDATE)
    with pytest.raises(LocalError, match="no desktop"):
        notifier.close()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a program on the path that notes what it is called with; returns where, an argument a line."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "platform", "linux")

    def put(name: str, *lines: str) -> Path:
        script = [f"#!{sys.executable}", "import sys, pathlib", f"pathlib.Path({str(tmp_path / name)!r}).write_text("]
        script += ["    '\\0'.join(sys.argv[1:]), errors='surrogateescape')", *lines]
        (folder / name).write_text("\n".join(script) + "\n")
        (folder / name).chmod(0o755)
        return tmp_path / name

    return put


def called_with(place: Path) -> list[str]:
    return place.read_text().split("\0")


@posix
def test_notify_send_gets_text_and_no_markup(programs: Callable[..., Path]) -> None:
    noted = programs("notify-send")
    programs("gdbus")
    notifier = Desktop(DesktopSettings())
    notifier.notify(UpdateFound("x", NASTY, 1, 2))
    notifier.close()
    assert called_with(noted) == [
        "--app-name=catsync",
        "--",
        "Updates are available",
        r"""-e &lt;b&gt;"$(id)" 'x' `y` &amp; \\n %s ü😀: version 2 is available, version 1 is here""",
    ]


@posix
def test_without_notify_send_gdbus_is_called(programs: Callable[..., Path]) -> None:
    noted = programs("gdbus")
    show_notification(find_tool("linux"), "Head", NASTY + "\nSecond")
    arguments = called_with(noted)
    assert arguments[:2] == ["call", "--session"]
    assert arguments[-8:] == [
        "'catsync'",
        "uint32 0",
        "''",
        '"Head"',
        r'''"-e &lt;b&gt;\"$(id)\" 'x' `y` &amp; \\n %s ü😀\nSecond"''',
        "@as []",
        "@a{sv} {}",
        "int32 -1",
    ]


def test_apple_script_gets_text_as_arguments() -> None:
    arguments = Tool("osascript", "/usr/bin/osascript").arguments("Head", NASTY)
    assert arguments[-2:] == ["Head", NASTY]
    assert NASTY not in "".join(arguments[:-1])


@posix
def test_powershell_gets_text_by_its_environment(programs: Callable[..., Path]) -> None:
    noted = programs(
        "powershell",
        "import os",
        "with open(sys.argv[0] + '.seen', 'w') as file:",
        "    file.write(os.environ['NOTICE_HEADLINE'] + '|' + os.environ['NOTICE_BODY'])",
    )
    tool = find_tool("win32")
    show_notification(tool, "Head", NASTY)
    arguments = called_with(noted)
    script = base64.b64decode(arguments[-1]).decode("utf-16-le")
    assert arguments[:3] == ["-NoProfile", "-NonInteractive", "-EncodedCommand"]
    assert "CreateTextNode($env:NOTICE_BODY)" in script
    assert Path(f"{tool.path}.seen").read_text() == f"Head|{NASTY}"


@pytest.mark.parametrize(
    ("platform", "names"), [("linux", "notify-send or gdbus"), ("darwin", "osascript"), ("win32", "powershell")]
)
def test_a_missing_tool_is_named_at_once(
    platform: str, names: str, programs: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_desktop_tools.find_tool, "__defaults__", (platform, lambda _: None))
    with pytest.raises(LocalError, match=f"need {names}") as raised:
        Desktop(DesktopSettings())
    assert raised.value.hint


@posix
def test_what_a_tool_says_is_told(programs: Callable[..., Path]) -> None:
    programs("notify-send", "print('Cannot autolaunch D-Bus', file=sys.stderr)", "sys.exit(1)")
    with pytest.raises(LocalError, match="notify-send could not show a notification: Cannot autolaunch D-Bus"):
        show_notification(find_tool("linux"), "Head", "Body")


@posix
def test_a_tool_that_fails_silently_is_told_too(programs: Callable[..., Path]) -> None:
    programs("notify-send", "sys.exit(3)")
    with pytest.raises(LocalError, match="it ended with 3"):
        show_notification(find_tool("linux"), "Head", "Body")


@posix
def test_a_tool_that_hangs_is_ended(programs: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_desktop_tools, "_PATIENCE", 0.2)
    programs("notify-send", "import time", "time.sleep(600)")
    with pytest.raises(LocalError, match="did not end within"):
        show_notification(find_tool("linux"), "Head", "Body")


def test_a_tool_that_was_taken_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="notify-send cannot be started"):
        show_notification(Tool("notify-send", str(tmp_path / "gone")), "Head", "Body")
