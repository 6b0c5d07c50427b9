from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catsync_core.publish.scan import scan
from catsync_core.publish.scan_cache import ScanCache, Stamp

if TYPE_CHECKING:
    from unit.publish.conftest import Tree, Write

LONG_AGO = 1_600_000_000
SECOND = 1_000_000_000
TREE: Tree = {"a": b"first", "b/c": b"second"}


class Desk:
    """Scans a folder again and again, some time after its last change, and counts the files that are opened."""

    def __init__(self, folder: Path, location: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.location = location
        self.seconds_later = 60
        self._folder = folder
        self._opened: list[Path] = []
        opened = Path.open

        def count(path: Path, mode: str = "r") -> object:
            self._opened.append(path)
            return opened(path, mode)

        monkeypatch.setattr(Path, "open", count)

    def scan(self) -> list[str]:
        """Return what was opened."""
        self._opened.clear()
        newest = max(path.stat().st_ctime_ns for path in self._folder.rglob("*"))
        cache = ScanCache(self.location, now_ns=lambda: newest + self.seconds_later * SECOND)
        tree = scan(self._folder, cache, lambda _: None)
        cache.save()
        opened = sorted(
            path.relative_to(self._folder).as_posix() for path in self._opened if self._folder in path.parents
        )
        assert {file.path: file.sha256 for file in tree.files} == {
            file.path: file.sha256 for file in scan(self._folder, ScanCache(None), lambda _: None).files
        }
        return opened


@pytest.fixture
def desk(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(write(TREE), tmp_path / "cache" / "scan", monkeypatch)


def test_unchanged_files_are_not_read_again(desk: Desk) -> None:
    assert desk.scan() == ["a", "b/c"]
    assert desk.scan() == []
    assert desk.scan() == []


def test_only_the_changed_file_is_read_again(desk: Desk, tmp_path: Path) -> None:
    desk.scan()
    (tmp_path / "source" / "a").write_bytes(b"FIRST")
    assert desk.scan() == ["a"]


def test_a_change_is_seen_though_size_and_time_of_change_are_as_before(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "source" / "a"
    os.utime(file, (LONG_AGO, LONG_AGO))
    desk.scan()
    file.write_bytes(b"FIRST")
    os.utime(file, (LONG_AGO, LONG_AGO))
    assert desk.scan() == ["a"]


def test_another_file_in_its_place_is_seen(desk: Desk, tmp_path: Path) -> None:
    desk.scan()
    (tmp_path / "source" / "a").replace(tmp_path / "source" / "d")
    (tmp_path / "source" / "b" / "c").replace(tmp_path / "source" / "a")
    assert desk.scan() == ["a", "d"]


def test_a_file_that_changed_just_before_it_was_read_is_read_again(desk: Desk) -> None:
    desk.seconds_later = 1
    assert desk.scan() == ["a", "b/c"]
    desk.seconds_later = 60
    assert desk.scan() == ["a", "b/c"]
    assert desk.scan() == []


def test_a_file_from_the_future_is_always_read(desk: Desk, tmp_path: Path) -> None:
    os.utime(tmp_path / "source" / "a", (LONG_AGO * 2, LONG_AGO * 2))
    desk.scan()
    assert desk.scan() == ["a"]


def test_files_that_vanished_are_forgotten(desk: Desk, tmp_path: Path) -> None:
    desk.scan()
    before = desk.location.stat().st_size
    (tmp_path / "source" / "a").unlink()
    desk.scan()
    assert desk.location.stat().st_size < before


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x81\xa1a\x93\x01", b"\x81\xa1\xff\xc0", b"{}", b"\x81\xa1a\x92\x01\x02"]
)
def test_a_damaged_cache_is_ignored_and_written_anew(desk: Desk, data: bytes) -> None:
    desk.scan()
    desk.location.write_bytes(data)
    assert desk.scan() == ["a", "b/c"]
    assert desk.scan() == []


def test_without_a_place_nothing_is_kept(write: Write, tmp_path: Path) -> None:
    scan(write(TREE), cache := ScanCache(None), lambda _: None)
    cache.save()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = ScanCache(tmp_path / "file" / "scan")
    cache.remember("a", Stamp(1, 0, 0, 1), bytes(32))
    cache.save()
    assert (tmp_path / "file").read_bytes() == b""


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise OSError

    monkeypatch.setattr(Path, "replace", refuse)
    ScanCache(tmp_path / "scan").save()
    assert list(tmp_path.iterdir()) == []
