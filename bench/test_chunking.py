"""How fast whole files are hashed and matched, streams and lookup tables included."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from catsync_core.chunking import assemble, choose_block_size, match, signature

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

SIZE = 64 << 20
ROUNDS = 5


def test_signature(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Describe a file of 64 MiB."""
    path = tmp_path / "file"
    path.write_bytes(Random(1).randbytes(SIZE))

    def describe() -> None:
        with path.open("rb") as stream:
            signature(stream, choose_block_size(SIZE))

    benchmark.pedantic(describe, rounds=ROUNDS)  # type: ignore[no-untyped-call] # the plugin's own lack
    _note_rate(benchmark)


def test_match_and_assemble(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Find a file of 64 MiB in an old one that has a byte more at its front and a hundred changed kilobytes."""
    data = bytearray(Random(1).randbytes(SIZE))
    old = tmp_path / "old"
    old.write_bytes(b"x" + data)
    for at in range(0, SIZE, SIZE // 100):
        data[at : at + 1024] = bytes(1024)
    wanted = signature(bytes(data), choose_block_size(SIZE))

    def update() -> None:
        with old.open("rb") as basis, (tmp_path / "new").open("wb") as target:
            assemble(match(wanted, [basis]), [basis], lambda at, length: data[at : at + length], target)

    benchmark.pedantic(update, rounds=ROUNDS)  # type: ignore[no-untyped-call] # the plugin's own lack
    assert (tmp_path / "new").read_bytes() == data
    _note_rate(benchmark)


def _note_rate(benchmark: BenchmarkFixture) -> None:
    if benchmark.stats is not None:
        benchmark.extra_info["MB/s"] = round(SIZE / benchmark.stats.stats.median / 1e6)
