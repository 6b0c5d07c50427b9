"""Real catalogs, two neighbouring versions each: whatever the way, a device ends with exactly the published tree."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from bench.catalogs import PAIRS, FetchError, Pair, fetch

from catsync_core import Client, Publisher
from catsync_core.backends.serve import serve
from catsync_core.client.report import Summary
from catsync_core.plan import requests
from catsync_core.plan.model import Via

OLD_TIME, NEW_TIME = 1_000_000_000, 1_100_000_000
FOLDER = "folder"
WITHOUT_BLOCKS = {"caniuse-lite"}  # small files of which so much changed that no signature pays

Tree = dict[str, tuple[str, int]]
"""SHA-256 and time of change of every file; folders are listed as such, with no time."""


def read_tree(root: Path) -> Tree:
    tree: Tree = {}
    for place in root.rglob("*"):
        path = place.relative_to(root).as_posix()
        if place.is_dir():
            tree[path] = (FOLDER, 0)
        else:
            with place.open("rb") as stream:
                tree[path] = (hashlib.file_digest(stream, "sha256").hexdigest(), int(place.stat().st_mtime))
    return tree


def set_times(root: Path, before: Tree) -> Tree:
    """Give a tree the times of a folder that was edited: registries write one constant time into all files.

    Returns:
        What the tree is now.
    """
    tree = read_tree(root)
    for path, (sha256, _) in tree.items():
        time = OLD_TIME if before.get(path, (sha256, 0))[0] == sha256 else NEW_TIME
        os.utime(root / path, (time, time))
    return read_tree(root)


def copy_version(version: Path, into: Path) -> Path:
    """Copy what a registry gave into a folder of the publisher's."""
    shutil.rmtree(into, ignore_errors=True)
    return shutil.copytree(version, into)


def install(home: Path, address: str) -> Summary:
    with Client(home) as client:
        client.add(address)
        return client.catalog("real").go_offline()


def update(home: Path, via: Via) -> Summary:
    with Client(home) as client:
        return client.catalog("real").update(via=via)


def installed(home: Path) -> Tree:
    with Client(home) as client:
        catalog = client.catalog("real")
        report = catalog.verify()
        assert (report.damaged, report.missing, report.foreign) == ((), (), ())
        return read_tree(catalog.path())


def fetch_pair(pair: Pair) -> tuple[Path, Path]:
    try:
        return fetch(pair)
    except FetchError as error:
        pytest.skip(f"{pair.name} is not here and cannot be fetched: {error}")


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_an_update_ends_in_the_same_tree_as_a_first_download(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("_LEAST_DETOUR", "_MOST_DETOUR"):  # blocks wherever they save a byte, however fast the line is
        monkeypatch.setattr(requests, bound, 0)
    versions = fetch_pair(pair)
    source, repository = tmp_path / "source", tmp_path / "repository"
    publisher = Publisher.open(repository)
    publisher.init()
    with serve(repository) as server:
        addresses = {"folder": str(repository), "web": server.url}
        published = set_times(copy_version(versions[0], source), {})
        publisher.publish(source, "real")
        for name, address in addresses.items():
            for via in (Via.PATCH, Via.BLOCKS):
                home = tmp_path / f"{name}-{via}"
                install(home, address)
                assert installed(home) == published

        published = set_times(copy_version(versions[1], source), published)
        publisher.publish(source, "real")
        for name, address in addresses.items():
            actions = update(tmp_path / f"{name}-{Via.PATCH}", Via.PATCH).actions
            assert actions["patch"].files
            assert not actions["blocks"].files
            actions = update(tmp_path / f"{name}-{Via.BLOCKS}", Via.BLOCKS).actions
            assert not actions["patch"].files
            assert actions["blocks"].files or pair.name in WITHOUT_BLOCKS
            install(tmp_path / name, address)
            for device in (name, f"{name}-{Via.PATCH}", f"{name}-{Via.BLOCKS}"):
                assert installed(tmp_path / device) == published
