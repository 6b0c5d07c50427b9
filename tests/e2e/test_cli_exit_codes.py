"""Every exit code, provoked as it happens to users."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from catsync_core import Publisher
from catsync_core.backends.protocol import Backend
from catsync_core.cli import publishing
from catsync_core.errors import DiskFullError
from catsync_core.store import space
from catsync_core.store.layout import CatalogStore
from catsync_core.testing.faults import FaultyServer, FlipBit, Status
from support.command_line import CommandLine
from support.shop import Shop


@pytest.fixture
def offline(catsync: CommandLine, server: FaultyServer) -> CommandLine:
    """A device with ``shoes`` offline from the server."""
    catsync.run("add", server.url)
    catsync.run("offline", "shoes")
    return catsync


def test_0_help_and_version(catsync: CommandLine) -> None:
    assert catsync.run("--version").stdout == "catsync 0.1.0\n"
    assert "Catalogs on this device:" in catsync.run("--help").stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("offline",),
        ("update",),
        ("update", "shoes", "--all"),
        ("publish", ".", ".", "--catalog", "shoes", "--effort", "worst"),
        ("publish", ".", ".", "--catalog", "shoes", "--patch-from", "0"),
        ("list", "--nonsense"),
        ("serve", "https://example.org/catalogs"),
        ("plan", "shoes", "--via", "sneaker"),
    ],
)
def test_2_usage(catsync: CommandLine, words: tuple[str, ...]) -> None:
    assert catsync.run(*words, code=2).stderr


def test_2_usage_names_the_commands_help(catsync: CommandLine) -> None:
    failed = catsync.run("offline", code=2).stderr
    assert failed == "Error: Missing argument 'CATALOGS...'.\n`catsync offline --help` explains the command.\n"


def test_2_deleting_needs_somebody_to_ask(offline: CommandLine) -> None:
    refused = offline.run("online", "shoes", code=2).stderr
    assert "shoes, 1" in refused
    assert " kB) would be deleted, and there is nobody to ask" in refused
    assert "--yes" in refused
    offline.run("verify", "shoes")


def test_2_a_repository_whose_catalogs_are_offline_stays(offline: CommandLine, server: FaultyServer) -> None:
    assert "catsync online shoes" in offline.run("remove", server.url, code=2).stderr


def test_3_some_failed(offline: CommandLine) -> None:
    error = offline.error("update", "shoes", "nothing", code=3)
    assert error["code"] == "some_failed"
    assert error["errors"]["nothing"]["exit_code"] == 10


def test_4_an_update_is_available(offline: CommandLine, shop: Shop) -> None:
    offline.run("check", "--exit-code")
    shop.publish(prices="{}")
    offline.run("check", code=0)
    offline.run("check", "--exit-code", code=4)


@pytest.mark.parametrize(
    "words",
    [
        ("info", "nothing"),
        ("path", "shoes", "nothing"),
        ("path", "shoes", "../.."),
        ("cat", "shoes", "nothing"),
        ("ls", "shoes", "nothing"),
        ("remove", "elsewhere"),
        ("check", "nothing"),
    ],
)
def test_10_not_found(offline: CommandLine, words: tuple[str, ...]) -> None:
    offline.run(*words, code=10)


def test_10_what_is_not_offline_has_no_folder(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    for command in ("path", "verify", "update", "repair"):
        assert "catsync offline shoes" in catsync.run(command, "shoes", code=10).stderr


def test_10_no_repository(catsync: CommandLine, shop: Shop, tmp_path: Path) -> None:
    catsync.run("add", tmp_path, code=10)
    catsync.run("serve", tmp_path, code=10)
    catsync.run("publish", shop.folder, tmp_path, "--catalog", "shoes", code=10)
    assert "It has: shoes" in catsync.run("versions", shop.repository, "nothing", code=10).stderr


def test_10_no_version_that_a_patch_could_begin_from(catsync: CommandLine, shop: Shop) -> None:
    words = ("publish", shop.folder, shop.repository, "--catalog", "shoes", "--patch-from", "7")
    refused = catsync.run(*words, code=10).stderr
    assert "shoes has no version 7 that a patch could begin from" in refused
    assert "Its versions are 1 to 1" in refused


def test_11_locked(offline: CommandLine, shop: Shop) -> None:
    shop.publish(prices="{}")
    with CatalogStore(offline.home, "shoes").lock("update"):
        assert f"process {os.getpid()}" in offline.run("update", "shoes", code=11).stderr
        offline.run("online", "shoes", "--yes", code=11)
    offline.run("update", "shoes")


@pytest.mark.parametrize("status", [401, 403])
def test_12_not_authorised(catsync: CommandLine, server: FaultyServer, status: int) -> None:
    server.plan.add(Status(status))
    catsync.run("add", server.url, code=12)


def test_13_connection_refused(catsync: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refused = catsync.run("add", f"http://127.0.0.1:{taken.getsockname()[1]}", code=13)
    assert "Check the network connection" in refused.stderr


def test_13_a_check_without_a_connection_changes_nothing(offline: CommandLine, server: FaultyServer) -> None:
    server.close()
    failed = offline.run("check", code=13)
    assert failed.stdout == ""
    assert "Offline" in offline.run("list").stdout
    offline.run("online", "shoes", "--yes", code=13)
    offline.run("verify", "shoes")
    offline.run("online", "shoes", "--yes", "--force")


def test_13_one_of_two_repositories_is_enough_for_its_catalogs(
    offline: CommandLine, server: FaultyServer, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    Publisher.open(other).init()
    offline.run("add", other)
    server.close()
    failed = offline.run("check", code=3).stderr
    assert "1 of 2 repositories failed" in failed
    assert server.url in failed


def test_14_a_damaged_object(catsync: CommandLine, server: FaultyServer) -> None:
    catsync.run("add", server.url)
    server.plan.add(FlipBit(), key="packs/", times=1000)
    failed = catsync.run("offline", "shoes", code=14)
    assert "damaged" in failed.stderr
    assert "Download failed" in catsync.run("list").stdout
    server.plan.clear()
    catsync.run("offline", "shoes")


def test_14_a_repository_that_went_back(offline: CommandLine, shop: Shop) -> None:
    before = (shop.repository / "index.json").read_bytes()
    shop.publish(prices="{}")
    offline.run("check")
    (shop.repository / "index.json").write_bytes(before)
    assert "went back" in offline.run("check", code=14).stderr


def test_15_conflict(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("init", shop.repository, code=15)


def test_15_somebody_else_publishes_meanwhile(
    catsync: CommandLine, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Publisher):
        """Lets somebody else publish when everything is uploaded."""

        def __init__(self, backend: Backend, **options: object) -> None:
            super().__init__(backend, **options)  # type: ignore[arg-type]  # passed on as they are
            listener = self._listener

            def interrupt(event: object) -> None:
                listener(event)  # type: ignore[arg-type]  # likewise
                if getattr(event, "name", "") == "commit":
                    shop.publish(prices="{}")

            self._listener = interrupt

    monkeypatch.setattr(publishing, "Publisher", Interrupted)
    (shop.folder / "new.txt").write_text("new")
    assert (
        "Somebody else published shoes"
        in catsync.run("publish", shop.folder, shop.repository, "--catalog", "shoes", code=15).stderr
    )


def test_16_disk_full(catsync: CommandLine, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    catsync.run("add", shop.repository)
    monkeypatch.setattr(space, "free_bytes", lambda _: 1000)
    assert "1.0 kB are free" in catsync.run("offline", "shoes", code=DiskFullError.exit_code).stderr


def test_17_no_plugin_for_an_address(catsync: CommandLine) -> None:
    assert "no backend for ftp://" in catsync.run("add", "ftp://example.org/catalogs", code=17).stderr


def test_1_a_tree_that_cannot_be_published(catsync: CommandLine, shop: Shop) -> None:
    (shop.folder / "link").symlink_to("prices.json")
    catsync.run("publish", shop.folder, shop.repository, "--catalog", "shoes", code=1)


def test_1_a_defect_is_called_so(catsync: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise KeyError("oh\x1b[31m")

    monkeypatch.setattr("catsync_core.client.client.Client.catalogs", fail)
    failed = catsync.run("list", code=1).stderr
    assert "KeyError" in failed
    assert "This is a defect in catsync" in failed
    assert "CATSYNC_DEBUG=1" in failed
    assert "Traceback" not in failed
    assert "\x1b" not in failed
    catsync.env["CATSYNC_DEBUG"] = "1"
    assert "Traceback" in catsync.run("list", code=1).stderr


def test_a_script_gets_errors_as_json(catsync: CommandLine) -> None:
    error = catsync.error("info", "shoes", code=10)
    assert error == {
        "type": "error",
        "code": "not_found",
        "exit_code": 10,
        "message": "There is no catalog 'shoes'",
        "hint": "`catsync add REPO` adds a repository first",
    }
    assert catsync.error("info", code=2)["code"] == "usage"
