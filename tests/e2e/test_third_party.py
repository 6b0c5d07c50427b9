"""A policy, a schedule and a notifier that somebody else wrote, installed by pip and named in the configuration.

Nothing in catsync knows of them. Every command is a process of an environment in which the distribution is installed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import agent_driver
from support.command_line import ProcessLine, read_lines
from support.nginx import INDEX, Nginx
from support.shop import Shop

HOUR = 3600.0
MODULE = '''
"""What a sales team wants: downloads from an hour on, checks every few hours, and a diary."""

import json
from pathlib import Path

import msgspec

from catsync_core import Decision, NotifierEntry, PolicyEntry, ScheduleEntry, Verdict, hookimpl


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: float = 0.0


class Rounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hours: float = 8.0


class Diary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: str = ""


def decide(question, settings):
    if question.action in {"install", "update"} and question.now < settings.at:
        return Verdict(Decision.WAIT, "Acme is not open yet", settings.at)
    return Verdict(Decision.ALLOW)


def next_check(last, settings):
    return last.checked_at + settings.hours * 3600


class Writer:
    def __init__(self, settings):
        self._file = Path(settings.file).open("a")

    def notify(self, event):
        fields = {"event": type(event).__name__, **msgspec.structs.asdict(event)}
        self._file.write(json.dumps(fields) + "\\n")

    def close(self):
        self._file.close()


@hookimpl
def catsync_policies():
    return [PolicyEntry("acme-opening", Opening, decide)]


@hookimpl
def catsync_schedules():
    return [ScheduleEntry("acme-rounds", Rounds, next_check)]


@hookimpl
def catsync_notifiers():
    return [NotifierEntry("acme-diary", Diary, Writer)]
'''
METADATA = "Metadata-Version: 2.1\nName: catsync-acme\nVersion: 1.5\nRequires-Dist: catsync\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the distribution ``catsync-acme``."""
    folder = tmp_path_factory.mktemp("acme")
    wheel = write_wheel(folder)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "--no-index", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


@pytest.fixture
def web(shop: Shop, tmp_path: Path) -> Iterator[Nginx]:
    with Nginx(shop.repository, tmp_path / "nginx") as web:
        yield web


@pytest.fixture
def catsync(tmp_path: Path, site: Path) -> ProcessLine:
    device = ProcessLine(tmp_path / "device", {"PYTHONPATH": str(site)})
    device.home.mkdir()
    return device


def write_wheel(folder: Path) -> Path:
    """Write what a build of a project of one module gives."""
    info = "catsync_acme-1.5.dist-info"
    files = {
        "catsync_acme.py": MODULE,
        f"{info}/METADATA": METADATA,
        f"{info}/WHEEL": WHEEL,
        f"{info}/entry_points.txt": "[catsync]\nacme = catsync_acme\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    wheel = folder / "catsync_acme-1.5-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            archive.writestr(path, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def configure(catsync: ProcessLine, text: str) -> None:
    (catsync.home / "config.toml").write_text(text)


def drive(catsync: ProcessLine, hours: float | str, *leaps: tuple[float, float]) -> list[dict[str, Any]]:
    """Let an agent run in that environment; returns its events."""
    command = [sys.executable, agent_driver.__file__, str(catsync.home), json.dumps(leaps), str(hours)]
    done = subprocess.run(command, env=os.environ | catsync.env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return read_lines(done.stdout)


def test_it_is_found_as_what_pip_installed(catsync: ProcessLine) -> None:
    listed = {record["name"]: record for record in catsync.document("plugins", "list")["plugins"]}
    acme = listed["acme"]
    assert (acme["distribution"], acme["version"], acme["status"]) == ("catsync-acme", "1.5", "active")
    del catsync.env["PYTHONPATH"]
    assert "acme" not in {record["name"] for record in catsync.document("plugins", "list")["plugins"]}


def test_the_policy_lets_a_download_wait_and_allows_it_later(catsync: ProcessLine, web: Nginx) -> None:
    opens = time.time() + HOUR
    catsync.run("add", web.url)
    configure(catsync, f"[policies.acme-opening]\nat = {opens}\n")
    web.forget()
    waits = catsync.error("offline", "shoes", code=1)
    assert "Acme is not open yet" in waits["message"]
    found = catsync.document("info", "shoes")
    assert (found["label"], found["job"]["gate"], found["job"]["until"]) == ("waiting", "policy", opens)
    assert "Acme is not open yet" in catsync.run("jobs").stdout
    catsync.run("agent", "--once")
    assert web.content() == []
    assert not found["path"]

    (ended,) = [line for line in drive(catsync, "once", (0, 2)) if line["type"] == "ended"]
    assert (ended["job"], ended["outcome"]) == ("install", "done")
    assert len(web.content()) == 1
    assert catsync.document("info", "shoes")["label"] == "offline"


def test_the_user_may_override_it(catsync: ProcessLine, web: Nginx) -> None:
    catsync.run("add", web.url)
    configure(catsync, f"[policies.acme-opening]\nat = {time.time() + HOUR}\n")
    catsync.run("offline", "shoes", "--now")
    assert catsync.document("info", "shoes")["label"] == "offline"


def test_the_agent_checks_by_the_schedule(catsync: ProcessLine, web: Nginx) -> None:
    configure(catsync, '[auto_sync]\nschedule = "acme-rounds"\n[schedules.acme-rounds]\nhours = 6\n')
    catsync.run("add", web.url)
    catsync.run("offline", "shoes")
    found = catsync.document("info", "shoes")
    assert found["next_check"] - found["checked_at"] == 6 * HOUR
    web.forget()
    checks = [line for line in drive(catsync, 26) if line["type"] == "checked"]
    assert [round(check["after"] / 6) for check in checks] == [1, 2, 3, 4]
    assert [each.path for each in web.served()] == [INDEX] * 4


def test_the_notifier_is_told(catsync: ProcessLine, shop: Shop, web: Nginx, tmp_path: Path) -> None:
    diary = tmp_path / "diary.jsonl"
    configure(catsync, f'[notifiers.acme-diary]\nfile = "{diary}"\n')
    catsync.run("add", web.url)
    catsync.run("offline", "shoes")
    assert told(diary, "JobEnded") == [("shoes", "install", "done", 1)]
    shop.publish(prices='{"red": 11}')
    catsync.run("check")
    catsync.run("check")
    assert told(diary, "UpdateFound") == [("shoes", None, None, 2)]  # once
    catsync.run("update", "shoes")
    assert told(diary, "JobEnded")[1:] == [("shoes", "update", "done", 2)]
    shop.publish(prices='{"red": 12}')
    drive(catsync, 26)
    assert told(diary, "UpdateFound")[1:] == [("shoes", None, None, 3)]  # by the agent, too


def told(diary: Path, event: str) -> list[tuple[object, ...]]:
    """Return what the diary says of events of a kind."""
    lines = [line for line in read_lines(diary.read_text()) if line["event"] == event]
    return [tuple(line.get(name) for name in ("catalog", "job", "outcome", "version")) for line in lines]


def test_a_mistake_in_its_settings_is_named(catsync: ProcessLine, web: Nginx) -> None:
    catsync.run("add", web.url)
    configure(catsync, '[policies.acme-opening]\nat = "soon"\n')
    error = catsync.error("offline", "shoes", code=2)
    assert error["code"] == "config"
    assert "policies.acme-opening.at" in error["message"]
    assert web.content() == []
