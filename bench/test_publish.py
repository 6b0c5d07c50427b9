"""How long publishing a second version takes, and how fast the patch to it is made."""

from __future__ import annotations

import shutil
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest
from bench.catalogs import PAIRS, Pair, fetch

from catsync_core import Publisher
from catsync_core.publish import publisher
from catsync_core.publish.patches import make_patches

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5
SMALL = 1_000_000  # bytes that changed: a patch to fewer takes milliseconds, and says little
SMALL_ROUNDS = 25


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_publish(benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    """Publish the next version at the default effort; its patch is timed by itself, in seconds of one core."""
    old, new = fetch(pair)
    before, repository = tmp_path / "before", tmp_path / "repository"
    first = Publisher.open(before)
    first.init()
    first.publish(old, pair.name)
    seconds: list[float] = []

    def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # hands on what it gets
        began = process_time()
        made = make_patches(*arguments, **options)
        seconds.append(process_time() - began)
        return made

    monkeypatch.setattr(publisher, "make_patches", timed)

    def prepare() -> None:
        shutil.rmtree(repository, ignore_errors=True)
        shutil.copytree(before, repository)

    def publish() -> None:
        Publisher.open(repository).publish(new, pair.name)

    changed = _changed_bytes(old, new)
    rounds = ROUNDS if changed >= SMALL else SMALL_ROUNDS
    benchmark.pedantic(publish, setup=prepare, rounds=rounds)  # type: ignore[no-untyped-call] # the plugin's own lack
    benchmark.extra_info["changed bytes"] = changed
    patches = [path.stat().st_size for path in (repository / "patches").rglob("*") if path.is_file()]
    benchmark.extra_info["patch, bytes"] = sum(patches)
    benchmark.extra_info["patch, MB/s of changed content per core"] = round(changed / median(seconds) / 1e6, 1)


def _changed_bytes(old: Path, new: Path) -> int:
    return sum(
        path.stat().st_size
        for path in new.rglob("*")
        if path.is_file() and not _is_same(path, old / path.relative_to(new))
    )


def _is_same(path: Path, before: Path) -> bool:
    return before.is_file() and path.read_bytes() == before.read_bytes()
