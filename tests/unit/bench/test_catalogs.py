from __future__ import annotations

import hashlib
import io
import shutil
import stat
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from bench import catalogs
from bench._unpack import UnsafeArchiveError, unpack_npm, unpack_wheel
from bench.catalogs import LARGE, PAIRS, SERIES, FetchError, Pair, Pin, Series, fetch, fetch_series

if TYPE_CHECKING:
    from pathlib import Path

MTIME = 499162500  # what npm writes, and a time that a zip can hold


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree"
    path.mkdir()
    return path


def npm_archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            member.size = len(member.name) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(member.name.encode()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mtime, info.mode = kind, MTIME, mode
    return info


def wheel_archive(path: Path, name: str, mode: int = stat.S_IFREG | 0o644) -> Path:
    info = zipfile.ZipInfo(name, (1985, 10, 26, 8, 15, 0))
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(info, name)
    return path


def test_npm_loses_its_outer_folder_and_keeps_content_time_and_executable_bit(tmp_path: Path, tree: Path) -> None:
    members = member("package/data/a.json"), member("package/run.sh", mode=0o777)
    unpack_npm(npm_archive(tmp_path / "a.tgz", *members), tree)
    assert sorted(str(p.relative_to(tree)) for p in tree.rglob("*")) == ["data", "data/a.json", "run.sh"]
    assert (tree / "data/a.json").read_text() == "package/data/a.json"
    assert (tree / "data/a.json").stat().st_mtime == MTIME
    assert (tree / "data/a.json").stat().st_mode & 0o777 == 0o644
    assert (tree / "run.sh").stat().st_mode & 0o777 == 0o755


def test_wheel_keeps_content_and_time(tmp_path: Path, tree: Path) -> None:
    unpack_wheel(wheel_archive(tmp_path / "a.whl", "pkg/a.csv"), tree)
    assert (tree / "pkg/a.csv").read_text() == "pkg/a.csv"
    assert (tree / "pkg/a.csv").stat().st_mtime == MTIME


@pytest.mark.parametrize("name", ["package/../../out", "/package/out", "package/..\\out"])
def test_names_that_leave_the_folder_are_refused(name: str, tmp_path: Path, tree: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match="would leave"):
        unpack_npm(npm_archive(tmp_path / "a.tgz", member(name)), tree)
    if "\\" not in name:  # zipfile itself turns these around on some systems
        with pytest.raises(UnsafeArchiveError, match="would leave"):
            unpack_wheel(wheel_archive(tmp_path / "a.whl", name), tree)
    assert list(tree.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_anything_but_a_file_is_refused(kind: bytes, tmp_path: Path, tree: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match="not a plain file"):
        unpack_npm(npm_archive(tmp_path / "a.tgz", member("package/a", kind)), tree)


def test_a_link_in_a_wheel_is_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match="not a plain file"):
        unpack_wheel(wheel_archive(tmp_path / "a.whl", "a", stat.S_IFLNK | 0o777), tree)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces the registry's client by a copy from a folder, and lists what was asked for."""
    asked: list[str] = []

    def serve(command: list[str], scratch: Path) -> None:
        asked.append(command[-1])
        for archive in tmp_path.glob("*.tgz"):
            shutil.copy(archive, scratch)

    monkeypatch.setattr(catalogs, "_run", serve)
    return asked


def pin(tmp_path: Path, version: str) -> Pin:
    archive = npm_archive(tmp_path / f"thing-{version}.tgz", member(f"package/{version}"))
    return Pin(version, archive.name, hashlib.sha256(archive.read_bytes()).hexdigest())


def test_fetch_asks_the_registry_once_per_version(tmp_path: Path, registry: list[str]) -> None:
    pair = Pair("thing", "npm", "@scope/thing", pin(tmp_path, "1"), pin(tmp_path, "2"))
    cache = tmp_path / "cache"
    old, new = fetch(pair, cache)
    assert (old / "1").is_file()
    assert (new / "2").is_file()
    assert fetch(pair, cache) == (old, new) == (cache / "thing/1", cache / "thing/2")
    assert registry == ["@scope/thing@1", "@scope/thing@2"]
    assert sorted(path.name for path in (cache / "thing").iterdir()) == ["1", "2"]


def test_a_series_is_fetched_in_order(tmp_path: Path, registry: list[str]) -> None:
    versions = tuple(pin(tmp_path, version) for version in ("1", "2", "3"))
    trees = fetch_series(Series("thing", "npm", "thing", versions), tmp_path / "cache")
    assert trees == [tmp_path / "cache/thing" / version for version in ("1", "2", "3")]
    assert [(tree / version).is_file() for tree, version in zip(trees, "123", strict=True)] == [True] * 3
    assert registry == ["thing@1", "thing@2", "thing@3"]


def test_an_archive_that_is_not_the_pinned_one_leaves_nothing(tmp_path: Path, registry: list[str]) -> None:
    good = pin(tmp_path, "1")
    pair = Pair("thing", "npm", "thing", good, Pin("2", good.archive, "0" * 64))
    with pytest.raises(FetchError, match="not the pinned"):
        fetch(pair, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache/thing").iterdir()] == ["1"]


def test_an_archive_by_another_name_is_refused(tmp_path: Path, registry: list[str]) -> None:
    good = pin(tmp_path, "1")
    with pytest.raises(FetchError, match=r"fetched .*thing-1\.tgz.*not other\.tgz"):
        fetch(Pair("thing", "npm", "thing", Pin("1", "other.tgz", good.sha256), good), tmp_path / "cache")


def test_every_pin_is_a_sha256_and_every_name_is_used_once() -> None:
    pairs = (*PAIRS, LARGE)
    assert len({pair.name for pair in pairs}) == len(pairs) == 7
    digests = {version.sha256 for pair in pairs for version in (pair.old, pair.new)}
    assert len(digests) == 14
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)


def test_a_series_has_seventeen_versions_and_agrees_with_the_pair_of_its_name() -> None:
    pairs = {pair.name: pair for pair in PAIRS}
    for series in SERIES:
        assert len({version.sha256 for version in series.versions}) == 17
        assert all(len(bytes.fromhex(version.sha256)) == 32 for version in series.versions)
        assert series.versions[-2:] == (pairs[series.name].old, pairs[series.name].new)
