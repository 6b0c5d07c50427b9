"""What users do, from the first command to the last, over a folder and over a web server."""

from __future__ import annotations

from pathlib import Path

import pytest

from catsync_core.testing.faults import FaultyServer
from support.command_line import CommandLine
from support.shop import Shop

TITLE = "Schuhe 2026, Größen"


def make_stale(shop: Shop, catsync: CommandLine) -> None:
    """Publish a new version and let the device learn of it."""
    shop.publish(prices='{"red": 11}')
    catsync.run("check")


def test_a_publisher_makes_a_repository_and_publishes(catsync: CommandLine, tmp_path: Path) -> None:
    folder, repository = tmp_path / "shoes", tmp_path / "repository"
    folder.mkdir()
    (folder / "a.csv").write_text("1;2")
    made = catsync.run("init", repository)
    assert f"catsync publish DIR {repository} --catalog ID" in made.stderr
    first = catsync.run("publish", folder, repository, "--catalog", "shoes", "--note", "The first")
    assert "Published shoes version 1: 1 of 1 file changed" in first.stderr
    again = catsync.run("publish", folder, repository, "--catalog", "shoes")
    assert again.stderr == "Nothing changed since version 1; nothing was published.\n"
    (folder / "b.csv").write_text("3")
    catsync.run("publish", folder, repository, "--catalog", "shoes", "--effort", "fast")
    versions = catsync.run("versions", repository, "shoes").stdout.splitlines()
    assert [line.split()[0] for line in versions] == ["Version", "2", "1"]
    assert versions[2].endswith("The first")
    newest = catsync.run("versions", repository, "shoes", "--limit", "1").stdout.splitlines()
    assert newest == versions[:2]


def test_an_empty_device_says_what_to_do_next(catsync: CommandLine, tmp_path: Path) -> None:
    listed = catsync.run("list")
    assert listed.stdout == ""
    assert "catsync add REPO" in listed.stderr
    catsync.run("init", tmp_path / "empty")
    catsync.run("add", tmp_path / "empty")
    assert "catsync check" in catsync.run("list").stderr


def test_s1_s2_a_new_catalog_is_listed_and_read_online(catsync: CommandLine, address: str) -> None:
    added = catsync.run("add", address)
    assert "catsync offline shoes" in added.stderr
    listed = catsync.run("list").stdout
    assert f"{TITLE} (shoes)" in listed
    assert "Online" in listed
    assert catsync.run("ls", "shoes").stdout.splitlines() == ["images/", "prices.json"]
    assert catsync.run("ls", "shoes", "-r").stdout.splitlines() == ["images/red.jpg", "prices.json"]
    assert catsync.run("cat", "shoes", "images/red.jpg").stdout_bytes == bytes(range(256)) * 400
    assert not list((catsync.home / "catalogs").rglob("red.jpg"))


def test_s3_s5_s7_offline_downloads_at_once_and_only_once(catsync: CommandLine, address: str) -> None:
    catsync.run("add", address)
    done = catsync.run("offline", "shoes").stderr
    assert f"{TITLE} is offline: version 1, 102 kB, as of " in done
    assert "already" in catsync.run("offline", "shoes").stderr
    folder = Path(catsync.run("path", "shoes").stdout.strip())
    assert (folder / "prices.json").read_text() == '{"red": 10}'
    image = Path(catsync.run("path", "shoes", "images/red.jpg").stdout.strip())
    assert image == folder / "images" / "red.jpg"


def test_s6_offline_reads_work_without_a_connection(catsync: CommandLine, server: FaultyServer) -> None:
    catsync.run("add", server.url)
    catsync.run("offline", "shoes")
    server.close()
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'
    assert catsync.run("ls", "shoes", "images").stdout == "images/red.jpg\n"
    assert "Offline" in catsync.run("list").stdout
    assert "is intact: 2 files" in catsync.run("verify", "shoes").stderr


def test_s9_s11_an_update_is_shown_then_fetched_when_asked(
    catsync: CommandLine, shop: Shop, server: FaultyServer
) -> None:
    catsync.run("add", server.url)
    catsync.run("offline", "shoes")
    shop.publish(prices='{"red": 11}')
    server.forget()
    checked = catsync.run("check")
    assert f"{TITLE} (shoes): version 2 of" in checked.stdout
    assert "catsync update shoes" in checked.stderr
    assert server.count(key="packs/") == 0
    catsync.run("check", "--exit-code", code=4)
    assert "Update available" in catsync.run("list").stdout
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'
    updated = catsync.run("update", "shoes").stderr
    assert f"{TITLE} is updated to version 2: " in updated
    assert " of 102 kB downloaded." in updated
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 11}'
    assert "is up to date: version 2" in catsync.run("update", "--all").stderr
    assert catsync.run("check", "--exit-code").stderr == "Everything is up to date.\n"


def test_the_plan_keeps_its_word(catsync: CommandLine, shop: Shop, address: str) -> None:
    catsync.run("add", address)
    catsync.run("offline", "shoes")
    make_stale(shop, catsync)
    shown = catsync.run("plan", "shoes").stdout
    assert "update from version 1 to 2" in shown
    assert "keep as it is" in shown
    planned = catsync.document("plan", "shoes")
    done = catsync.lines("update", "shoes")[-1]
    for field in ("bytes_reused", "bytes_written", "actions", "from_version", "to_version", "total_bytes"):
        assert done[field] == planned[field], field
    assert done["bytes_received"] <= planned["bytes_received"]


@pytest.mark.parametrize(
    ("way", "action"), [("auto", "patch"), ("patch", "patch"), ("blocks", "full"), ("full", "full")]
)
def test_the_way_may_be_chosen(catsync: CommandLine, shop: Shop, server: FaultyServer, way: str, action: str) -> None:
    catsync.run("add", server.url)
    catsync.run("offline", "shoes")
    make_stale(shop, catsync)
    planned = catsync.document("plan", "shoes", "--via", way)
    server.forget()
    done = catsync.lines("update", "shoes", "--via", way)[-1]
    assert planned["actions"] == done["actions"]
    assert {name for name, total in done["actions"].items() if total["files"]} == {"keep", action}
    assert (server.count(key="patches/"), server.count(key="packs/")) == ((1, 0) if action == "patch" else (0, 1))
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 11}'


def test_where_there_is_no_patch_the_way_by_patch_goes_by_blocks(catsync: CommandLine, server: FaultyServer) -> None:
    catsync.run("add", server.url)
    done = catsync.lines("offline", "shoes", "--via", "patch")[-1]
    assert done["actions"]["full"]["files"] == 2
    assert server.count(key="patches/") == 0


def test_a_plan_of_a_first_download_changes_nothing(catsync: CommandLine, address: str) -> None:
    catsync.run("add", address)
    shown = catsync.run("plan", "shoes").stdout
    assert "first download, version 1" in shown
    assert "Online" in catsync.run("list").stdout


def test_a_copy_elsewhere_is_reused(catsync: CommandLine, shop: Shop, server: FaultyServer) -> None:
    catsync.run("add", server.url)
    done = catsync.lines("offline", "shoes", "--basis", shop.folder)[-1]
    assert done["actions"]["copy"]["files"] == 2
    assert server.count(key="packs/") == 0


def test_s13_info_says_what_is_and_what_to_do(catsync: CommandLine, shop: Shop, address: str) -> None:
    catsync.run("add", address)
    assert "catsync offline shoes" in catsync.run("info", "shoes").stdout
    catsync.run("offline", "shoes")
    make_stale(shop, catsync)
    info = dict(line.split(maxsplit=1) for line in catsync.run("info", "shoes").stdout.splitlines())
    assert info["Title"] == TITLE
    assert info["Newest"].startswith("version  2 of ")
    assert info["Local"].startswith("version   1 of ")
    assert info["Next"].endswith("`catsync update shoes` fetches version 2")
    assert info["Checked"] == "just now"


def test_s14_online_deletes_exactly_what_was_stored(catsync: CommandLine, address: str) -> None:
    catsync.run("add", address)
    catsync.run("offline", "shoes")
    folder = Path(catsync.run("path", "shoes").stdout.strip())
    (folder.parent / "mine.txt").write_text("mine")
    gone = catsync.run("online", "shoes", "--yes")
    assert f"{TITLE} is online." in gone.stderr
    assert "mine.txt" in gone.stderr
    assert (folder.parent / "mine.txt").read_text() == "mine"
    assert not folder.exists()
    assert "Online" in catsync.run("list").stdout
    assert "nothing to delete" in catsync.run("online", "shoes").stderr
    catsync.run("remove", address)
    assert "catsync add REPO" in catsync.run("list").stderr


def test_damage_is_found_named_and_repaired(catsync: CommandLine, address: str) -> None:
    catsync.run("add", address)
    catsync.run("offline", "shoes")
    image = Path(catsync.run("path", "shoes", "images/red.jpg").stdout.strip())
    image.chmod(0o644)
    image.write_bytes(b"\0" * image.stat().st_size)
    found = catsync.run("verify", "shoes", code=14)
    assert found.stdout.startswith("damaged  images/red.jpg  (")
    assert "catsync repair shoes" in found.stderr
    assert "shoes is repaired: " in catsync.run("repair", "shoes").stderr
    catsync.run("verify", "shoes")
    assert "nothing was to repair" in catsync.run("repair", "shoes").stderr


def test_several_catalogs_go_on_after_one_failed(catsync: CommandLine, shop: Shop) -> None:
    shop.publish("bags")
    catsync.run("add", shop.repository)
    done = catsync.run("offline", "nothing", "shoes", "bags", "shoes", code=3)
    assert "nothing: There is no catalog 'nothing'." in done.stderr
    assert "1 of 3 catalogs failed: nothing" in done.stderr
    assert catsync.run("list").stdout.count("Offline") == 2


def test_a_catalog_that_vanished_is_still_listed_and_usable(catsync: CommandLine, shop: Shop, tmp_path: Path) -> None:
    catsync.run("add", shop.repository)
    catsync.run("offline", "shoes")
    (catsync.home / "state.sqlite3").unlink()
    listed = catsync.run("list").stdout
    assert "No longer offered" in listed
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 10}'


def test_doctor_and_plugins_tell_what_works(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    examined = catsync.run("doctor")
    assert "Everything works." in examined.stderr
    assert "Free space" in examined.stdout
    assert f"{shop.repository} answers" in examined.stdout
    assert "backend_http" in catsync.run("plugins", "list").stdout


def test_doctor_advises_where_something_is_wrong(catsync: CommandLine, server: FaultyServer) -> None:
    catsync.run("add", server.url)
    server.close()
    examined = catsync.run("doctor", code=1)
    assert server.url in examined.stdout
    assert "1 problem found." in examined.stderr


def test_verbose_tells_how_and_quiet_tells_nothing(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    assert "request" in catsync.run("-v", "offline", "shoes").stderr
    shop.publish(prices="{}")
    assert catsync.run("update", "shoes", "-q").stderr == ""


def test_mistyped_names_are_guessed(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    assert "Did you mean list" in catsync.run("lisst", code=2).stderr
    assert "Did you mean shoes?" in catsync.run("info", "shoos", code=10).stderr
    assert "Did you mean shoes?" in catsync.run("info", TITLE.upper(), code=10).stderr


def test_an_update_is_looked_at_skipped_fetched_and_taken_back(catsync: CommandLine, shop: Shop, address: str) -> None:
    catsync.run("add", address)
    catsync.run("offline", "shoes")
    make_stale(shop, catsync)
    changes = catsync.run("changes", "shoes").stdout
    assert "version 1 to 2" in changes
    assert "1 file changed" in changes
    assert changes.splitlines()[-1].endswith("prices.json")
    assert "Version 2 of shoes is skipped" in catsync.run("skip", "shoes").stderr
    assert "Update available" not in catsync.run("list").stdout
    catsync.run("update", "--all")
    assert "version 2" in catsync.run("info", "shoes").stdout.split("Skipped", 1)[1]
    assert "updated to version 2" in catsync.run("update", "shoes").stderr
    assert "is back at version 1" in catsync.run("rollback", "shoes").stderr
    assert catsync.run("cat", "shoes", "prices.json").stdout != '{"red": 11}'
    assert "Update available" in catsync.run("list").stdout
    assert "updated to version 2" in catsync.run("update", "shoes").stderr
    assert catsync.run("cat", "shoes", "prices.json").stdout == '{"red": 11}'
