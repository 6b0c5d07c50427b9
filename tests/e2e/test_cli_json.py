"""The shapes of ``--json``: fields are only ever added, so what stands here must stay."""

from __future__ import annotations

from typing import Any

import pytest

from catsync_core.cli.progress import PHASES
from support.command_line import CommandLine
from support.shop import Shop

INFO = {
    "schema": int,
    "catalog": str,
    "title": str,
    "repository": str,
    "offered": bool,
    "mode": str,
    "label": str,
    "installed_version": int,
    "head_version": int,
    "files": int,
    "bytes": int,
    "installed_published": int,
    "installed_at": int,
    "installed_files": int,
    "installed_bytes": int,
    "head_published": int,
    "checked_at": int,
    "downloaded_at": int,
    "downloaded_bytes": int,
    "kept_bytes": int,
    "problem": str,
    "path": str,
}
SUMMARY = {
    "schema": int,
    "catalog": str,
    "title": str,
    "from_version": int,
    "to_version": int,
    "changed": bool,
    "total_bytes": int,
    "bytes_received": int,
    "requests": int,
    "bytes_reused": int,
    "bytes_written": int,
    "seconds": float,
    "actions": dict,
    "ways": list,
    "files": list,
}
PUBLICATION = {
    "schema": int,
    "catalog": str,
    "version": int,
    "published": bool,
    "files": int,
    "bytes": int,
    "changed_files": int,
    "bytes_uploaded": int,
    "seconds": float,
    "patches": list,
}
PHASE = {"type": str, "job": str, "subject": str, "name": str, "total": int}
ENDED = {"type": str, "job": str, "catalog": str, "outcome": str, "version": int, "message": str, "code": str}
PROGRESS = {"type": str, "job": str, "subject": str, "done": int, "total": int}


def check(found: dict[str, Any], shape: dict[str, type]) -> None:
    """Fields may be added, but those of the shape must be there with their type."""
    assert found.keys() >= shape.keys()
    for name, kind in shape.items():
        assert type(found[name]) is kind, f"{name} is {found[name]!r}"


@pytest.fixture
def device(catsync: CommandLine, shop: Shop) -> CommandLine:
    """A device with version 1 offline, that has learnt of version 2."""
    catsync.run("add", shop.repository)
    catsync.run("offline", "shoes")
    shop.publish(prices='{"red": 11}')
    catsync.run("check")
    return catsync


def check_job(lines: list[dict[str, Any]], job: str) -> dict[str, Any]:
    """Check the events of a job and return its summary."""
    *events, summary = lines
    assert summary["type"] == "summary"
    for event in events:
        check(event, {"phase": PHASE, "progress": PROGRESS, "ended": ENDED}[event["type"]])
        assert event["job"] in {job, "verify"}
    assert {"phase", "progress"} <= {event["type"] for event in events}
    return summary


def test_list_info_and_add(device: CommandLine, shop: Shop) -> None:
    listed = device.document("list")
    assert listed.keys() == {"schema", "catalogs"}
    (info,) = listed["catalogs"]
    check(info, INFO)
    assert device.document("info", "shoes") == info
    assert (info["label"], info["mode"], info["installed_version"], info["head_version"]) == (
        "update_available",
        "offline",
        1,
        2,
    )
    assert [added["catalog"] for added in device.document("add", shop.repository)["catalogs"]] == ["shoes"]


def test_check(device: CommandLine, shop: Shop) -> None:
    found = device.document("check")
    assert (found["schema"], found["updates"]) == (1, ["shoes"])
    (repository,) = found["repositories"]
    assert repository["repository"] == shop.repository.as_uri()
    assert repository["updates"] == ["shoes"]
    assert [repository[name] for name in ("error", "hint", "code", "exit_code")] == ["", "", "", 0]


def test_check_that_fails_still_prints_its_document(device: CommandLine, shop: Shop) -> None:
    (shop.repository / "index.json").unlink()
    found = device.document("check", code=10)
    (repository,) = found["repositories"]
    assert (repository["code"], repository["exit_code"]) == ("missing_object", 10)


def test_plan_and_update(device: CommandLine) -> None:
    plan = device.document("plan", "shoes")
    check(plan, SUMMARY)
    assert plan["actions"].keys() == {"keep", "copy", "patch", "blocks", "full"}
    assert plan["actions"]["keep"] == {"files": 1, "bytes": 102400}
    for way in plan["ways"]:
        check(way, {"way": str, "versions": list, "bytes_received": int, "requests": int, "exact": bool, "taken": bool})
    (taken,) = (way for way in plan["ways"] if way["taken"])
    assert (taken["bytes_received"], taken["requests"]) == (plan["bytes_received"], plan["requests"])
    assert plan["files"] == []
    (kept,) = (file for file in device.document("plan", "shoes", "-v")["files"] if file["action"] == "keep")
    assert kept == {"path": "images/red.jpg", "action": "keep", "bytes": 102400, "reused": 102400}
    summary = check_job(device.lines("update", "shoes"), "update")
    check(summary, SUMMARY)
    assert summary["actions"] == plan["actions"]


def test_offline_of_several_ends_each_in_a_summary(catsync: CommandLine, shop: Shop) -> None:
    shop.publish("bags")
    catsync.run("add", shop.repository)
    lines = catsync.lines("offline", "shoes", "bags")
    assert [line["catalog"] for line in lines if line["type"] == "summary"] == ["shoes", "bags"]
    assert lines[-1]["type"] == "summary"


def test_no_progress_leaves_the_summary(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    (summary,) = catsync.lines("offline", "shoes", "--no-progress")
    assert summary["type"] == "summary"
    assert summary["from_version"] is None


def test_publish(catsync: CommandLine, shop: Shop) -> None:
    (shop.folder / "new.csv").write_text("1;2;3\n" * 1000)
    summary = check_job(catsync.lines("publish", shop.folder, shop.repository, "--catalog", "shoes"), "publish")
    check(summary, PUBLICATION)
    assert (summary["version"], summary["changed_files"], summary["files"]) == (2, 1, 3)


def test_publish_with_patches_from_chosen_versions(catsync: CommandLine, shop: Shop) -> None:
    rows = [f"{number};{number * 7919 % 1000}" for number in range(3000)]
    publish = ("publish", shop.folder, shop.repository, "--catalog", "shoes", "--patch-from", "1")
    for version in (2, 3, 4):
        rows[version] = "changed"
        (shop.folder / "list.csv").write_text("\n".join(rows))
        summary = check_job(catsync.lines(*publish), "publish")
        assert summary["version"] == version
    assert [patch["from_version"] for patch in summary["patches"]] == [3, 1]
    assert all(isinstance(patch["bytes"], int) and patch["bytes"] for patch in summary["patches"])


def test_versions(device: CommandLine, shop: Shop) -> None:
    found = device.document("versions", shop.repository, "shoes")
    assert (found["schema"], found["catalog"]) == (1, "shoes")
    shape = {"version": int, "title": str, "note": str, "published": int, "files": int, "bytes": int}
    for version in found["versions"]:
        check(version, shape)
    assert [(version["version"], version["note"]) for version in found["versions"]] == [(2, ""), (1, "The first")]


def test_ls(device: CommandLine) -> None:
    found = device.document("ls", "shoes", "images")
    assert (found["schema"], found["catalog"]) == (1, "shoes")
    (file,) = found["files"]
    assert (file["path"], file["size"]) == ("images/red.jpg", 102400)
    assert isinstance(file["mtime"], int)


def test_verify_and_repair(device: CommandLine) -> None:
    intact = device.document("verify", "shoes")
    assert (intact["schema"], intact["intact"], intact["files"], intact["missing"]) == (1, True, 2, [])
    folder = device.home / "catalogs" / "shoes" / "1"
    folder.chmod(0o755)
    (folder / "prices.json").unlink()
    (folder / "mine.txt").write_text("mine")
    damaged = device.document("verify", "shoes", code=14)
    assert (damaged["intact"], damaged["missing"], damaged["foreign"]) == (False, ["prices.json"], ["mine.txt"])
    check(check_job(device.lines("repair", "shoes"), "repair"), SUMMARY)


def test_online(device: CommandLine) -> None:
    found = device.document("online", "shoes", "--yes")
    (gone,) = found["catalogs"]
    assert (found["schema"], gone["catalog"], gone["left"]) == (1, "shoes", [])
    assert gone["deleted_bytes"] >= 102400


def test_init_doctor_and_plugins(catsync: CommandLine, shop: Shop) -> None:
    made = catsync.document("init", shop.repository.parent / "new")
    assert made.keys() == {"schema", "url", "repository"}
    examined = catsync.document("doctor")
    assert (examined["schema"], examined["version"]) == (1, "0.1.0")
    for finding in examined["findings"]:
        check(finding, {"check": str, "status": str, "detail": str, "advice": str})
    plugins = catsync.document("plugins", "list")["plugins"]
    for plugin in plugins:
        check(plugin, {"name": str, "distribution": str, "version": str, "status": str, "error": str})
    assert "backend_file" in {plugin["name"] for plugin in plugins}


def test_every_phase_of_a_job_has_words(catsync: CommandLine, shop: Shop) -> None:
    catsync.run("add", shop.repository)
    catsync.run("offline", "shoes")
    (shop.folder / "prices.json").write_text('{"red": 11}')
    events = catsync.lines("publish", shop.folder, shop.repository, "--catalog", "shoes")
    catsync.run("check")
    events += catsync.lines("update", "shoes")
    names = {event["name"] for event in events if event["type"] == "phase"}
    assert {"patch", "decode"} <= names
    assert names - {"done"} <= PHASES.keys()
