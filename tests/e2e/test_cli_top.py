"""``catsync top`` on a terminal of its own."""

from __future__ import annotations

from catsync_core import Client
from support.command_line import CommandLine
from support.shop import Shop


def test_keys_take_a_catalog_offline(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    code, shown = catsync.interact("top", typed=b"oq")
    assert code == 0
    assert "Schuhe" in shown
    assert "q quit" in shown
    with Client(catsync.home) as client:
        info = client.catalog("shoes").info()
    assert info.mode == "offline"


def test_without_a_terminal_it_says_what_to_use(catsync: CommandLine) -> None:
    assert "catsync list" in catsync.run("top", code=2).stderr
