"""``catsync publish --watch``: a process of its own, a real folder, and edits as programs make them."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CommandLine, read_lines
from support.shop import Shop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process is stopped as by Ctrl-C")

EDITS = 1000
SETTLE = 0.2  # seconds; a tenth of what it is by default


class Watching:
    """A ``publish --watch`` that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait_for(self, **fields: object) -> dict[str, Any]:
        """Read its events until one has these fields."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            if fields.items() <= event.items():
                return event
        raise AssertionError(f"it ended: {self.end()}")

    def end(self) -> tuple[int, str]:
        """Return its exit code and what it said on stderr."""
        _, said = self._process.communicate(timeout=60)
        return self._process.returncode, said.decode()

    def stop(self) -> tuple[int, str]:
        """Stop it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        return self.end()


@contextmanager
def watching(catsync: CommandLine, shop: Shop, settle: float) -> Iterator[Watching]:
    arguments = ("publish", shop.folder, shop.repository, "--catalog", "shoes", "--watch", "--settle", settle, "--json")
    with catsync.start(*arguments) as process:
        watched = Watching(process)
        try:
            watched.wait_for(type="phase", name="watch")
            yield watched
        finally:
            process.kill()


def newest(catsync: CommandLine, shop: Shop) -> int:
    version: int = catsync.document("versions", shop.repository, "shoes")["versions"][0]["version"]
    return version


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def copy_of(catsync: CommandLine, shop: Shop) -> dict[str, bytes]:
    """Return what a device has of the newest version."""
    if not catsync.document("list")["catalogs"]:
        catsync.run("add", shop.repository)
    catsync.run("check")
    catsync.run("offline", "shoes")
    catsync.run("update", "shoes")
    return tree(Path(catsync.run("path", "shoes").stdout.strip()))


def edit(folder: Path, number: int, dice: random.Random) -> None:
    """Change one of some files in one of the ways of editors, exporters and people."""
    name = f"{dice.randrange(40)}.json"
    place, text = folder / "articles" / name, f"edit {number}\n" * dice.randrange(1, 50)
    way = dice.randrange(4)
    if way == 0:
        aside = folder / "articles" / f".{name}.tmp"
        aside.write_text(text)
        aside.replace(place)
    elif way == 1:
        place.write_text(text)
    elif way == 2:
        with place.open("a") as stream:
            stream.write(text)
    else:
        place.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("settle", "pause"),
    [(SETTLE, 0.001), pytest.param(2.0, 0.01, marks=pytest.mark.long)],
    ids=["1 s", "10 s"],
)
def test_1_000_edits_give_at_most_3_versions_and_none_is_lost(
    catsync: CommandLine, shop: Shop, settle: float, pause: float
) -> None:
    dice = random.Random(4)
    with watching(catsync, shop, settle) as watched:
        before = newest(catsync, shop)
        (shop.folder / "articles").mkdir()
        for number in range(EDITS):
            edit(shop.folder, number, dice)
            time.sleep(pause)  # spreads the edits; nothing is waited for
        (shop.folder / "last.txt").write_text("the last edit")
        watched.wait_for(type="phase", name="watch")
        while copy_of(catsync, shop) != tree(shop.folder):
            watched.wait_for(type="phase", name="watch")
        code, _ = watched.stop()
    assert code == 0
    assert 1 <= newest(catsync, shop) - before <= 3


def test_each_batch_is_one_version_and_without_a_change_there_is_none(catsync: CommandLine, shop: Shop) -> None:
    with watching(catsync, shop, SETTLE) as watched:
        (shop.folder / ".prices.json.swp").write_text('{"red": 11}')
        (shop.folder / ".prices.json.swp").replace(shop.folder / "prices.json")
        (shop.folder / "new.txt").write_text("x")
        done = watched.wait_for(type="summary")
        assert (done["version"], done["published"], done["changed_files"]) == (2, True, 2)
        (shop.folder / "new.txt").touch()
        again = watched.wait_for(type="summary")
        assert (again["version"], again["published"]) == (2, False)
        assert watched.stop() == (0, "")


def test_what_cannot_be_published_is_said_and_published_when_it_is_mended(catsync: CommandLine, shop: Shop) -> None:
    with watching(catsync, shop, SETTLE) as watched:
        (shop.folder / "link").symlink_to("prices.json")
        warning = watched.wait_for(type="warning")
        assert warning["subject"] == "shoes"
        assert "'link' is a symbolic link" in warning["message"]
        assert warning["message"].endswith("Tried again when the folder changes again")
        (shop.folder / "link").unlink()
        (shop.folder / "file").write_text("x")
        assert watched.wait_for(type="summary")["version"] == 2


def test_a_repository_on_a_drive_that_goes_away_is_waited_for(catsync: CommandLine, shop: Shop) -> None:
    with watching(catsync, shop, SETTLE) as watched:
        away = shop.repository.rename(shop.repository.with_name("away"))
        (shop.folder / "file").write_text("x")
        warning = watched.wait_for(type="warning")
        assert warning["message"].endswith("Tried again in 5.0 s")
        away.rename(shop.repository)
        assert watched.wait_for(type="summary")["version"] == 2


def test_10_000_reports_at_once_give_at_most_3_versions(catsync: CommandLine, shop: Shop) -> None:
    with watching(catsync, shop, SETTLE) as watched:
        for number in range(2_500):  # each is reported at least four times
            (shop.folder / f"{number}.txt").write_text(str(number))
        expected = tree(shop.folder)
        while watched.wait_for(type="summary")["files"] < len(expected):
            pass
        assert copy_of(catsync, shop) == expected
        assert newest(catsync, shop) <= 4
        assert watched.stop() == (0, "")


def test_130_ctrl_c_in_the_midst_of_a_publish(catsync: CommandLine, shop: Shop) -> None:
    with watching(catsync, shop, SETTLE) as watched:
        (shop.folder / "large.mp4").write_bytes(random.Random(1).randbytes(32 << 20))
        watched.wait_for(type="phase", name="match")
        code, said = watched.stop()
    error = read_lines(said)[-1]
    assert (code, error["code"]) == (130, "cancelled")
    assert "in the midst of publishing shoes" in error["message"]
    assert newest(catsync, shop) == 1


def test_1_the_folder_is_removed(catsync: CommandLine, shop: Shop) -> None:
    with watching(catsync, shop, SETTLE) as watched:
        shutil.rmtree(shop.folder)
        code, said = watched.end()
    error = read_lines(said)[-1]
    assert (code, error["code"]) == (1, "source")
    assert "was removed while it was watched" in error["message"]
    assert newest(catsync, shop) == 1


def test_it_says_what_it_does_line_by_line(catsync: CommandLine, shop: Shop) -> None:
    arguments = ("publish", shop.folder, shop.repository, "--catalog", "shoes", "--watch", "--settle", SETTLE)
    with catsync.start(*arguments, "--no-progress") as process:
        assert process.stderr is not None
        assert process.stderr.readline().decode() == f"Watching {shop.folder}. Ctrl-C ends it.\n"
        assert "Nothing changed since version 1" in process.stderr.readline().decode()
        (shop.folder / "file").write_text("x")
        assert "Published shoes version 2: 1 of 3 files changed" in process.stderr.readline().decode()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said) == (0, b"", b"Stopped.\n")


@pytest.mark.parametrize(
    ("repository", "option", "code", "message"),
    [
        ("repository", "--settle=1", 2, "only with --watch"),
        ("folder/repository", "--watch", 2, "the repository lies in it"),
        ("nowhere", "--watch", 10, "nowhere"),
    ],
    ids=["settle alone", "a repository in the folder", "no repository"],
)
def test_what_makes_no_sense_is_refused_at_once(
    catsync: CommandLine, shop: Shop, *, repository: str, option: str, code: int, message: str
) -> None:
    place = shop.repository.parent / repository
    error = catsync.error("publish", shop.folder, place, "--catalog", "shoes", option, code=code)
    assert message in error["message"]


def test_what_catsync_keeps_must_not_lie_in_the_folder(shop: Shop) -> None:
    error = CommandLine(shop.folder / "home").error(
        "publish", shop.folder, shop.repository, "--catalog", "shoes", "--watch", code=2
    )
    assert "what catsync keeps on this device lies in it" in error["message"]
