"""kill -9 at random points of publish, install and update: always the old or the new version, always resumable."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core import Client, Publisher
from catsync_core.backends.serve import serve
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import read_pointer

CATALOG = "shoes"
DRIVER = Path(__file__).with_name("kill_driver.py")
PATIENCE = 60.0  # seconds, for a driver that hangs


def make_tree(root: Path, random_: random.Random) -> None:
    """Write a catalog: text, many small files, something that does not compress, something larger."""
    root.mkdir()
    words = [f"word{random_.randrange(5000)}" for _ in range(4000)]
    for number in range(120):
        (root / f"item-{number:03}.json").write_text(" ".join(random_.choices(words, k=60)))
    (root / "media").mkdir()
    for number in range(12):
        (root / "media" / f"{number}.jpg").write_bytes(random_.randbytes(60_000))
    (root / "prices.csv").write_text("\n".join(",".join(random_.choices(words, k=8)) for _ in range(20_000)))
    (root / "film.mp4").write_bytes(random_.randbytes(3_000_000))


def edit_tree(root: Path, random_: random.Random) -> None:
    """Make the next version of it."""
    for number in random_.sample(range(120), 15):
        (root / f"item-{number:03}.json").write_text(f"changed {random_.random()}")
    prices = (root / "prices.csv").read_bytes()
    at = random_.randrange(len(prices))
    (root / "prices.csv").write_bytes(prices[:at] + random_.randbytes(50).hex().encode() + prices[at:])
    film = bytearray((root / "film.mp4").read_bytes())
    at = random_.randrange(len(film) - 100_000)
    film[at : at + 100_000] = random_.randbytes(100_000)
    (root / "film.mp4").write_bytes(film)
    (root / "media" / f"new-{random_.randrange(10**9)}.jpg").write_bytes(random_.randbytes(80_000))


def read_tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def start(*arguments: object) -> subprocess.Popen[bytes]:
    driver = subprocess.Popen([sys.executable, str(DRIVER), *map(str, arguments)], stdout=subprocess.PIPE)
    assert driver.stdout is not None
    assert driver.stdout.readline() == b"ready\n"
    return driver


def run_and_kill(delay: float, *arguments: object) -> bool:
    """Run a job and kill it after some seconds; returns whether it was still running."""
    with start(*arguments) as driver:
        try:
            driver.wait(delay)
        except subprocess.TimeoutExpired:
            driver.send_signal(signal.SIGKILL)
        driver.wait(PATIENCE)
        assert driver.returncode in {0, -signal.SIGKILL}
        return driver.returncode != 0


def run_whole(*arguments: object) -> float:
    """Run a job to its end; returns the seconds that it took after it was ready."""
    with start(*arguments) as driver:
        begun = time.monotonic()
        assert driver.wait(PATIENCE) == 0
        return time.monotonic() - begun


def installed_tree(home: Path) -> tuple[int | None, dict[str, bytes]]:
    """Return what an application would read on the device just now."""
    store = CatalogStore(home, CATALOG)
    installed = read_pointer(store)
    if installed is None:
        return None, {}
    return installed.version, read_tree(store.version_path(installed.version))


def head_version(repository: Path) -> int:
    with Client(repository.parent / "reader") as client:
        client.add(str(repository))
        info = client.catalog(CATALOG).info()
    assert info.head_version is not None
    return info.head_version


class Bench:
    """A repository with growing versions, a web server before it, and devices to kill."""

    def __init__(self, scratch: Path, url: str, random_: random.Random) -> None:
        self.scratch = scratch
        self.repository = scratch / "repository"
        self.url = url
        self.random = random_
        self.source = scratch / "source"
        self.trees: dict[int, dict[str, bytes]] = {}
        self.kills = 0
        make_tree(self.source, random_)
        self.took = {"publish": run_whole("publish", self.repository, self.source)}
        self.trees[1] = read_tree(self.source)
        self.took["install"] = run_whole("install", url, scratch / "first")

    def kill(self, action: str, place: Path) -> None:
        where = self.repository if action == "publish" else self.url
        delay = self.random.uniform(0, 1.1 * self.took[action])
        self.kills += run_and_kill(delay, action, where, place)

    def publish(self) -> None:
        before = max(self.trees)
        edit_tree(self.source, self.random)
        self.trees[before + 1] = read_tree(self.source)
        self.kill("publish", self.source)
        self.check_repository(head_version(self.repository))
        run_whole("publish", self.repository, self.source)
        assert head_version(self.repository) == before + 1
        self.check_repository(before + 1)

    def install(self) -> None:
        home = self.scratch / "device"
        shutil.rmtree(home, ignore_errors=True)
        self.kill("install", home)
        self.check_device(home, {None, max(self.trees)})
        run_whole("install", self.url, home)
        self.check_device(home, {max(self.trees)})

    def update(self) -> None:
        home = self.scratch / "first"
        old, _ = installed_tree(home)
        self.kill("update", home)
        self.check_device(home, {old, max(self.trees)})
        took = run_whole("update", self.url, home)
        self.took.setdefault("update", took)
        self.check_device(home, {max(self.trees)})

    def check_repository(self, version: int) -> None:
        """A new device gets exactly the version that the index names."""
        home = self.scratch / "checker"
        with Client(home) as client:
            client.add(self.url)
            client.check()
            catalog = client.catalog(CATALOG)
            catalog.go_offline()
            catalog.update()
        assert installed_tree(home) == (version, self.trees[version])

    def check_device(self, home: Path, versions: set[int | None]) -> None:
        version, tree = installed_tree(home)
        assert version in versions
        assert tree == (self.trees[version] if version else {})


def kill_in_turn(scratch: Path, kills: int, seed: int) -> None:
    Publisher.open(scratch / "repository").init()
    with serve(scratch / "repository") as server:
        bench = Bench(scratch, server.url, random.Random(seed))
        bench.took["update"] = bench.took["install"]
        turns: list[Callable[[], None]] = [bench.publish, bench.update, bench.install]
        turn = 0
        while bench.kills < kills:
            turns[turn % len(turns)]()
            turn += 1


def test_a_killed_job_leaves_the_old_or_the_new_version_and_can_be_repeated(tmp_path: Path) -> None:
    kill_in_turn(tmp_path, kills=9, seed=1)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_300_killed_jobs(tmp_path: Path) -> None:
    kill_in_turn(tmp_path, kills=300, seed=2)
