from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catsync_core import ModeChanged, Progress, UpdateFound, Warned
from catsync_core.errors import LocalError
from catsync_plugins.notify_log import Log, LogSettings

NOW = 1_800_000_000.0
UPDATE = UpdateFound("shoes", "Schuhe \u202e", 7, 8)

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and pipes are those of POSIX")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CATSYNC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def log(**settings: object) -> Log:
    return Log(msgspec.convert(settings, LogSettings), now=lambda: NOW)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events_are_appended_as_lines_of_json(home: Path) -> None:
    for event in (UPDATE, ModeChanged("shoes", "offline")):
        one = log()
        one.notify(event)
        one.close()
    assert lines(home / "events.jsonl") == [
        {
            "time": 1_800_000_000,
            "event": "update_found",
            "catalog": "shoes",
            "title": "Schuhe \u202e",
            "installed_version": 7,
            "version": 8,
        },
        {"time": 1_800_000_000, "event": "mode_changed", "catalog": "shoes", "mode": "offline"},
    ]
    assert (home / "events.jsonl").read_bytes().isascii()


def test_progress_is_left_out_unless_it_is_chosen(home: Path) -> None:
    log().notify(Progress("update", "shoes", 1, 2))
    assert lines(home / "events.jsonl") == []
    log(events=["progress"]).notify(Progress("update", "shoes", 1, 2))
    assert [line["done"] for line in lines(home / "events.jsonl")] == [1]


@pytest.mark.parametrize("path", ["notes/log", "{home}/notes/log"])
def test_another_place(path: str, home: Path) -> None:
    log(path=path.format(home=home)).notify(UPDATE)
    assert len(lines(home / "notes/log")) == 1


def test_half_characters_of_paths_are_written_too(home: Path) -> None:
    log().notify(Warned("shoes", "odd name \udc80"))
    assert lines(home / "events.jsonl")[0]["message"] == "odd name \udc80"


@posix
def test_nobody_else_may_read_it(home: Path) -> None:
    one = log(largest=1)
    one.notify(UPDATE)
    one.notify(UPDATE)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert modes.pop("events.jsonl") == modes.pop("events.jsonl.1") == 0o600
    assert set(modes) <= {"events.jsonl.lock"}


@posix
@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_is_not_followed(home: Path, dangling: bool, tmp_path: Path) -> None:  # noqa: FBT001 - as above
    home.mkdir()
    if not dangling:
        (tmp_path / "precious").write_text("kept")
    (home / "events.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(LocalError, match=r"events\.jsonl cannot be opened"):
        log()
    assert (tmp_path / "precious").exists() is not dangling


@posix
def test_a_pipe_that_nobody_reads_is_no_file(home: Path) -> None:
    home.mkdir()
    os.mkfifo(home / "events.jsonl")
    with pytest.raises(LocalError):
        log()


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match=r"The log .*file.log cannot be opened"):
        log(path=str(tmp_path / "file" / "log"))
    with pytest.raises(LocalError, match=r"The log .* cannot be opened"):
        log(path=str(tmp_path))


def test_old_files_are_kept_up_to_a_number(home: Path) -> None:
    one = log(largest=180, keep=2)
    for number in range(10):
        one.notify(ModeChanged(f"c{number}", "offline"))
    kept = {path.name: [line["catalog"] for line in lines(path)] for path in home.iterdir() if path.suffix != ".lock"}
    assert kept == {"events.jsonl": ["c8", "c9"], "events.jsonl.1": ["c6", "c7"], "events.jsonl.2": ["c4", "c5"]}
    assert all(path.stat().st_size <= 180 for path in home.iterdir())


def test_none_is_kept_where_none_is_wanted(home: Path) -> None:
    one = log(largest=100, keep=0)
    for number in range(5):
        one.notify(ModeChanged(f"c{number}", "offline"))
    assert [line["catalog"] for line in lines(home / "events.jsonl")] == ["c4"]
    assert not list(home.glob("events.jsonl.[0-9]"))


def test_a_line_larger_than_the_bound_is_written_whole(home: Path) -> None:
    one = log(largest=10)
    one.notify(Warned("x", "y" * 1000))
    one.notify(Warned("x", "z" * 1000))
    assert lines(home / "events.jsonl")[0]["message"] == "z" * 1000
    assert lines(home / "events.jsonl.1")[0]["message"] == "y" * 1000


def test_without_a_bound_it_grows(home: Path) -> None:
    one = log(largest=0)
    for _ in range(5):
        one.notify(Warned("x", "y" * 1000))
    assert len(lines(home / "events.jsonl")) == 5


def test_what_a_crash_left_of_a_line_is_ended(home: Path) -> None:
    log().notify(UPDATE)
    path = home / "events.jsonl"
    path.write_bytes(path.read_bytes() + b'{"time": 18000')
    log().notify(UPDATE)
    first, torn, last = path.read_text().splitlines()
    assert json.loads(first) == json.loads(last)
    assert torn == '{"time": 18000'


def test_a_file_that_somebody_took_away_is_begun_anew(home: Path) -> None:
    one = log()
    one.notify(UPDATE)
    (home / "events.jsonl").unlink()
    one.notify(UPDATE)
    assert len(lines(home / "events.jsonl")) == 1


WRITER = """
import sys
from catsync_core import ModeChanged
from catsync_plugins.notify_log import Log, LogSettings

log = Log(LogSettings(largest=2000, keep=100))
for number in range(200):
    log.notify(ModeChanged(f"{sys.argv[1]}-{number}", "offline"))
"""


def test_several_processes_lose_no_line_and_tear_none(home: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(name)]) for name in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    files = [path for path in home.iterdir() if path.suffix != ".lock"]
    assert len(files) > 10
    written = [line["catalog"] for path in files for line in lines(path)]
    assert sorted(written) == sorted(f"{name}-{number}" for name in range(3) for number in range(200))


@pytest.mark.parametrize("table", [{"largest": "5 pounds"}, {"keep": -1}, {"events": ["news"]}])
def test_settings_that_make_no_sense_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, LogSettings)
