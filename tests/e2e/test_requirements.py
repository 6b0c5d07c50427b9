"""What the user asked for, row by row, through the command line, against a real web server.

Requests and bytes are counted where they are served. Where a row says that there is no network, the command runs in a
process to which the kernel gives none, while the server goes on.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from catsync_core.format.index import read_index, write_index
from support import agent_driver
from support.command_line import CommandLine, ProcessLine, read_lines
from support.cut_off import WAYS, cut_off, is_cut_off
from support.nginx import INDEX, Nginx, Served
from support.shop import Shop, distinct_index

TITLE = "Schuhe 2026, Größen"
MIB = 1 << 20
DAY = 24.0  # hours
SPREAD = 0.5  # hours by which the daily check may come later, by device and catalog
LATE = 3 * agent_driver.STEP / agent_driver.HOUR  # hours; the agent of these tests wakes that seldom


@pytest.fixture
def web(shop: Shop, tmp_path: Path) -> Iterator[Nginx]:
    """The repository with the catalog ``shoes``, on the web."""
    with Nginx(shop.repository, tmp_path / "nginx") as web:
        yield web


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Nginx]:
    """Another publisher's repository, with the catalog ``hats``."""
    folder, repository = tmp_path / "hats", tmp_path / "hats-repository"
    folder.mkdir()
    (folder / "hats.csv").write_text("1;2")
    publisher = CommandLine(tmp_path / "publisher")
    publisher.run("init", repository)
    publisher.run("publish", folder, repository, "--catalog", "hats")
    with Nginx(repository, tmp_path / "hats-nginx") as second:
        yield second


@pytest.fixture
def unplugged(catsync: CommandLine) -> ProcessLine:
    """The same device without a network."""
    return ProcessLine(catsync.home, catsync.env, cut_off())


@pytest.fixture
def drive(catsync: CommandLine) -> Callable[..., list[dict[str, Any]]]:
    """Lets an agent run for hours; returns its events."""

    def drive(hours: float | str, *leaps: tuple[float, float]) -> list[dict[str, Any]]:
        command = [sys.executable, agent_driver.__file__, str(catsync.home), json.dumps(leaps), str(hours)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return read_lines(done.stdout)

    return drive


def add_film(shop: Shop, mib: int) -> bytes:
    """Publish a version with a large file that does not compress."""
    film = random.Random(mib).randbytes(mib * MIB)
    (shop.folder / "film.mp4").write_bytes(film)
    shop.publish()
    return film


def withdraw(repository: Path, catalog: str) -> None:
    """Offer a catalog no longer, as a publisher does who takes it out of the index."""
    place = repository / "index.json"
    index = read_index(place.read_bytes())
    left = {name: summary for name, summary in index.catalogs.items() if name != catalog}
    with distinct_index(repository):
        place.write_bytes(write_index(msgspec.structs.replace(index, serial=index.serial + 1, catalogs=left)))


def info(catsync: CommandLine, catalog: str = "shoes") -> dict[str, Any]:
    return catsync.document("info", catalog)


def labels(catsync: CommandLine) -> dict[str, str]:
    return {found["catalog"]: found["label"] for found in catsync.document("list")["catalogs"]}


def look(root: Path) -> dict[str, tuple[int, ...]]:
    """Return what would be different if any file below a folder had been touched; a lock that came and went is none."""
    states = {path: path.lstat() for path in root.rglob("*")}
    return {
        str(path): (state.st_ino,) if path.is_dir() else (state.st_ino, state.st_size, state.st_mtime_ns)
        for path, state in states.items()
    }


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def await_progress(process: subprocess.Popen[bytes], least: int) -> list[dict[str, Any]]:
    """Read a job's lines until that many bytes have arrived."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["type"] == "progress" and lines[-1]["done"] >= least:
            return lines
    raise AssertionError(f"the job ended too early: {lines[-1:]}")


def of_type(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == kind]


def gaps(checks: list[dict[str, Any]]) -> list[float]:
    """Return the hours between checks, by the clock on the wall."""
    times = [check["at"] / agent_driver.HOUR for check in checks]
    return [after - before for before, after in pairwise(times)]


def sent(served: list[Served]) -> int:
    return sum(each.sent for each in served)


@contextmanager
def watching(root: Path) -> Iterator[list[str]]:
    """Note what is moved and deleted below a folder, in its order; complete when the context has ended."""
    happened: list[str] = []

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in {"moved", "deleted"}:
                happened.append(f"{event.event_type} {Path(os.fsdecode(event.src_path)).relative_to(root).as_posix()}")

    observer = Observer()
    observer.schedule(Handler(), str(root), recursive=True)
    observer.start()
    try:
        yield happened
        last = root / "last"
        last.mkdir(parents=True)
        last.rmdir()
        while f"deleted {last.name}" not in happened:
            time.sleep(0.01)
        happened.remove(f"deleted {last.name}")
    finally:
        observer.stop()
        observer.join()


@pytest.mark.parametrize("way", [WAYS[-1], cut_off()], ids=["anywhere", "here"])
def test_a_process_that_is_cut_off_reaches_nothing(way: tuple[str, ...]) -> None:
    assert not is_cut_off(())
    assert is_cut_off(way)


def test_s01_list_shows_what_is_offered_and_what_is_kept(
    catsync: CommandLine, shop: Shop, web: Nginx, second: Nginx, unplugged: ProcessLine
) -> None:
    """`list` shows every catalog that the repositories offer, and those kept locally that vanished there."""
    shop.publish("bags")
    shop.publish("belts")
    catsync.run("add", web.url)
    catsync.run("add", second.url)
    assert labels(catsync) == {"shoes": "online", "bags": "online", "belts": "online", "hats": "online"}
    catsync.run("offline", "bags")
    for catalog in ("bags", "belts"):
        withdraw(shop.repository, catalog)
    catsync.run("check")
    assert labels(catsync) == {"shoes": "online", "bags": "gone", "hats": "online"}
    assert "No longer offered" in unplugged.run("list").stdout
    assert json.loads(unplugged.run("cat", "bags", "prices.json").stdout) == {"red": 10}


def test_s02_a_new_catalog_is_read_online_and_nothing_is_stored(catsync: CommandLine, shop: Shop, web: Nginx) -> None:
    """A new catalog is online: reads go to the backend's current version; nothing is stored."""
    catsync.run("add", web.url)
    assert (info(catsync)["mode"], info(catsync)["label"]) == ("online", "online")
    web.forget()
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'
    assert catsync.run("cat", "shoes", "images/red.jpg").stdout_bytes == bytes(range(256)) * 400
    assert len(web.content()) == 2
    shop.publish(prices='{"red": 11, "new": true}')
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 11, "new": true}'
    assert "prices.json" in catsync.run("ls", "shoes").stdout
    assert {path.name.partition("-")[0] for path in catsync.home.rglob("*")} == {"state.sqlite3"}


def test_s03_offline_downloads_at_once_and_repeating_changes_nothing(
    catsync: CommandLine, shop: Shop, web: Nginx
) -> None:
    """Switching to offline starts the download at once; repeating it changes nothing."""
    film = add_film(shop, 4)
    catsync.run("add", web.url)
    web.restart(rate=2 * MIB)
    web.forget()
    with catsync.start("offline", "shoes", "--json") as download:
        await_progress(download, MIB)
        assert info(catsync)["mode"] == "offline"
        refused = catsync.error("offline", "shoes", code=11)
        assert "shoes" in refused["message"]
        assert len(catsync.document("jobs")["jobs"]) == 1
        assert download.wait() == 0
    assert len(film) < sent(web.content()) < len(film) + MIB // 2  # once, whoever asked again
    web.forget()
    before, state = look(catsync.home / "catalogs"), info(catsync)
    again = catsync.lines("offline", "shoes")[-1]
    assert (again["changed"], again["requests"]) == (False, 0)
    assert web.served() == []
    assert (look(catsync.home / "catalogs"), info(catsync)) == (before, state)


def test_s04_progress_is_exact_and_survives_leaving_and_restarting(
    catsync: CommandLine, shop: Shop, web: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A determinate progress bar (bytes, rate, time left) that survives leaving the screen and restarting the
    process.
    """
    monkeypatch.delenv("CI", raising=False)
    film = add_film(shop, 12)
    catsync.run("add", web.url)
    web.restart(rate=3 * MIB)
    web.forget()

    # In the foreground, killed.
    with catsync.start("offline", "shoes", "--json") as download:
        lines = await_progress(download, 3 * MIB)
        download.kill()
    total = of_type(lines, "progress")[-1]["total"]
    shown = [line["done"] for line in of_type(lines, "progress")]
    assert shown == sorted(shown)
    assert len(film) < total < len(film) + MIB // 2
    first = web.content()
    (job,) = catsync.document("jobs")["jobs"]
    assert (job["kind"], job["total"]) == ("install", total)
    kept = info(catsync)["kept_bytes"]
    assert MIB < kept <= sent(first)

    # By the agent, while this screen only looks at it; killed too.
    web.forget()
    with catsync.start("agent", "--json") as agent:
        lines = await_progress(agent, 7 * MIB)
        (job,) = catsync.document("jobs")["jobs"]
        assert job["running"]
        assert job["phase"] == "fetch"
        assert (job["total"], job["done"] >= kept) == (total, True)
        assert info(catsync)["label"] == "downloading"
        agent.kill()
    done = [line["done"] for line in of_type(lines, "progress")]
    assert done[0] == kept
    assert done == sorted(done)
    second = web.content()
    kept = info(catsync)["kept_bytes"]
    assert done[0] + 3 * MIB < kept <= done[0] + sent(second)

    # By the same command on a terminal, to the end.
    web.forget()
    catsync.env |= {"COLUMNS": "100", "TERM": "xterm"}
    code, screen = catsync.interact("offline", "shoes")
    assert code == 0
    bars = re.findall(r"Downloading[^\r\n]*?([\d.]+)/([\d.]+) MB[^\r\n]*?([\d.]+) MB/s[^\r\n]*?\d:\d\d", screen)
    assert bars, screen
    assert float(bars[0][0]) >= int(kept / 1e5) / 10
    assert {bar[1] for bar in bars} == {f"{total / 1e6:.1f}"}
    third = web.content()
    assert sent(third) == total - kept
    assert sent(first) + sent(second) + sent(third) < total + 4 * MIB  # a kill loses only what was on its way
    whole = {(each.path, each.range) for each in (*first, *second) if each.sent == _asked_bytes(each)}
    assert whole.isdisjoint((each.path, each.range) for each in third)
    assert contents(Path(catsync.run("path", "shoes").stdout.strip())) == contents(shop.folder)


def _asked_bytes(served: Served) -> int:
    start, end = (int(number) for number in served.range.removeprefix("bytes=").split("-"))
    return end - start + 1


def test_s05_when_it_is_done_the_bar_is_gone_and_a_complete_copy_is_here(
    catsync: CommandLine, shop: Shop, web: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When done the bar is gone and the catalog is offline: commit is atomic, a complete local copy exists as
    plain files.
    """
    monkeypatch.delenv("CI", raising=False)
    add_film(shop, 4)
    catsync.run("add", web.url)
    web.restart(rate=4 * MIB)
    place = catsync.home / "catalogs" / "shoes"
    with catsync.start("offline", "shoes", "--json") as download:
        await_progress(download, 2 * MIB)
        assert "is not offline" in catsync.run("path", "shoes", code=10).stderr
        assert [path.name for path in place.iterdir() if path.name.isdigit()] == []
        assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'  # from the backend, as before
        assert download.stdout is not None
        for line in download.stdout:
            if json.loads(line).get("name") == "commit":
                download.kill()
                break
    if info(catsync)["installed_version"] is not None:  # all of it or nothing, wherever the kill came in
        assert contents(Path(info(catsync)["path"])) == contents(shop.folder)
    catsync.env |= {"COLUMNS": "100", "TERM": "xterm"}
    code, screen = catsync.interact("offline", "shoes")
    assert code == 0
    assert "Downloading" not in screen.rpartition("\x1b[2K")[2]  # what was erased last was the bar
    assert catsync.document("jobs")["jobs"] == []
    found = info(catsync)
    assert (found["label"], found["job"], found["kept_bytes"]) == ("offline", None, 0)
    folder = Path(catsync.run("path", "shoes").stdout.strip())
    assert contents(folder) == contents(shop.folder)
    assert all(path.is_dir() or (path.is_file() and not path.is_symlink()) for path in folder.rglob("*"))


def test_s06_offline_every_read_works_without_a_network_and_faster(
    catsync: CommandLine, shop: Shop, web: Nginx, unplugged: ProcessLine
) -> None:
    """Offline: every read works with the network off, and is measurably faster than online."""
    names = [f"{number}.json" for number in range(5)]
    for name in names:
        (shop.folder / name).write_text(json.dumps({"name": name, "text": name * 50}))
    shop.publish()
    catsync.run("add", web.url)

    def read_all() -> tuple[list[bytes], float, list[Served]]:
        web.forget()
        started = time.perf_counter()
        found = [catsync.run("cat", "shoes", name).stdout_bytes for name in names]
        return found, time.perf_counter() - started, web.served()

    web.restart(requests_per_second=25)  # so each takes 40 ms
    online, slow, asked = read_all()
    assert len([each for each in asked if each.is_content]) >= len(names)
    web.restart()
    catsync.run("offline", "shoes")
    web.restart(requests_per_second=25)
    offline, fast, asked = read_all()
    assert (offline, asked) == (online, [])
    assert fast < slow

    assert unplugged.run("cat", "shoes", names[0]).stdout_bytes == (shop.folder / names[0]).read_bytes()
    assert unplugged.run("cat", "shoes", "images/red.jpg").stdout_bytes == bytes(range(256)) * 400
    assert unplugged.run("ls", "shoes", "-r").stdout.splitlines() == sorted(contents(shop.folder))
    folder = Path(unplugged.run("path", "shoes").stdout.strip())
    assert contents(folder) == contents(shop.folder)
    assert "is intact" in unplugged.run("verify", "shoes").stderr
    assert info(unplugged)["label"] == "offline"
    assert "Offline" in unplugged.run("list").stdout


def test_s07_offline_content_says_as_of_when_it_is(
    catsync: CommandLine, shop: Shop, web: Nginx, unplugged: ProcessLine
) -> None:
    """Offline content shows "as of" when it was published and downloaded."""
    published = json.loads(catsync.run("versions", shop.repository, "shoes", "--json").stdout)["versions"][0][
        "published"
    ]
    catsync.run("add", web.url)
    time.sleep(max(0.0, published + 1.05 - time.time()))  # so that the two times are different ones
    before = int(time.time())
    done = catsync.run("offline", "shoes").stderr
    as_of = time.strftime("%Y %H:%M", time.localtime(published))
    assert re.search(rf"as of \d+ \w+ {as_of}\.", done)
    time.sleep(max(0.0, before + 1.05 - time.time()))
    shop.publish(prices='{"red": 11}')
    catsync.run("check")
    found = info(unplugged)
    assert found["installed_published"] == published < found["head_published"]
    assert published < before <= found["downloaded_at"] <= found["installed_at"] <= time.time()
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in unplugged.run("info", "shoes").stdout.splitlines())
    assert re.fullmatch(rf"1 of \d+ \w+ {as_of}, .*", rows["Local version"])
    assert rows["Downloaded"].endswith(time.strftime("%Y %H:%M", time.localtime(found["downloaded_at"])))
    heading, row = unplugged.run("list").stdout.splitlines()
    assert re.match(r"\d+ \w+ " + time.strftime("%Y", time.localtime(published)), row[heading.index("As of") :])


def test_s08_the_backend_is_asked_once_within_24_hours(
    catsync: CommandLine, shop: Shop, web: Nginx, drive: Callable[..., list[dict[str, Any]]]
) -> None:
    """Auto-sync, per catalog: once within 24 hours the backend is asked for updates (jitter; caught up after sleep,
    clock jumps survived).
    """
    shop.publish("bags")
    catsync.run("add", web.url)
    catsync.run("offline", "shoes", "bags")
    web.forget()
    catsync.run("agent", "--once")
    assert web.served() == []  # it was asked just now, by hand

    def run(hours: float | str, *leaps: tuple[float, float]) -> list[dict[str, Any]]:
        web.forget()
        checks = of_type(drive(hours, *leaps), "checked")
        assert [each.path for each in web.served()] == [INDEX] * len(checks)  # one request for both catalogs
        assert not any(check["by_user"] or check["problem"] for check in checks)
        return checks

    regular = run(7 * DAY)
    assert len(regular) in {6, 7}
    assert all(DAY <= gap <= DAY + SPREAD + LATE for gap in gaps(regular))
    assert regular[0]["after"] + LATE >= DAY

    # A device whose lid is closed for three days asks once as soon as it wakes up, and not for every day.
    catsync.run("check")
    woken = run(2 * DAY, (5, 3 * DAY))
    assert [round(check["after"]) for check in woken][:1] == [5]
    assert len(woken) == 2
    assert all(DAY <= gap <= DAY + SPREAD + LATE for gap in gaps(woken))

    # A clock that is set back by a month, and one that is set a year ahead and back again.
    catsync.run("check")
    back = run(2 * DAY, (5, -30 * DAY))
    assert [check["after"] - 5 <= LATE for check in back] == [True, False]
    catsync.run("check")
    away = run(3 * DAY, (5, 365 * DAY), (10, -365 * DAY))
    assert [check["after"] <= limit for check, limit in zip(away, (5 + LATE, 10 + LATE), strict=False)] == [True, True]
    assert all(DAY - LATE <= gap <= DAY + SPREAD + LATE for gap in gaps(away[1:]))
    assert len(away) == 4

    # An agent that was not running catches up when it starts; off is off, for each catalog on its own.
    catsync.run("check")
    assert len(run("once", (0, 9 * DAY))) == 1
    catsync.run("check")
    for catalog in ("shoes", "bags"):
        catsync.run("auto-sync", catalog, "off")
    assert run(3 * DAY) == []
    assert info(catsync)["no_check"] == "Auto-sync is off for the catalog"
    catsync.run("auto-sync", "bags", "on")
    assert len(run(3 * DAY)) in {2, 3}
    assert (info(catsync, "bags")["next_check"] is None, info(catsync)["next_check"]) == (False, None)


def test_s09_an_update_is_shown_and_not_applied(
    catsync: CommandLine, shop: Shop, web: Nginx, drive: Callable[..., list[dict[str, Any]]]
) -> None:
    """An update found is not applied: the Update button appears, and only metadata was transferred."""
    catsync.run("add", web.url)
    catsync.run("offline", "shoes")
    before = look(catsync.home / "catalogs")
    shop.publish(prices='{"red": 11, "new": true}')
    web.forget()
    lines = drive(5 * DAY)
    assert len(of_type(lines, "checked")) >= 4
    (found,) = of_type(lines, "update_found")  # told once
    assert (found["catalog"], found["installed_version"], found["version"]) == ("shoes", 1, 2)
    served = web.served()
    assert {each.path for each in served} == {INDEX}
    assert [each.status for each in served].count(200) == 1  # and then there was nothing new
    assert sent(served) == (shop.repository / "index.json").stat().st_size
    assert look(catsync.home / "catalogs") == before
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'
    assert (info(catsync)["label"], info(catsync)["job"]) == ("update_available", None)
    listed = catsync.run("list")
    assert "Update available" in listed.stdout
    assert "catsync update shoes" in listed.stderr


def test_s10_no_timer_downloads_content_unless_an_enabled_policy_says_so(
    catsync: CommandLine, shop: Shop, web: Nginx, second: Nginx, drive: Callable[..., list[dict[str, Any]]]
) -> None:
    """No code path leads from a timer to a content download, unless a policy plugin that the user enabled says so."""
    for catalog in ("bags", "belts", "skipped"):
        shop.publish(catalog)
    catsync.run("add", web.url)
    catsync.run("add", second.url)
    catsync.run("offline", "shoes", "skipped", "hats")
    catsync.run("offline", "bags")
    web.stop()
    catsync.run("offline", "belts", code=13)
    catsync.run("pause", "belts")
    web.start()
    web.forget()
    second.forget()
    for number in range(2):
        (shop.folder / "film.mp4").write_bytes(random.Random(number).randbytes(20_000 + number))
        for catalog in ("shoes", "bags", "belts", "skipped", f"new-{number}"):
            shop.publish(catalog)
        drive(5 * DAY, (30, 3 * DAY), (80, -5 * DAY))
        catsync.run("skip", "skipped")
    assert {each.path for each in (*web.served(), *second.served())} == {INDEX}
    assert len(web.served()) >= 10
    assert labels(catsync) == {
        "shoes": "update_available", "bags": "update_available", "skipped": "offline", "hats": "offline",
        "belts": "paused", "new-0": "online", "new-1": "online",
    }  # fmt: skip

    # The same timer, when the user enabled a policy that says so.
    config = catsync.home / "config.toml"
    config.write_text('[policies.offline-by-default]\ntags = ["*"]\nupdates = true\n')
    (shop.folder / "film.mp4").write_bytes(b"the end")
    for catalog in ("shoes", "new-2"):
        shop.publish(catalog)
    web.forget()
    lines = drive("once", (0, 2 * DAY))
    ended = {line["catalog"]: (line["job"], line["outcome"]) for line in of_type(lines, "ended")}
    assert ended == {
        "shoes": ("update", "done"), "bags": ("update", "done"), "new-0": ("install", "done"),
        "new-1": ("install", "done"), "new-2": ("install", "done"),
    }  # fmt: skip
    assert web.content()
    assert labels(catsync)["belts"] == "paused"  # what the user wants counts more
    config.unlink()


def test_s11_an_update_transfers_what_changed_and_says_how_much(catsync: CommandLine, shop: Shop, web: Nginx) -> None:
    """Update transfers only what changed and is faster than the first download; afterwards it says "12 MB of
    480 MB".
    """
    film = add_film(shop, 6)
    catsync.run("add", web.url)
    web.restart(rate=4 * MIB)
    web.forget()
    first = catsync.lines("offline", "shoes")[-1]
    download = web.served()
    assert sent(download) == first["bytes_received"]
    assert len(download) == first["requests"]

    (shop.folder / "film.mp4").write_bytes(film[: 2 * MIB] + random.Random(1).randbytes(30_000) + film[2 * MIB :])
    shop.publish(prices='{"red": 11}')
    web.forget()
    catsync.run("check")
    web.forget()
    update = catsync.lines("update", "shoes")[-1]
    served = web.served()
    assert (sent(served), len(served)) == (update["bytes_received"], update["requests"])
    assert 30_000 < sent(served) < 40_000
    assert len(served) <= len(download)
    assert update["seconds"] < first["seconds"]
    assert update["total_bytes"] == sum(len(data) for data in contents(shop.folder).values())
    assert contents(Path(catsync.run("path", "shoes").stdout.strip())) == contents(shop.folder)

    shop.publish(prices='{"red": 12}')
    said = catsync.run("update", "shoes").stderr
    assert re.search(r"is updated to version 4: 1\.\d kB of 6\.4 MB downloaded\.", said), said
    assert info(catsync)["downloaded_bytes"] < 2000


def test_s12_refresh_checks_everything_now_and_changes_nothing_without_a_connection(
    catsync: CommandLine, shop: Shop, web: Nginx, second: Nginx, unplugged: ProcessLine
) -> None:
    """Pull to refresh (and a button, and a command) checks all catalogs now; without a connection: a message, no
    change.
    """
    shop.publish("bags")
    for server in (web, second):
        catsync.run("add", server.url)
    catsync.run("offline", "shoes", "bags")
    for catalog in ("shoes", "bags"):
        (shop.folder / "prices.json").write_text(f'{{"for": "{catalog} this year"}}')
        shop.publish(catalog)
    known = {found["catalog"]: found for found in catsync.document("list")["catalogs"]}
    before = look(catsync.home / "catalogs")
    web.forget()
    second.forget()
    refused = unplugged.run("check", code=13)
    assert refused.stdout == ""
    assert "Error: " in refused.stderr
    assert web.url in refused.stderr
    assert (web.served(), second.served()) == ([], [])
    assert look(catsync.home / "catalogs") == before
    for found in catsync.document("list")["catalogs"]:
        was = known[found["catalog"]]
        quiet = {"problem", "problem_code", "problem_at"} | ({"label"} if found["mode"] == "online" else set())
        assert {name for name in found if found[name] != was[name]} <= quiet
        assert found["label"] in {was["label"], "online_unreachable"}
    assert "Offline" in unplugged.run("list").stdout

    checked = catsync.run("check")
    assert [[each.path for each in server.served()] for server in (web, second)] == [[INDEX], [INDEX]]
    assert all(f"({catalog}): version" in checked.stdout for catalog in ("shoes", "bags"))
    assert labels(catsync) == {"shoes": "update_available", "bags": "update_available", "hats": "online"}
    assert {found["problem"] for found in catsync.document("list")["catalogs"]} == {""}


def test_s13_info_tells_everything(catsync: CommandLine, shop: Shop, web: Nginx) -> None:
    """Info: state, version, last download, last check, sizes, next automatic check, last error."""
    catsync.run("add", web.url)
    started = int(time.time())
    download = catsync.lines("offline", "shoes")[-1]
    shop.publish(prices='{"red": 11, "new": true}')
    catsync.run("check")
    web.stop()
    catsync.run("update", "shoes", code=13)
    web.start()
    found = info(catsync)
    now = time.time()
    assert (found["mode"], found["label"]) == ("offline", "update_failed")
    assert (found["installed_version"], found["head_version"]) == (1, 2)
    assert started <= found["downloaded_at"] <= now
    assert found["downloaded_bytes"] == download["bytes_received"]
    assert started <= found["checked_at"] <= now
    assert found["installed_bytes"] == download["total_bytes"]
    assert found["bytes"] == sum(len(data) for data in contents(shop.folder).values())
    assert DAY <= (found["next_check"] - found["checked_at"]) / 3600 <= DAY + SPREAD
    assert web.url in found["problem"]
    assert found["problem_code"] == "no_connection"
    assert started <= found["problem_at"] <= now

    with catsync.start("agent") as agent:
        assert agent.stderr is not None
        assert agent.stderr.readline().startswith(b"The agent is running.")
        catsync.run("cancel", "shoes")  # so that it does not go on with the update
        rows = dict(re.split(r"  +", line, maxsplit=1) for line in catsync.run("info", "shoes").stdout.splitlines())
        agent.send_signal(signal.SIGINT)
        agent.communicate()
    assert agent.returncode == 0
    assert rows["Status"] == "Update available"
    assert rows["Local version"].startswith("1 of ")
    assert rows["Newest version"].startswith("2 of ")
    assert "102 kB in 2 files" in rows["Local version"]
    assert re.match(r"\d+ bytes, \d+ \w+ \d{4} \d\d:\d\d", rows["Downloaded"])
    assert rows["Checked"] == "just now"
    assert re.fullmatch(r"on, next check (in 24 h|\d+ \w+ \d{4} \d\d:\d\d)", rows["Auto-sync"])


def test_s14_back_online_deletes_exactly_what_was_stored(
    catsync: CommandLine,
    shop: Shop,
    web: Nginx,
    unplugged: ProcessLine,
    drive: Callable[..., list[dict[str, Any]]],
) -> None:
    """Back to online at any time: confirmed, reads go to the backend first, then exactly what catsync stored is
    deleted.
    """
    shop.publish("bags")
    catsync.run("add", web.url)
    catsync.run("offline", "shoes", "bags")
    place = catsync.home / "catalogs" / "shoes"
    folder = Path(catsync.run("path", "shoes").stdout.strip())
    mine = folder / "images" / "mine.txt"
    mine.parent.chmod(0o755)
    mine.write_text("mine")
    before, others = look(place), look(catsync.home / "catalogs" / "bags")

    # Unconfirmed, nothing happens.
    assert "--yes" in catsync.run("online", "shoes", code=2).stderr
    assert catsync.interact("online", "shoes", typed=b"n\n")[0] == 130
    assert look(place) == before

    # Without a connection it is put off, and the copy can be read until it is done.
    refused = unplugged.error("online", "shoes", "--yes", code=13)
    assert "stays" in refused["hint"]
    assert look(place) == before
    assert (info(unplugged)["mode"], info(unplugged)["label"]) == ("online", "removing")
    assert unplugged.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'

    # With one, the agent does it: asks the backend, then takes the copy out of use, then deletes.
    web.forget()
    with watching(place) as happened:
        lines = drive("once", (0, 1))
    assert [(line["job"], line["outcome"]) for line in of_type(lines, "ended")] == [("remove", "done")]
    assert [each.path for each in web.served()] == [INDEX]
    assert happened[0].startswith("moved .catsync/manifests"), happened
    assert {"deleted 1/prices.json", "deleted 1/images/red.jpg"} <= set(happened[1:])
    assert [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()] == ["1/images/mine.txt"]
    assert mine.read_text() == "mine"
    assert (info(catsync)["mode"], info(catsync)["label"]) == ("online", "online")
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'
    assert web.content()
    assert look(catsync.home / "catalogs" / "bags") == others

    # Confirmed on a terminal, and in the middle of a download.
    assert catsync.interact("online", "bags", typed=b"y\n")[0] == 0
    assert not (catsync.home / "catalogs" / "bags").exists()
    add_film(shop, 4)
    mine.unlink()
    catsync.run("check")
    web.restart(rate=MIB)
    with catsync.start("offline", "shoes", "--json") as download:
        await_progress(download, MIB)
        catsync.run("online", "shoes", "--yes")
        download.communicate()
    assert download.returncode == 130
    assert [path for path in place.rglob("*") if path.is_file()] == []
    assert (info(catsync)["label"], catsync.document("jobs")["jobs"]) == ("online", [])
