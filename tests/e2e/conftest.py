"""A device, a repository with a catalog, and the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catsync_core import Publisher
from catsync_core.backends.serve import Server
from catsync_core.testing.faults import FaultyServer
from support.command_line import CommandLine
from support.shop import Shop

# The pinned catalogs of the benchmarks are scripts of this checkout, not part of the installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

TITLE = "Schuhe 2026, Größen"


@pytest.fixture
def catsync(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "device")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A repository with version 1 of the catalog ``shoes``."""
    folder = tmp_path / "folder"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "red.jpg").write_bytes(bytes(range(256)) * 400)
    (folder / "prices.json").write_text('{"red": 10}')
    shop = Shop(folder, tmp_path / "repository")
    publisher = Publisher.open(shop.repository)
    publisher.init()
    publisher.publish(folder, "shoes", title=TITLE, note="The first")
    return shop


@pytest.fixture
def server(shop: Shop, faulty_server: Callable[[Path], FaultyServer]) -> FaultyServer:
    """Serves the shop's repository."""
    return faulty_server(shop.repository)


@pytest.fixture(params=["folder", "web"])
def address(request: pytest.FixtureRequest, shop: Shop) -> str:
    """The shop's repository: as a folder, and on a web server."""
    if request.param == "folder":
        return str(shop.repository)
    server: Server = request.getfixturevalue("server")
    return server.url
