"""A disk that becomes full at any call that takes space: a clear error, the old version untouched, and then success."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from catsync_core import Client, Publisher
from catsync_core.store.layout import CatalogStore
from catsync_core.store.spool import bytes_kept
from fault.clean import check_clean
from fault.device import Tree, publish

EVER = 1 << 30
SOURCE, DRIVER = (Path(__file__).with_name(name) for name in ("full_disk.c", "full_disk_driver.py"))

TEXT = Random(1).randbytes(150_000).hex().encode()
FILM = Random(2).randbytes(700_000)
ITEMS = {f"item-{number}.json": f'{{"number": {number}}}'.encode() for number in range(12)}
OLD: Tree = ITEMS | {"list.json": TEXT, "film.mp4": FILM, "gone.txt": b"no longer wanted", "same.txt": b"the same"}
NEW: Tree = ITEMS | {
    "added.json": TEXT[10_000:20_000] + b"and more",
    "empty": b"",
    "film.mp4": FILM[:300_000] + Random(3).randbytes(3000) + FILM[300_000:],
    "item-3.json": b"changed",
    "list.json": TEXT[:30_000] + b"new " * 99 + TEXT[30_000:],
    "same.txt": b"the same",
    "twice.txt": b"the same",
}
JOBS = {
    "install": ("new", ["offline", "shoes"]),
    "patch": ("old", ["update", "shoes", "--via", "patch"]),
    "blocks": ("old", ["update", "shoes", "--via", "blocks"]),
}


@dataclass(frozen=True)
class Left:
    """How a command ended, and how many of its calls take space."""

    code: int
    stderr: str
    calls: int


class FullDisk:
    """Runs commands in a process whose disk can become full."""

    def __init__(self, driver: subprocess.Popen[str]) -> None:
        self._driver = driver

    def run(self, home: Path, arguments: list[str], first: int, last: int) -> Left:
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        asked = {"home": str(home), "arguments": arguments, "first": first, "last": last}
        print(json.dumps(asked), file=self._driver.stdin, flush=True)
        return Left(**json.loads(self._driver.stdout.readline()))


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullDisk]:
    library = tmp_path_factory.mktemp("library") / "full_disk.so"
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("letting every call of a process fail needs Linux and a C compiler")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(DRIVER)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        yield FullDisk(driver)
        assert driver.stdin is not None
        driver.stdin.close()
        assert driver.wait(60) == 0


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two versions, and homes before a first download and before an update."""
    place = tmp_path_factory.mktemp("templates")
    publisher = Publisher.open(place / "repository")
    publisher.init()
    publish(publisher._backend, place / "source", OLD)
    for name in ("new", "old"):
        with Client(place / name) as client:
            client.add(str(place / "repository"))
            if name == "old":
                client.catalog("shoes").go_offline()
    publish(publisher._backend, place / "source", NEW)
    return place


def read_tree(root: Path) -> Tree:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def installed(home: Path) -> Tree | None:
    """Return what an application reads, every byte verified; None while there is nothing."""
    with Client(home) as client:
        catalog = client.catalog("shoes")
        if catalog.info().installed_version is None:
            return None
        report = catalog.verify()
        assert (report.damaged, report.missing, report.foreign) == ((), (), ())
        return read_tree(catalog.path())


def check_visible(store: CatalogStore) -> None:
    """Assert that every folder which an application may look into holds a whole version."""
    if store.root.exists():
        for place in store.root.iterdir():
            assert place.name == ".catsync" or read_tree(place) == {"1": OLD, "2": NEW}[place.name]


@dataclass(frozen=True)
class Trial:
    """One job, to be done on a disk that becomes full."""

    disk: FullDisk
    templates: Path
    home: Path
    job: str

    def fill(self, first: int, last: int) -> Left:
        """Let the disk be full from one call to another, and free again for a second attempt."""
        template, arguments = JOBS[self.job]
        shutil.copytree(self.templates / template, self.home)
        left = self.disk.run(self.home, arguments, first, last)
        if left.code:
            self._check_told(left, lasting=last == EVER)
        before, now = (None if template == "new" else OLD), installed(self.home)
        assert now in ([before, NEW] if left.code else [NEW])
        store = CatalogStore(self.home, "shoes")
        check_visible(store)

        again = self.disk.run(self.home, arguments, EVER, EVER)
        assert again.code == 0, again.stderr
        assert installed(self.home) == NEW
        check_visible(store)
        check_clean(store)
        # What could not be cleaned up after a commit waits for the next version.
        assert not bytes_kept(store) or (left.code and now == NEW)
        shutil.rmtree(self.home)
        return left

    def _check_told(self, left: Left, *, lasting: bool) -> None:
        error = json.loads(left.stderr.splitlines()[-1])
        assert error["hint"]
        # SQLite says of some calls only that they failed. The state then asks the disk, and that has space again.
        unsure = not lasting and error["message"].startswith("The state in ")
        assert (left.code, error["code"]) == ((1, "local") if unsure and left.code == 1 else (16, "disk_full")), error


@pytest.fixture(params=JOBS)
def trial(request: pytest.FixtureRequest, full_disk: FullDisk, templates: Path, tmp_path: Path) -> Trial:
    return Trial(full_disk, templates, tmp_path / "home", request.param)


def test_a_disk_that_becomes_full_at_some_call(trial: Trial) -> None:
    codes = set()
    for first in range(1, 10_000, 11):
        left = trial.fill(first, EVER)
        codes.add(left.code)
        if left.calls < first:
            break
    assert first > 80
    assert codes == {0, 16}


@pytest.mark.long
@pytest.mark.parametrize("lasting", [True, False], ids=["lasting", "passing"])
def test_a_disk_that_becomes_full_at_every_call(trial: Trial, *, lasting: bool) -> None:
    for first in range(1, 10_000):
        left = trial.fill(first, EVER if lasting else first)
        if left.calls < first:
            break
    assert first > 80
