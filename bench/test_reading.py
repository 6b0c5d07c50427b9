"""Reading offline against reading online over a link: 200 random files of a real catalog, in the same run."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bench._packages import MissingProgramsError, ensure_programs
from bench._pins import PAIRS
from bench._servers import serve_files
from bench._shape import FAST
from bench._wire import Relay
from bench.catalogs import fetch

from catsync_core import Client, Publisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_benchmark.fixture import BenchmarkFixture

FILES = 200
ROUNDS = 5


def test_reading(benchmark: BenchmarkFixture) -> None:
    """Open and read each file whole, as an app would; online with a new client, so that nothing is cached."""
    try:
        ensure_programs()
    except MissingProgramsError as error:
        pytest.skip(str(error))
    pair = next(pair for pair in PAIRS if pair.name == "openmoji")
    tree = fetch(pair)[0]
    paths = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())
    chosen = random.Random(1).sample(paths, FILES)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        web, state = work / "web", work / "state"
        web.mkdir()
        state.mkdir()
        Publisher.open(web).init()
        Publisher.open(web).publish(tree, "openmoji")
        with serve_files(web, state) as port, Relay(port, http=True) as relay:
            relay.link = FAST.lay()
            url = f"http://127.0.0.1:{relay.port}"
            online: list[float] = []
            for number in range(2):
                with Client(work / f"online-{number}") as client:
                    client.add(url)
                    online.append(_read(client, tree, chosen))
            with Client(work / "offline") as client:
                client.add(f"http://127.0.0.1:{port}")
                client.catalog("openmoji").go_offline()
                offline: list[float] = []
                benchmark.pedantic(  # type: ignore[no-untyped-call] # the plugin's own lack
                    lambda: offline.append(_read(client, tree, chosen)), rounds=ROUNDS
                )
    benchmark.extra_info["online over 20 Mbit/s and 40 ms, seconds"] = round(statistics.median(online), 3)
    benchmark.extra_info["online / offline"] = round(statistics.median(online) / statistics.median(offline), 1)


def _read(client: Client, tree: Path, paths: Sequence[str]) -> float:
    """Return the seconds that it takes; what was read is compared afterwards."""
    started = time.perf_counter()
    catalog = client.catalog("openmoji")
    found = []
    for path in paths:
        with catalog.open(path) as stream:
            found.append(stream.read())
    seconds = time.perf_counter() - started
    assert found == [(tree / path).read_bytes() for path in paths]
    return seconds
