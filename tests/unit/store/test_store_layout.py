from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from catsync_core.errors import DiskFullError, LocalError, UsageError
from catsync_core.store.layout import CatalogStore, read_version_name
from catsync_core.store.space import free_bytes, require_space
from catsync_core.store.times import clamp_mtime

MIB = 1024 * 1024


def test_making_the_object_makes_nothing(tmp_path: Path) -> None:
    store = CatalogStore(tmp_path / "home", "shoes")
    assert store.version_path(7) == tmp_path / "home/catalogs/shoes/7"
    assert not store.exists()
    assert not store.home.exists()
    store.prepare()
    store.prepare()
    assert store.exists()


@pytest.mark.parametrize("catalog", ["../x", "", "A", ".catsync", "a/b"])
def test_only_catalog_ids_are_taken(tmp_path: Path, catalog: str) -> None:
    with pytest.raises(UsageError):
        CatalogStore(tmp_path, catalog)


@pytest.mark.parametrize("place", ["home", "home/catalogs", "home/catalogs/shoes"])
def test_links_are_refused(tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).symlink_to(outside)
    store = CatalogStore(tmp_path / "home", "shoes")
    for act in (store.prepare, store.beneath, lambda: store.lock("update").__enter__()):
        with pytest.raises(LocalError, match=r"is a link|not a plain folder"):
            act()
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("place", ["home", "home/catalogs", "home/catalogs/shoes"])
def test_files_in_the_way_are_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("mine")
    with pytest.raises(LocalError):
        CatalogStore(tmp_path / "home", "shoes").prepare()
    assert (tmp_path / place).read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "version"),
    [("1", 1), ("120", 120), ("0", None), ("01", None), ("x", None), ("1.json", None), ("\u0661", None)],
)
def test_version_names(name: str, version: int | None) -> None:
    assert read_version_name(name) == version


def test_space_is_asked_where_it_will_be_needed(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not/yet/there") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    require_space(tmp_path / "not/yet", 1000, "Catalog 'shoes'")


@pytest.mark.parametrize(
    ("needed", "free", "told"),
    [
        (1_000_000, 500_000, "needs 1.0 MB, 500.0 kB are free on this disk, 510.0 kB are missing"),
        (100, 99, "needs 101 bytes, 99 bytes are free on this disk, 2 bytes are missing"),
        (100_000 * MIB, 100_000 * MIB, "needs 104.9 GB, 104.9 GB are free on this disk, 16.8 MB are missing"),
    ],
)
def test_missing_space_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: int, free: int, told: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(DiskFullError) as caught:
        require_space(tmp_path, needed, "Catalog 'shoes'")
    assert caught.value.message == f"Catalog 'shoes' {told}"


def test_the_margin_is_all_that_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_010_000))
    require_space(tmp_path, 1_000_000, "It")


def test_times_stay_within_what_is_kept() -> None:
    assert [clamp_mtime(value) for value in (-5, 0, 1 << 31, 1 << 60)] == [0, 0, 1 << 31, (1 << 32) - 1]
