from __future__ import annotations

import errno
import fcntl
import sys
from typing import TYPE_CHECKING, ClassVar

import pytest
from bench._casync import Casync
from bench._packages import find_program
from bench._race import Job, race
from bench._rsync import Rsync
from bench._shape import LOOPBACK, Profile
from bench._tools import Tool
from bench._trees import (
    DifferentTreeError,
    changed_size,
    list_files,
    make_apart,
    put_away,
    require_same,
    stage,
    tree_size,
)
from bench._zsync import Zsync

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROGRAMS = ("bsdiff", "casync", "curl", "nginx", "rsync", "tar", "time", "xdelta3", "zstd", "zsync")

needs_programs = pytest.mark.skipif(
    any(find_program(name) is None for name in PROGRAMS),
    reason="the programs that are compared are not installed",
)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "a", tmp_path / "b"
    for tree, changed in ((old, b"old"), (new, b"new")):
        (tree / "sub").mkdir(parents=True)
        (tree / "same").write_bytes(b"same" * 1000)
        (tree / "sub" / "changed").write_bytes(changed)
    (old / "gone").write_bytes(b"gone")
    (new / "added").write_bytes(b"added")
    return old, new


def test_a_folder_whose_subfolders_lie_apart_is_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "devices"
    make_apart(folder)
    (folder / "one").mkdir()
    (folder / "one" / "file").write_bytes(b"x")
    assert list(list_files(folder)) == ["one/file"]
    with pytest.raises(FileExistsError):
        make_apart(folder)


@pytest.mark.parametrize("able", [True, False])
def test_the_file_system_is_asked_to_keep_subfolders_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, able: bool
) -> None:
    asked: list[int] = []

    def control(_descriptor: int, request: int, flags: bytes) -> bytes:
        if not able:
            raise OSError(errno.ENOTTY, "not here")
        if request == 0x40086602:  # FS_IOC_SETFLAGS
            asked.append(int.from_bytes(flags, sys.byteorder))
        return (0x00080000).to_bytes(4, sys.byteorder)

    monkeypatch.setattr(fcntl, "ioctl", control)
    make_apart(tmp_path / "devices")
    assert asked == ([0x000A0000] if able else []), "what was set stays so"
    assert (tmp_path / "devices").is_dir()


def test_staged_trees_have_the_times_of_an_edited_folder(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    old, new = stage(*trees, tmp_path / "work")
    require_same(trees[0], old)
    require_same(trees[1], new)
    before = {name: path.stat().st_mtime for name, path in list_files(old).items()}
    after = {name: path.stat().st_mtime for name, path in list_files(new).items()}
    assert after["same"] == before["same"]
    assert after["sub/changed"] > before["sub/changed"]
    assert tree_size(new) == 4000 + 3 + 5
    assert changed_size(old, new) == 3 + 5


def test_different_trees_are_told_apart_by_paths_and_content(trees: tuple[Path, Path]) -> None:
    with pytest.raises(DifferentTreeError, match=r"different sub/changed, missing added, unexpected gone \(3 in all\)"):
        require_same(trees[1], trees[0])


@needs_programs
def test_tools_take_turns_and_what_crosses_the_wire_is_counted(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    class Mirror(Rsync):
        name: ClassVar[str] = "mirror"

    work = tmp_path / "work"
    work.mkdir()
    outcome = race("pair", trees, [Rsync, Mirror], 2, work)
    updates = [sample for sample in outcome.samples if sample.job is Job.UPDATE]
    assert [sample.tool for sample in updates] == ["rsync", "mirror", "mirror", "rsync"]
    for sample in updates:
        assert sample.traffic.connections == 1
        assert sample.traffic.sent > 0
        assert 100 < sample.traffic.received < 4000  # not the file that stayed
        assert sample.cost.wall > 0
    assert {name: len(samples) for name, samples in outcome.select(Job.CHECK).items()} == {"rsync": 2, "mirror": 2}
    assert {name: len(samples) for name, samples in outcome.select(Job.INSTALL).items()} == {"rsync": 2, "mirror": 2}
    assert (outcome.files, outcome.size, outcome.changed) == (3, 4008, 8)
    assert set(outcome.yardsticks.deltas) == {"zstd patch", "xdelta3", "bsdiff"}
    assert 0 < outcome.yardsticks.deltas["zstd patch"] < outcome.yardsticks.solid < 4008


@needs_programs
def test_over_a_link_first_downloads_run_once_and_some_tools_do_not(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    class Near(Rsync):
        name: ClassVar[str] = "near"
        crosses_links = False

    work = tmp_path / "work"
    work.mkdir()
    link = Profile("link", rate=80e6, round_trip=0.02)
    outcome = race("pair", trees, [Rsync, Near], 2, work, profiles=[LOOPBACK, link])
    assert list(outcome.select(Job.UPDATE)) == ["rsync", "near"]
    over = {job: outcome.select(job, "link") for job in (Job.UPDATE, Job.CHECK, Job.INSTALL)}
    assert {job: {name: len(samples) for name, samples in found.items()} for job, found in over.items()} == {
        Job.UPDATE: {"rsync": 2},
        Job.CHECK: {"rsync": 2},
        Job.INSTALL: {"rsync": 1},
    }
    # The handshake, the greetings and the file list are a round trip each.
    assert min(sample.cost.wall for found in over.values() for sample in found["rsync"]) >= 3 * link.round_trip


@needs_programs
@pytest.mark.parametrize("tool", [Zsync, Casync])
def test_peers_update_install_and_check(tmp_path: Path, trees: tuple[Path, Path], tool: type[Tool]) -> None:
    work = tmp_path / "work"
    work.mkdir()
    outcome = race("pair", trees, [tool], 1, work)
    (update,), (install,), (check,) = (outcome.select(job)[tool.name] for job in (Job.UPDATE, Job.INSTALL, Job.CHECK))
    assert update.traffic.requests >= 2
    assert install.traffic.requests >= 2
    assert check.traffic.requests == 1
    if tool is Zsync:
        assert check.traffic.body == 0  # it asked conditionally


@needs_programs
def test_a_tool_that_does_nothing_is_found_out(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    class Lazy(Rsync):
        name: ClassVar[str] = "lazy"

        def update(self) -> Sequence[Sequence[str]]:
            return [["true"]]

    work = tmp_path / "work"
    work.mkdir()
    entrants: list[type[Tool]] = [Lazy]
    with pytest.raises(DifferentTreeError, match="sub/changed"):
        race("pair", trees, entrants, 1, work)


def test_what_is_put_away_still_exists_and_so_holds_its_inodes(tmp_path: Path) -> None:
    tree, attic = tmp_path / "tree", tmp_path / "attic"
    put_away(tree, attic)
    assert not attic.exists()
    for number in range(2):
        tree.mkdir()
        (tree / "file").write_text(str(number))
        put_away(tree, attic)
        assert not tree.exists()
    assert [path.read_text() for path in sorted(attic.glob("*/file"))] == ["0", "1"]
