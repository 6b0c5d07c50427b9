"""The command line as a process of its own: signals, pipes, terminals, locales."""

from __future__ import annotations

import json
import math
import random
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from catsync_core.testing.faults import FaultyServer, Stall
from support.command_line import CommandLine, read_lines
from support.shop import Shop

TITLE = "Schuhe 2026, Größen"
MIB = 1 << 20
STOPPED = "Stopped. What has arrived is kept; the same command goes on from there.\n"


@pytest.fixture
def stall(server: FaultyServer, shop: Shop) -> Iterator[Stall]:
    """Every pack of a large version 2 stops arriving after 3 MiB."""
    for number in range(4):
        (shop.folder / f"{number}.mp4").write_bytes(random.Random(number).randbytes(MIB))
    shop.publish()
    fault = Stall(after=3 * MIB)
    server.plan.add(fault, key="packs/", times=math.inf)
    yield fault
    fault.release.set()


def wait_for_bytes(process: subprocess.Popen[bytes], least: int) -> None:
    """Read a job's events until that many bytes have arrived."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("done", 0) >= least:
            return
    raise AssertionError("the job ended too early")


def test_130_ctrl_c_stops_a_download_that_the_same_command_goes_on_with(
    catsync: CommandLine, server: FaultyServer, stall: Stall
) -> None:
    catsync.run("add", server.url)
    with catsync.start("offline", "shoes", "--json") as process:
        wait_for_bytes(process, 2 * MIB)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=30)
    error = read_lines(shown.decode())[-1]
    assert (process.returncode, error["code"], error["exit_code"]) == (130, "cancelled", 130), error
    assert "Paused" in catsync.run("list").stdout
    assert "have arrived and are kept" in catsync.run("info", "shoes").stdout
    stall.release.set()
    rest = catsync.lines("offline", "shoes")[-1]
    assert rest["bytes_received"] < rest["total_bytes"] - MIB


def test_ctrl_c_is_answered_with_a_sentence_and_no_traceback(
    catsync: CommandLine, server: FaultyServer, stall: Stall
) -> None:
    catsync.run("add", server.url)
    with catsync.start("offline", "shoes") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"shoes: Downloading (")
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=30)
    assert shown.decode() == STOPPED


def test_serve_prints_its_url_and_ctrl_c_ends_it_cleanly(catsync: CommandLine, shop: Shop) -> None:
    with catsync.start("serve", shop.repository, "-v") as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        catsync.run("add", url)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=30)
    assert process.returncode == 0
    told = shown.decode()
    assert f"To use it: catsync add {url}" in told
    assert re.search(r"\d\d:\d\d:\d\d 200 index.json \d+ bytes", told)
    assert told.endswith("Stopped.\n")


def test_141_a_reader_that_stops_reading_is_no_error(catsync: CommandLine, shop: Shop) -> None:
    (shop.folder / "large.bin").write_bytes(bytes(4 * MIB))
    shop.publish()
    catsync.run("add", shop.repository)
    with catsync.start("cat", "shoes", "large.bin") as process:
        assert process.stdout is not None
        assert process.stdout.read(10) == bytes(10)
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    "locale",
    [{"LANG": "C", "LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
    ids=["C", "ASCII"],
)
def test_titles_that_a_stream_cannot_show_are_escaped(catsync: CommandLine, shop: Shop, locale: dict[str, str]) -> None:
    catsync.run("add", shop.repository)
    catsync.env |= locale
    with catsync.start("list") as process:
        shown, complaints = process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    assert TITLE.encode() in shown or rb"Schuhe 2026, Gr\xf6\xdfen" in shown


def test_a_terminal_shows_a_bar_that_is_gone_in_the_end(
    catsync: CommandLine, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    catsync.env |= {"COLUMNS": "80", "TERM": "xterm"}
    catsync.run("add", shop.repository)
    code, shown = catsync.interact("offline", "shoes")
    assert code == 0
    assert "shoes  Downloading" in shown
    assert "\x1b[2K" in shown  # a line was erased
    assert shown.rstrip().splitlines()[-1].endswith("version 1, 102 kB, as of" + shown.rstrip().rpartition("as of")[2])


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"TERM": "dumb"}])
def test_nothing_moves_where_nobody_looks_on(catsync: CommandLine, shop: Shop, variables: dict[str, str]) -> None:
    catsync.run("add", shop.repository)
    catsync.env |= {"COLUMNS": "200", "NO_COLOR": "1"} | variables
    code, shown = catsync.interact("offline", "shoes")
    assert code == 0
    assert "\x1b" not in shown
    assert "shoes: Downloading (" in shown


def test_color_is_a_matter_of_the_terminal_and_the_environment(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    catsync.env["COLUMNS"] = "80"
    assert "\x1b[1m" in catsync.interact("list")[1]
    catsync.env["NO_COLOR"] = "1"
    assert "\x1b[" not in catsync.interact("list")[1]
    del catsync.env["NO_COLOR"]
    assert "\x1b[" not in catsync.run("list").stdout
    catsync.env["FORCE_COLOR"] = "1"
    assert "\x1b[1m" in catsync.run("list").stdout


def test_a_table_fits_the_terminal(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    catsync.env |= {"NO_COLOR": "1"}
    for columns in (100, 80, 60, 40):
        catsync.env["COLUMNS"] = str(columns)
        lines = catsync.interact("list")[1].splitlines()
        assert max(map(len, lines)) <= columns
        assert "(shoes)" in lines[1]
        assert "Online" in lines[1]


def test_deleting_asks_and_names_what_and_how_large(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    catsync.run("offline", "shoes")
    catsync.env["COLUMNS"] = "200"
    code, shown = catsync.interact("online", "shoes", typed=b"n\n")
    assert code == 130
    assert re.search(rf"Delete the local copy of {TITLE} \(shoes, 1\d\d kB\) from this device\? \[y/N\]", shown)
    assert "Nothing was deleted." in shown
    catsync.run("verify", "shoes")
    code, shown = catsync.interact("online", "shoes", typed=b"y\n")
    assert code == 0
    assert "is online." in shown


def test_names_from_outside_cannot_move_the_cursor(catsync: CommandLine, shop: Shop) -> None:
    evil = "A\x1b[2JB\u202eC"
    catsync.run("publish", shop.folder, shop.repository, "--catalog", "evil", "--title", evil, "--note", evil)
    catsync.run("add", shop.repository)
    shown = ""
    for words in (("list",), ("info", "evil"), ("plan", "evil"), ("versions", shop.repository, "evil")):
        result = catsync.run(*words)
        shown += result.stdout + result.stderr
    shown += catsync.run("offline", "evil").stderr
    assert shown.count(r"A\x1b[2JB\u202eC") == 5
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(catsync: CommandLine, shell: str) -> None:
    assert "_CATSYNC_COMPLETE" in catsync.run("completion", shell).stdout


@pytest.mark.parametrize(
    ("words", "position", "offered"),
    [("catsync off", 1, "offline"), ("catsync offline sh", 2, "shoes"), ("catsync update --a", 2, "--all")],
)
def test_commands_catalogs_and_options_complete(
    catsync: CommandLine, shop: Shop, words: str, position: int, offered: str
) -> None:
    catsync.run("add", shop.repository)
    catsync.env |= {"_CATSYNC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    with catsync.start() as process:
        shown, complaints = process.communicate()
    assert (shown.decode(), complaints) == (f"plain,{offered}\n", b"")
