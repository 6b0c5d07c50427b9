"""Updates over versions between: several patches, one after the other."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from catsync_core import Client, Effort
from catsync_core.errors import CancelledError
from catsync_core.events import Event, Phase, Progress
from catsync_core.format.head import Head, write_head
from catsync_core.format.history import History, read_history, write_history
from catsync_core.format.index import write_index
from catsync_core.format.objects import ObjectRef, object_key
from catsync_core.plan.model import Via
from catsync_core.store.layout import SPOOL, CatalogStore
from catsync_core.store.pointer import read_pointer
from catsync_core.testing.faults import Status
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer.repository import Repository
from support.bench import Bench, Tree, counted, interrupt, read

LINES = [f"article {number}; price {number * 7919 % 1000}" for number in range(3000)]
PHOTO = Random(1).randbytes(20_000)
SHELF = {f"page-{number:02}.html": f"<h1>{number}</h1>".encode() for number in range(80)}
"""Never changes; so many files that a manifest costs more than some patches."""


def edition(number: int) -> Tree:
    """A tree in which some lines change with every version, and a part of a photo.

    One file comes with the second version and stays, one is there in every second version, and one has another name in
    every version.
    """
    lines = [f"{line}; now {number}" if at % 300 == number else line for at, line in enumerate(LINES)]
    tree = SHELF | {
        "lines.csv": "\n".join(lines).encode(),
        "photo.jpg": Random(100 + number).randbytes(100) + PHOTO,
        f"renamed-{number}.txt": b"always the same",
    }
    if number > 1:
        tree["stays.csv"] = "\n".join(LINES[:500]).encode()
    if number % 2:
        tree["odd.csv"] = "\n".join(LINES[500:700]).encode()
    return tree


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def behind(bench: Bench, versions: int, effort: Effort = Effort.FAST) -> None:
    """Install a version, and publish so many others."""
    bench.publish(edition(1), effort)
    bench.install()
    for number in range(2, versions + 2):
        bench.publish(edition(number), effort)
    bench.forget()


def stored(bench: Bench) -> dict[str, bytes]:
    assert isinstance(bench.backend.inner, MemoryBackend)
    return bench.backend.inner.objects


def head_of(bench: Bench) -> Head:
    repository = Repository(bench.backend.inner)
    index = repository.index().index
    assert index is not None
    summary = index.catalogs["shoes"]
    return repository.head(summary.head, "shoes", summary.version)


def test_devices_follow_as_few_patches_as_lead_to_the_newest_version(bench: Bench) -> None:
    for number in range(1, 17):
        bench.publish(edition(number))
        if number < 16:
            bench.install(f"behind-{16 - number}")
    hops = {3: 2, 5: 2, 6: 2, 7: 3, 9: 2, 10: 2, 11: 3, 12: 2, 13: 3, 14: 3, 15: 4}
    for steps, patches in hops.items():
        with bench.device(f"behind-{steps}") as client:
            bench.forget()
            summary = client.catalog("shoes").update()
            kinds = bench.asked()
            assert kinds == ["index.json", "histories"] + ["patches"] * patches
            assert summary.requests == 2 + patches
            assert (summary.from_version, summary.to_version) == (16 - steps, 16)
            assert counted(summary)["patch"] in {2, 3}
            assert read(client) == edition(16)
    assert bench.warnings() == []


@pytest.mark.parametrize(("versions", "via"), [(3, Via.AUTO), (3, Via.PATCH), (7, Via.PATCH)])
def test_a_plan_says_what_the_update_then_takes(bench: Bench, versions: int, via: Via) -> None:
    behind(bench, versions)
    with bench.device() as client:
        client.check()
        bench.forget()
        planned = client.catalog("shoes").plan(via=via)
        assert Counter(bench.asked())["patches"] == versions
        bench.forget()
        done = client.catalog("shoes").update(via=via)
        asked = bench.asked()
        assert read(client) == edition(versions + 1)
    assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
    assert (planned.bytes_reused, planned.bytes_written) == (done.bytes_reused, done.bytes_written)
    assert len(asked) == done.requests
    assert asked.count("patches") == versions
    assert counted(done)["patch"] == counted(planned)["patch"] == 3


def test_a_plan_fetches_headers_and_no_more(bench: Bench) -> None:
    behind(bench, 3)
    with bench.device() as client:
        client.check()
        before = client.catalog("shoes").plan()
        head = head_of(bench)
        assert head.history is not None
        history = read_history(stored(bench)[object_key("histories", head.history)], head.patches)
        headers = sum(step.header for step in history.steps) + head.patches[0].header
        patches = sum(step.patch.length for step in history.steps) + head.patches[0].patch.length
        assert headers < patches
        bench.forget()
        client.catalog("shoes").plan()
        lengths = [stored(bench)[key] for _, key in bench.backend.calls if not key.startswith(("patches/", "index"))]
        assert before.bytes_received == patches + sum(len(body) for body in lengths)


def test_a_plan_tells_the_ways_that_there_are(bench: Bench) -> None:
    behind(bench, 3, Effort.BEST)
    with bench.device() as client:
        client.check()
        planned = client.catalog("shoes").plan()
        blocks = client.catalog("shoes").plan(via=Via.BLOCKS)
        full = client.catalog("shoes").plan(via=Via.FULL)
        done = client.catalog("shoes").update()
    patches, nothing, other = planned.ways
    assert (patches.way, patches.versions, patches.exact, patches.taken) == ("patches", (1, 2, 4), True, True)
    assert (patches.bytes_received, patches.requests) == (planned.bytes_received, planned.requests)
    assert (nothing.way, nothing.versions, nothing.exact, nothing.taken) == ("nothing", (), True, False)
    assert nothing.bytes_received > patches.bytes_received
    assert (other.way, other.exact, other.taken) == ("blocks", False, False)
    assert other.bytes_received <= blocks.bytes_received
    assert [way.taken for way in done.ways] == [True, False, False]
    assert (done.ways[0].bytes_received, done.ways[0].requests) == (done.bytes_received, done.requests)
    for only, kind in ((blocks, "blocks"), (full, "full")):
        (way,) = only.ways
        assert (way.way, way.exact, way.taken) == (kind, True, True)
        assert (way.bytes_received, way.requests) == (only.bytes_received, only.requests)


def test_no_version_between_is_ever_there_and_the_one_before_stays(bench: Bench, tmp_path: Path) -> None:
    behind(bench, 3)
    store = CatalogStore(tmp_path / "home", "shoes")
    with bench.device() as client:
        client.catalog("shoes").update()
        installed = read_pointer(store)
        assert installed is not None
        assert installed.previous is not None
        assert (installed.version, installed.previous.version) == (4, 1)
    assert sorted(place.name for place in store.root.iterdir()) == [".catsync", "1", "4"]
    assert sorted(path.name for path in (store.root / ".catsync" / "manifests").iterdir()) == [
        "1", "1.json", "4", "4.json",
    ]  # fmt: skip
    assert not (store.root / SPOOL).exists()


def test_progress_counts_all_patches_as_one(bench: Bench) -> None:
    behind(bench, 3)
    with bench.device() as client:
        client.catalog("shoes").update()
    events = [event for event in bench.events if isinstance(event, Phase | Progress) and event.job == "update"]
    phases = [event for event in events if isinstance(event, Phase)]
    assert [phase.name for phase in phases] == ["plan", "fetch", "decode", "fetch", "assemble", "commit", "done"]
    patches = [len(stored(bench)[key]) for key in {key for _, key in bench.backend.calls} if key.startswith("patches/")]
    assert len(patches) == 3
    assert phases[1].total == sum(patches)
    done, total = 0, 0
    for event in events:
        if isinstance(event, Phase):
            assert done == total, "a step ends with all of it done"
            done, total = 0, event.total
        else:
            assert event.total == total
            assert done <= event.done <= total
            done = event.done


def test_an_interrupted_update_goes_on_without_fetching_a_patch_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind(bench, 3)
    with bench.device() as client:
        client.check()
        with monkeypatch.context() as patched:
            patched.setattr("catsync_core.client.installation.commit", interrupt)
            with pytest.raises(KeyboardInterrupt):
                client.catalog("shoes").update()
        assert read(client) == edition(1)
        planned = client.catalog("shoes").plan()
        bench.forget()
        done = client.catalog("shoes").update()
        assert bench.asked() == ["index.json", "histories"]
        assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
        assert read(client) == edition(4)


def test_an_update_can_be_stopped_while_patches_are_decoded(bench: Bench, tmp_path: Path) -> None:
    behind(bench, 3)
    stopped = threading.Event()

    def stop(event: Event) -> None:
        if isinstance(event, Phase) and event.name == "decode":
            stopped.set()

    with Client(tmp_path / "home", listener=stop, plugins=bench.plugins(), cancelled=stopped) as client:
        with pytest.raises(CancelledError):
            client.catalog("shoes").update()
        assert read(client) == edition(1)
    bench.forget()
    with bench.device() as client:
        client.catalog("shoes").update()
        assert "patches" not in bench.asked()
        assert read(client) == edition(4)


def test_where_versions_between_had_much_that_is_gone_blocks_are_cheaper(bench: Bench) -> None:
    film = {"film.mp4": Random(9).randbytes(300_000)}
    bench.publish(edition(1), Effort.FAST)
    bench.install()
    for tree in (edition(2) | film, edition(3), edition(4)):
        bench.publish(tree, Effort.FAST)
    bench.forget()
    with bench.device() as client:
        client.check()
        blocks = client.catalog("shoes").plan(via=Via.BLOCKS)
        planned = client.catalog("shoes").plan()
        bench.forget()
        done = client.catalog("shoes").update()
        history = bench.stored("histories")
        assert "patches" not in bench.asked()
        assert read(client) == edition(4)
    assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
    assert done.bytes_received == blocks.bytes_received + history
    patches, other = planned.ways
    assert (patches.way, patches.exact, patches.taken) == ("patches", True, False)
    assert patches.bytes_received > 300_000
    assert (other.way, other.exact, other.taken) == ("blocks", True, True)


def test_what_comes_back_is_taken_from_the_version_that_is_here(bench: Bench, tmp_path: Path) -> None:
    text = {"text.csv": "\n".join(LINES[:400]).encode()}
    bench.publish(edition(2) | text, Effort.FAST)
    bench.install()
    for tree in (edition(4), edition(6) | {"other.csv": text["text.csv"]} | text):
        bench.publish(tree, Effort.FAST)
    bench.forget()
    old = (tmp_path / "home" / "catalogs" / "shoes" / "1" / "text.csv").stat()
    with bench.device() as client:
        client.check()
        planned = client.catalog("shoes").plan(via=Via.PATCH)
        bench.forget()
        done = client.catalog("shoes").update(via=Via.PATCH)
        assert bench.asked().count("patches") == 2
        assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
        assert read(client) == edition(6) | text | {"other.csv": text["text.csv"]}
        assert counted(done)["copy"] == 2, "the renamed file, and the second name of the other"
        again = (client.catalog("shoes").path() / "text.csv").stat()
    assert (again.st_ino == old.st_ino) == (int(again.st_mtime) == int(old.st_mtime))


def test_the_patch_from_nothing_is_taken_where_the_patches_between_cost_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = [
        {f"{number:02}.bin": Random(100 * seed + number).randbytes(900 + seed) for number in range(30)}
        for seed in range(4)
    ]
    bench.publish(SHELF | noise[0], Effort.BEST)
    bench.install()
    for tree in noise[1:]:
        bench.publish(SHELF | tree, Effort.BEST)
    solid = head_of(bench).patches[-1]
    assert not solid.base, "in which 30 hashes are spared"
    with bench.device("new") as client:
        first = client.catalog("shoes").plan().bytes_received
    bench.forget()
    with bench.device() as client:
        client.check()
        planned = client.catalog("shoes").plan()
        bench.forget()
        done = client.catalog("shoes").update()
        _, last = bench.backend.calls[-1]
        kinds = bench.asked()
        assert read(client) == SHELF | noise[3]
    assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
    assert last == object_key("patches", solid.patch)
    assert "packs" not in kinds
    assert done.bytes_received < 1.05 * first


def test_a_catalog_that_costs_little_more_than_its_history_does_without(bench: Bench) -> None:
    for number in range(1, 5):
        bench.publish({"a.txt": b"edition %d of some words" % number * 5}, Effort.FAST)
        if number == 1:
            bench.install()
    bench.forget()
    with bench.device() as client:
        client.catalog("shoes").update()
        assert "histories" not in bench.asked()
        assert read(client) == {"a.txt": b"edition 4 of some words" * 5}


def offer(bench: Bench, history: History | bytes) -> None:
    """Publish another history in the place of the good one, as whoever may write to the repository can."""
    objects = stored(bench)
    repository = Repository(bench.backend.inner)
    index, head = repository.index().index, head_of(bench)
    assert index is not None
    data = history if isinstance(history, bytes) else write_history(history)
    objects[object_key("histories", ObjectRef.of(data))] = data
    head_data = write_head(msgspec.structs.replace(head, history=ObjectRef.of(data)))
    objects[object_key("heads", ObjectRef.of(head_data))] = head_data
    summary = msgspec.structs.replace(index.catalogs["shoes"], head=ObjectRef.of(head_data))
    objects["index.json"] = write_index(
        msgspec.structs.replace(index, serial=index.serial + 1, catalogs={"shoes": summary})
    )


def good_history(bench: Bench) -> History:
    head = head_of(bench)
    assert head.history is not None
    return read_history(stored(bench)[object_key("histories", head.history)], head.patches)


def change_steps(history: History, **values: object) -> History:
    return msgspec.structs.replace(
        history, steps=tuple(msgspec.structs.replace(step, **values) for step in history.steps)
    )


def exchange_patches(history: History) -> History:
    first, second = history.steps
    return msgspec.structs.replace(
        history,
        steps=(
            msgspec.structs.replace(first, patch=second.patch, header=second.header),
            msgspec.structs.replace(second, patch=first.patch, header=first.header),
        ),
    )


ASTRAY: dict[str, Callable[[History], History | bytes]] = {
    "no history": lambda _: b"<html>Please log in</html>",
    "another catalog": lambda history: msgspec.structs.replace(history, catalog="boots"),
    "wrong headers": lambda history: change_steps(history, header=history.steps[0].header + 1),
    "short cuts": lambda history: change_steps(history, onward=0),
    "exchanged patches": exchange_patches,
    "no patches": lambda history: change_steps(history, patch=ObjectRef("0f" * 32, 100), header=9),
}


@pytest.mark.parametrize("spoil", ASTRAY.values(), ids=ASTRAY)
def test_a_history_that_leads_astray_is_told_and_the_update_goes_on(
    bench: Bench, spoil: Callable[[History], History | bytes]
) -> None:
    behind(bench, 3)
    offer(bench, spoil(good_history(bench)))
    with bench.device() as client:
        planned = client.catalog("shoes").plan()
        assert len(bench.warnings()) == 1
        bench.forget()
        done = client.catalog("shoes").update()
        assert read(client) == edition(4)
    (warning,) = bench.warnings()
    assert "goes on without it" in warning
    assert counted(done) == counted(planned)


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_history_that_cannot_be_had_is_told_and_done_without(bench: Bench, status: int) -> None:
    behind(bench, 3)
    bench.backend.plan.add(Status(status), key="histories/", times=math.inf)
    with bench.device() as client:
        client.catalog("shoes").update()
        assert "patches" not in bench.asked()
        assert read(client) == edition(4)
