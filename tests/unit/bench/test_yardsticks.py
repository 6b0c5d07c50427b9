from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from bench import _yardsticks
from bench._packages import find_program
from bench._yardsticks import measure_yardsticks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    any(find_program(name) is None for name in ("bsdiff", "tar", "xdelta3", "zstd")),
    reason="the programs are not installed",
)

NOISE = random.Random(7).randbytes(100_000)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old", tmp_path / "new"
    for tree, content in ((old, NOISE), (new, NOISE[:50_000] + b"more" + NOISE[50_000:])):
        tree.mkdir()
        (tree / "file").write_bytes(content)
    return old, new


def test_deltas_are_of_the_change_and_the_solid_tar_is_of_everything(trees: tuple[Path, Path]) -> None:
    found = measure_yardsticks(*trees)
    assert set(found.deltas) == {"zstd patch", "xdelta3", "bsdiff"}
    assert all(10 < length < 2_000 for length in found.deltas.values())
    assert found.solid > len(NOISE)
    assert found.left_out == {}


def test_they_are_measured_once(trees: tuple[Path, Path]) -> None:
    assert measure_yardsticks(*trees) is measure_yardsticks(*trees)


def test_bsdiff_is_left_out_where_it_lacks_memory(trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_yardsticks, "_available_memory", lambda: 1_000_000)
    found = measure_yardsticks(*trees)
    assert "bsdiff" not in found.deltas
    assert "17 times the old tar" in found.left_out["bsdiff"]


def test_bsdiff_is_left_out_where_it_takes_for_ever(trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_yardsticks, "_BSDIFF_SECONDS", 0)
    found = measure_yardsticks(*trees)
    assert "bsdiff" not in found.deltas
    assert found.left_out["bsdiff"] == "it was not done after 0 s"


def test_free_memory_is_known() -> None:
    assert _yardsticks._available_memory() > 1 << 20
