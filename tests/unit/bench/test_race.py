from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from bench._packages import find_program
from bench._race import race
from bench._tools import Rsync, Tool
from bench._trees import DifferentTreeError, list_files, require_same, stage, tree_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

needs_programs = pytest.mark.skipif(
    any(find_program(name) is None for name in ("rsync", "nginx", "zstd", "tar", "time", "cp")),
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


def test_staged_trees_have_the_times_of_an_edited_folder(tmp_path: Path, trees: tuple[Path, Path]) -> None:
    old, new = stage(*trees, tmp_path / "work")
    require_same(trees[0], old)
    require_same(trees[1], new)
    before = {name: path.stat().st_mtime for name, path in list_files(old).items()}
    after = {name: path.stat().st_mtime for name, path in list_files(new).items()}
    assert after["same"] == before["same"]
    assert after["sub/changed"] > before["sub/changed"]
    assert tree_size(new) == 4000 + 3 + 5


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
    assert [sample.tool for sample in outcome.updates] == ["rsync", "mirror", "mirror", "rsync"]
    for sample in outcome.updates:
        assert sample.traffic.connections == 1
        assert sample.traffic.sent > 0
        assert 100 < sample.traffic.received < 4000  # not the file that stayed
        assert sample.cost.wall > 0
    assert (outcome.files, outcome.size) == (3, 4008)
    assert 0 < outcome.patch < outcome.solid < 4008
    assert outcome.installs == ()


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
