from __future__ import annotations

import importlib.metadata
import sys
import zipfile
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from catsync_core.entry_points import find_entry_points


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place where modules are, found by the ordinary finder alone."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The groups that ``importlib.metadata`` was asked for."""
    groups: list[str] = []
    ask = importlib.metadata.entry_points

    def count(*, group: str) -> importlib.metadata.EntryPoints:
        groups.append(group)
        return ask(group=group)

    monkeypatch.setattr(importlib.metadata, "entry_points", count)
    return groups


def install(folder: Path, information: str, entry_points: str) -> None:
    place = folder / information
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 2.5\n")
    (place / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 2.5\n")
    (place / "entry_points.txt").write_text(entry_points)


def names(group: str = "catsync") -> list[str]:
    return [point.name for point in find_entry_points(group)]


@pytest.mark.parametrize(
    "information", ["acme-2.5.dist-info", "acme-2.5.egg-info", "ACME-2.5.DIST-INFO", "acme-2.5.egg/EGG-INFO"]
)
def test_entry_points_are_found_sorted_by_name(folder: Path, information: str) -> None:
    install(folder, information, "[other]\nx = y\n[catsync]\nb = two\na = one\n")
    if information.endswith("EGG-INFO"):
        sys.path.append(str(folder / "acme-2.5.egg"))
    assert names() == ["a", "b"]


def test_an_egg_is_looked_into_wherever_it_lies(folder: Path) -> None:
    install(folder / "elsewhere", "acme-2.5.egg/EGG-INFO", "[catsync]\na = one\n")
    sys.path[:] = [str(folder / "elsewhere" / "acme-2.5.egg")]
    assert names() == ["a"]


def test_nothing_is_loaded_where_no_distribution_names_the_group(folder: Path, asked: list[str]) -> None:
    install(folder, "acme-2.5.dist-info", "[console_scripts]\ncatsync = acme\n")
    (folder / "bare-1.0.dist-info").mkdir()
    (folder / "old-1.0.egg-info").write_text("Name: old\n")
    assert names() == []
    assert asked == []


def test_folders_that_do_not_exist_are_passed_over(folder: Path) -> None:
    install(folder, "acme-2.5.dist-info", "[catsync]\na = one\n")
    sys.path.insert(0, str(folder / "missing"))
    assert names() == ["a"]


def test_the_current_folder_counts_where_the_path_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, "acme-2.5.dist-info", "[catsync]\na = one\n")
    monkeypatch.setattr(sys, "path", [""])
    monkeypatch.chdir(folder)
    assert names() == ["a"]


def test_distributions_in_an_archive_are_found(folder: Path) -> None:
    archive = folder / "acme.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("acme-2.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 2.5\n")
        file.writestr("acme-2.5.dist-info/entry_points.txt", "[catsync]\na = one\n")
    sys.path[:] = [str(archive)]
    assert names() == ["a"]


def test_another_finder_is_asked(folder: Path, asked: list[str]) -> None:
    install(folder / "elsewhere", "acme-2.5.dist-info", "[catsync]\na = one\n")

    class Finder(importlib.metadata.DistributionFinder):
        def find_spec(self, *_: object) -> None: ...

        def find_distributions(self, *_: object) -> list[importlib.metadata.Distribution]:
            return [importlib.metadata.PathDistribution(folder / "elsewhere" / "acme-2.5.dist-info")]

    sys.meta_path.append(Finder())
    assert names() == ["a"]
    assert asked == ["catsync"]
