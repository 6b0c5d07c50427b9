from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

import pytest
from bench import _catsync
from bench._behind import measure_lags
from bench._catsync import Catsync, CatsyncBlocks, read_summary
from bench._effort import EFFORTS
from bench._packages import find_program
from bench._race import Job, race
from bench._tools import Site

if TYPE_CHECKING:
    from pathlib import Path

DOUBLE = """\
#!{python} -IS
# The command line's contract, and nothing of its cleverness: whole versions as tars.
import json, os, pathlib, shutil, sys, tarfile, urllib.request

verb, *words = sys.argv[1:]
home = pathlib.Path(os.environ["CATSYNC_HOME"])
home.mkdir(parents=True, exist_ok=True)

def get(name):
    with urllib.request.urlopen((home / "repo").read_text() + "/" + name) as answer:
        return answer.read()

if verb == "init":
    pathlib.Path(words[0], "index.json").write_text("0")
elif verb == "publish":
    tree, repo, *options = words
    assert options[:-1] == ["--catalog", "catalog", "--effort"]
    pathlib.Path(repo, "efforts").open("a").write(options[-1] + " ")
    index = pathlib.Path(repo, "index.json")
    version = int(index.read_text()) + 1
    with tarfile.open(pathlib.Path(repo, f"{{version}}.tar"), "w") as tar:
        tar.add(tree, ".")
    index.write_text(str(version))
elif verb == "add":
    (home / "repo").write_text(words[0])
    get("index.json")
elif verb == "check":
    (home / "head").write_bytes(get("index.json"))
elif verb in ("offline", "update"):
    assert words[0] == "catalog" and words[1] == "--via" and words[-1] == "--json"
    head = int(get("index.json"))
    if verb == "update":
        assert (home / "tree").is_dir(), "update of nothing"
    content = get(f"{{head}}.tar")
    (home / "new.tar").write_bytes(content)
    shutil.rmtree(home / "tree", ignore_errors=True)
    with tarfile.open(home / "new.tar") as tar:
        tar.extractall(home / "tree")
    (home / "tree").chmod(0o555)
    print(json.dumps({{"event": "start"}}))
    print(json.dumps({{"bytes_received": len(content), "requests": 2, "actions": {{}}, "via": words[2]}}))
elif verb == "path":
    print(home / "tree")
else:
    sys.exit(2)
"""

needs_programs = pytest.mark.skipif(
    any(find_program(name) is None for name in ("bsdiff", "cp", "nginx", "rsync", "tar", "time", "xdelta3", "zstd")),
    reason="the programs that are compared are not installed",
)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "catsync"
    path.write_text(DOUBLE.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(_catsync, "find_catsync", lambda: str(path))
    return path


@needs_programs
def test_updates_and_installs_run_through_the_command_line_and_the_relay(tmp_path: Path, program: Path) -> None:
    old, new, work = tmp_path / "a", tmp_path / "b", tmp_path / "work"
    for tree, content in ((old, b"old"), (new, b"new" * 10_000)):
        tree.mkdir()
        (tree / "file").write_bytes(content)
    work.mkdir()
    outcome = race("pair", (old, new), [Catsync, CatsyncBlocks], 2, work)
    updates = outcome.select(Job.UPDATE)
    for tool, via in ((Catsync, "auto"), (CatsyncBlocks, "blocks")):
        assert len(updates[tool.name]) == len(outcome.select(Job.CHECK)[tool.name]) == 2
        for sample in updates[tool.name]:
            summary = read_summary(sample.output)
            assert summary["via"] == via
            assert sample.traffic.requests == 2
            assert sample.traffic.body == summary["bytes_received"] + 1  # and the index
            assert sample.traffic.body < sample.traffic.received
        assert [sample.traffic.requests for sample in outcome.select(Job.CHECK)[tool.name]] == [1, 1]
        assert [sample.traffic.requests for sample in outcome.select(Job.INSTALL)[tool.name]] == [3, 3]
        (publish,) = outcome.select(Job.PUBLISH)[tool.name]
        assert publish.cost.wall > 0


@needs_programs
def test_each_effort_publishes_with_its_own(tmp_path: Path, program: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for tool in EFFORTS:
        site = Site(tmp_path, tmp_path, tmp_path / tool.effort, "http://none", "", tmp_path / "device")
        site.web.mkdir()
        driver = tool(site)
        driver.init()
        driver.publish_version(tree)
        assert (site.web / "efforts").read_text().split() == [tool.effort]
    assert [tool.effort for tool in EFFORTS] == ["fast", "default", "best"]


@needs_programs
def test_devices_left_at_each_version_all_reach_the_newest(tmp_path: Path, program: Path) -> None:
    trees, work = [], tmp_path / "work"
    for number in range(3):
        tree = tmp_path / f"tree{number}"
        tree.mkdir()
        (tree / "file").write_bytes(b"%d" % number * 10_000)
        trees.append((f"v{number}", tree))
    work.mkdir()
    lags = measure_lags("thing", trees, work)
    assert (lags.name, lags.label) == ("thing", "v2")
    assert [(lag.versions, lag.label) for lag in lags.lags] == [(1, "v1"), (2, "v0")]
    for traffic in (lags.install, *(each for lag in lags.lags for each in (lag.update, lag.blocks))):
        assert traffic.body > 10_000
    assert lags.install.requests == 3


def test_without_catsync_the_driver_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_catsync, "find_catsync", lambda: None)
    site = Site(tmp_path, tmp_path, tmp_path, "", "", tmp_path / "device")
    with pytest.raises(FileNotFoundError, match="not installed"):
        Catsync(site)
