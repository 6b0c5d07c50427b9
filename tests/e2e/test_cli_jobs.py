"""Jobs across processes: paused, cancelled, killed and gone on with, and what the command line says of them."""

from __future__ import annotations

import json
import math
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from catsync_core.testing.faults import FaultyServer, Stall
from support.command_line import CommandLine, read_lines
from support.shop import Shop

MIB = 1 << 20
ASKS = "[policies.network]\nmetered_now = true\nmetered = 'ask'\n"


@pytest.fixture
def stall(catsync: CommandLine, server: FaultyServer, shop: Shop) -> Iterator[Stall]:
    """The repository was added, and every pack of its large version 2 stops arriving after 3 MiB."""
    for number in range(4):
        (shop.folder / f"{number}.mp4").write_bytes(random.Random(number).randbytes(MIB))
    shop.publish()
    catsync.run("add", server.url)
    fault = Stall(after=3 * MIB)
    server.plan.add(fault, key="packs/", times=math.inf)
    yield fault
    fault.release.set()


def wait_for_bytes(process: subprocess.Popen[bytes], least: int = 2 * MIB) -> None:
    """Read a job's events until that many bytes have arrived."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("done", 0) >= least:
            return
    raise AssertionError("the job ended too early")


def finish(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """Wait for a command's end and return its error."""
    _, shown = process.communicate(timeout=60)
    return read_lines(shown.decode())[-1]


def test_another_process_pauses_a_download_and_goes_on_with_it(catsync: CommandLine, stall: Stall) -> None:
    with catsync.start("offline", "shoes", "--json") as process:
        wait_for_bytes(process)
        (job,) = catsync.document("jobs")["jobs"]
        assert (job["catalog"], job["kind"], job["running"]) == ("shoes", "install", True)
        assert "shoes is paused" in catsync.run("pause", "shoes").stderr
        error = finish(process)
    assert (process.returncode, error["code"]) == (1, "waits")
    (job,) = catsync.document("jobs")["jobs"]
    assert (job["running"], job["gate"], job["reason"]) == (False, "user_pause", "You paused it")
    assert "You paused it" in catsync.run("jobs").stdout
    catsync.run("agent", "--once")
    assert "Paused" in catsync.run("list").stdout, "an agent does not go on with what the user paused"
    stall.release.set()
    assert "The download of shoes is done" in catsync.run("resume", "shoes").stderr
    assert catsync.run("jobs").stderr == "Nothing is under way.\n"
    catsync.run("verify", "shoes")


def test_another_process_cancels_a_download(catsync: CommandLine, stall: Stall) -> None:
    with catsync.start("offline", "shoes", "--json") as process:
        wait_for_bytes(process)
        assert "Cancelled. shoes is online." in catsync.run("cancel", "shoes").stderr
        error = finish(process)
    assert (process.returncode, error["code"]) == (130, "cancelled")
    assert catsync.document("jobs")["jobs"] == []
    assert "Online" in catsync.run("list").stdout


def test_a_catalog_that_goes_online_ends_its_download(catsync: CommandLine, stall: Stall) -> None:
    with catsync.start("offline", "shoes", "--json") as process:
        wait_for_bytes(process)
        catsync.run("online", "shoes", "--yes")
        assert finish(process)["code"] == "cancelled", "though the connection is dead"
    assert not (catsync.home / "catalogs" / "shoes").exists()


def test_an_agent_goes_on_with_what_was_killed(catsync: CommandLine, server: FaultyServer, stall: Stall) -> None:
    with catsync.start("offline", "shoes", "--json") as process:
        wait_for_bytes(process)
        process.send_signal(signal.SIGKILL)
    stall.release.set()
    with catsync.start("agent", "--json") as agent:
        assert agent.stdout is not None
        ended = next(line for line in map(json.loads, agent.stdout) if line["type"] == "ended")
        agent.send_signal(signal.SIGTERM)
        agent.communicate(timeout=60)
    assert (ended["catalog"], ended["outcome"], ended["version"]) == ("shoes", "done", 2)
    assert ended["bytes_received"] < 3 * MIB, "what had arrived was not fetched again"
    assert agent.returncode == 0
    catsync.run("verify", "shoes")


def test_two_processes_do_not_do_the_same_job(catsync: CommandLine, stall: Stall) -> None:
    with catsync.start("offline", "shoes", "--json") as process:
        wait_for_bytes(process)
        error = catsync.error("offline", "shoes", code=11)
        assert str(process.pid) in error["message"]
        stall.release.set()
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert catsync.document("jobs")["jobs"] == []


@pytest.fixture
def metered(catsync: CommandLine, shop: Shop) -> CommandLine:
    """A device whose connection is metered, and that asks its user then."""
    catsync.run("add", shop.repository)
    (catsync.home / "config.toml").write_text(ASKS)
    return catsync


def test_where_nobody_can_be_asked_a_download_waits_for_consent(metered: CommandLine) -> None:
    error = metered.error("offline", "shoes", code=1)
    assert (error["code"], "catsync resume shoes --now" in error["hint"]) == ("waits", True)
    assert "Waiting" in metered.run("list").stdout
    metered.run("agent", "--once")
    assert not list((metered.home / "catalogs").rglob("red.jpg"))
    metered.run("resume", "shoes", code=1)
    assert "is done" in metered.run("resume", "shoes", "--now").stderr
    assert "Offline" in metered.run("list").stdout


def test_consent_beforehand_downloads_at_once(metered: CommandLine) -> None:
    assert "is offline: version 1" in metered.run("offline", "shoes", "--now").stderr


@pytest.mark.parametrize(("typed", "code", "label"), [(b"y\n", 0, "Offline"), (b"n\n", 1, "Waiting")])
def test_on_a_terminal_the_user_is_asked(metered: CommandLine, typed: bytes, code: int, label: str) -> None:
    left, shown = metered.interact("offline", "shoes", typed=typed)
    assert left == code, shown
    assert "Download now all the same? [y/N]" in shown
    assert label in metered.run("list").stdout


@pytest.mark.parametrize("command", ["pause", "resume", "cancel"])
def test_where_nothing_is_under_way_it_is_said(catsync: CommandLine, shop: Shop, command: str) -> None:
    catsync.run("add", shop.repository)
    assert "`catsync jobs` shows" in catsync.run(command, "shoes", code=10).stderr
    assert catsync.document("jobs") == {"schema": 1, "jobs": []}


def test_an_update_that_failed_is_tried_again(catsync: CommandLine, shop: Shop, server: FaultyServer) -> None:
    catsync.run("add", server.url)
    catsync.run("offline", "shoes")
    shop.publish(prices='{"red": 11}')
    index = Path(shop.repository / "index.json")
    whole = index.read_bytes()
    index.write_bytes(b"no index")
    catsync.run("update", "shoes", code=14)
    assert "failed" in catsync.run("list").stdout
    index.write_bytes(whole)
    resumed = catsync.lines("resume", "shoes")[-1]
    assert (resumed["catalog"], resumed["label"], resumed["job"]) == ("shoes", "offline", None)
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 11}'
