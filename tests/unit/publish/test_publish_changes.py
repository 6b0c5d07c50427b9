"""Real changes in a real folder, reported by the operating system or found by looking."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyObserver, InotifyWatchGroup
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from catsync_core.errors import SourceError
from catsync_core.events import Event, Warned
from catsync_core.publish.changes import Changes

PATIENCE = 20.0  # seconds until a report that never comes fails a test


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "images").mkdir(parents=True)
    (folder / "prices.json").write_text("{}")
    return folder


@pytest.fixture
def changes(folder: Path) -> Iterator[Changes]:
    with Changes(folder) as changes:
        changes.follow()
        yield changes


def replace(folder: Path) -> None:
    (folder / ".prices.json.tmp").write_text("{1}")
    (folder / ".prices.json.tmp").replace(folder / "prices.json")


def move_in(folder: Path) -> None:
    shutil.move(shutil.copytree(folder, folder.parent / "other"), folder / "other")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "prices.json").write_text("{1}"),
        lambda folder: (folder / "images" / "red.jpg").write_bytes(b""),
        lambda folder: (folder / "prices.json").unlink(),
        lambda folder: (folder / "images").rmdir(),
        lambda folder: (folder / "images").rename(folder / "pictures"),
        lambda folder: (folder / "prices.json").chmod(0o400),
        replace,
        move_in,
    ],
    ids=["written", "added below", "removed", "folder removed", "folder renamed", "permission", "replaced", "moved in"],
)
def test_each_kind_of_change_is_reported_and_can_be_seen(
    folder: Path, changes: Changes, change: Callable[[Path], object]
) -> None:
    change(folder)
    assert changes.wait(PATIENCE)
    assert changes.look()
    changes.follow()
    assert not changes.look()


def test_changes_in_a_folder_that_is_new_are_reported(folder: Path, changes: Changes) -> None:
    (folder / "new" / "below").mkdir(parents=True)
    assert changes.wait(PATIENCE)
    while changes.wait(0.2):
        pass  # all reports of the folder itself
    (folder / "new" / "below" / "file").write_text("x")
    assert changes.wait(PATIENCE)


def test_reading_is_no_change(folder: Path, changes: Changes) -> None:
    (folder / "prices.json").read_bytes()
    list(folder.iterdir())
    changes.report("opened")
    changes.report("closed_no_write")
    assert not changes.wait(0.3)
    assert not changes.look()


def test_10_000_reports_are_one_change(folder: Path, changes: Changes) -> None:
    for _ in range(10_000):
        changes.report("modified")
    assert changes.wait(0)
    assert not changes.wait(0)


def test_an_overflow_is_a_change_and_the_folder_is_watched_anew(
    folder: Path, changes: Changes, capfd: pytest.CaptureFixture[str]
) -> None:
    reader = reader_of(changes)
    reader.handle_event(InotifyEvent(WatchDescriptor(-1), Mask(InotifyConstants.IN_Q_OVERFLOW), 0, b""))
    assert changes.wait(0)
    changes.follow()
    assert reader_of(changes) is not reader
    assert not changes.wait(0.2)
    replace(folder)
    assert changes.wait(PATIENCE)
    assert capfd.readouterr().err == ""


def test_what_nobody_reported_is_found_by_looking_and_the_folder_is_watched_anew(
    folder: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_of(changes)
    monkeypatch.setattr(reader, "handle_event", lambda event: None)
    replace(folder)
    assert not changes.wait(0.3)
    assert changes.look()
    changes.follow()
    assert not changes.look()
    replace(folder)
    assert changes.wait(PATIENCE)


def test_a_folder_that_watchdog_adds_twice_does_not_end_the_reports(folder: Path, changes: Changes) -> None:
    reader = reader_of(changes)
    known = next(watch for watch in reader._watch_for_wd.values() if watch.callbacks)
    callback = next(iter(known.callbacks.values()))
    assert isinstance(callback, InotifyWatchGroup)
    callback._add_callback(bytes(folder / "images"))  # warns, and warnings are errors here
    replace(folder)
    assert changes.wait(PATIENCE)


def reader_of(changes: Changes) -> InotifyFD:
    """Return what reads the kernel's queue, in watchdog's observer for Linux."""
    assert isinstance(changes._observer, InotifyObserver)
    return changes._observer._inotify_fd


def test_where_the_system_cannot_watch_it_says_so_and_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(observer: BaseObserver) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(BaseObserver, "on_thread_start", refuse)
    said: list[Event] = []
    with Changes(folder, said.append) as changes:
        changes.follow()
        replace(folder)
        assert changes.look()
    assert said == [
        Warned(str(folder), f"Changes in {folder} are seen only every now and then: inotify watch limit reached")
    ]


def test_a_folder_that_is_gone_is_an_error(folder: Path, changes: Changes) -> None:
    shutil.rmtree(folder)
    assert changes.wait(PATIENCE)
    assert changes.look()
    with pytest.raises(SourceError, match="was removed while it was watched") as caught:
        changes.follow()
    assert caught.value.exit_code == 1


def test_a_folder_that_was_moved_away_is_found_by_looking(folder: Path, changes: Changes) -> None:
    folder.rename(folder.parent / "elsewhere")
    assert changes.look()
    with pytest.raises(SourceError, match="was removed"):
        changes.follow()


def test_a_folder_that_another_one_took_the_place_of_is_watched_anew(folder: Path, changes: Changes) -> None:
    shutil.copytree(folder, folder.parent / "new")
    folder.rename(folder.parent / "old")
    (folder.parent / "new").rename(folder)
    assert changes.look()
    changes.follow()
    assert not changes.look()
    while changes.wait(0.2):
        pass
    replace(folder)
    assert changes.wait(PATIENCE)


def test_another_disk_in_the_place_of_the_folder_is_an_error(
    folder: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = list(folder.stat())
    status[2] += 1  # st_dev
    monkeypatch.setattr(Path, "stat", lambda self, **_: os.stat_result(status))
    with pytest.raises(SourceError, match="on another disk"):
        changes.follow()


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_what_is_no_folder_cannot_be_watched(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("x")
    with Changes(place) as changes, pytest.raises(SourceError, match="is not"):
        changes.follow()
