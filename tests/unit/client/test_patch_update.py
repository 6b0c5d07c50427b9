"""Updates by patch: what they ask for, and that a plan knows it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from catsync_core import Effort
from catsync_core.client import watch
from catsync_core.client.report import Summary
from catsync_core.client.state import State
from catsync_core.events import Phase
from catsync_core.plan.model import PatchPart, Via
from catsync_core.publish import draft
from catsync_core.publish.effort import Settings
from catsync_core.testing.faults import Status
from catsync_core.transfer import frame_cache, parts
from catsync_core.transfer.frame_cache import Decoded
from support.bench import Bench, Tree, counted, interrupt, read

LINES = [f"article {number}; price {number * 7919 % 1000}" for number in range(4000)]
PHOTO = Random(1).randbytes(20_000)


def edition(number: int) -> Tree:
    """A tree in which every version changes some lines, two photos' first bytes and a small file."""
    lines = [f"{line}; now {number}" if at % 500 == number % 500 else line for at, line in enumerate(LINES)]
    return {
        "lines.csv": "\n".join(lines).encode(),
        "photo.jpg": Random(100 + number).randbytes(300) + PHOTO,
        "same.jpg": PHOTO[::-1],
        "text.txt": b"edition %d" % number,
    }


SMALL = {f"{number}.json": "\n".join(LINES[number * 100 : number * 100 + 90]).encode() for number in range(30)}
"""Many alike: what a patch from nothing is for."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.publish(edition(1))
    return bench


@pytest.mark.parametrize("via", [Via.AUTO, Via.PATCH])
def test_an_update_one_version_behind_is_two_requests(bench: Bench, via: Via) -> None:
    bench.install()
    bench.publish(edition(2))
    bench.forget()
    with bench.device() as client:
        summary = client.catalog("shoes").update(via=via)
        assert bench.asked() == ["index.json", "patches"]
        assert summary.requests == 2
        assert counted(summary) == {"keep": 1, "patch": 3}
        assert read(client) == edition(2)
    assert bench.warnings() == []


def test_a_plan_tells_what_becomes_of_each_file(bench: Bench) -> None:
    bench.install()
    bench.publish(edition(2) | {"again.jpg": PHOTO[::-1], "empty.txt": b""})
    with bench.device() as client:
        planned = client.catalog("shoes").plan()
        done = client.catalog("shoes").update()
    assert [(file.path, file.action) for file in planned.files] == [
        ("again.jpg", "copy"),
        ("empty.txt", "full"),
        ("lines.csv", "patch"),
        ("photo.jpg", "patch"),
        ("same.jpg", "keep"),
        ("text.txt", "patch"),
    ]
    sizes = {path: len(data) for path, data in edition(2).items()}
    assert {file.path: file.bytes for file in planned.files} == sizes | {"again.jpg": 20_000, "empty.txt": 0}
    assert sum(file.reused for file in planned.files) == planned.bytes_reused == 40_000
    assert done.files == ()
    (patch, blocks) = planned.ways
    assert (patch.way, patch.versions, patch.taken) == ("patches", (1, 2), True)
    assert (blocks.way, blocks.exact, blocks.taken) == ("blocks", False, False)


@pytest.mark.parametrize("via", [Via.BLOCKS, Via.FULL])
def test_other_ways_take_no_patch(bench: Bench, via: Via) -> None:
    bench.install()
    bench.publish(edition(2))
    bench.forget()
    with bench.device() as client:
        summary = client.catalog("shoes").update(via=via)
        assert "patches" not in bench.asked()
        assert "patch" not in counted(summary)
        assert read(client) == edition(2)


def test_a_patch_takes_fewer_bytes_and_requests_than_blocks(bench: Bench) -> None:
    bench.install()
    bench.publish(edition(2))
    with bench.device() as client:
        catalog = client.catalog("shoes")
        plans = {via: catalog.plan(via=via) for via in Via}
    assert plans[Via.PATCH].bytes_received < min(plans[via].bytes_received for via in (Via.BLOCKS, Via.FULL))
    assert plans[Via.PATCH].requests < min(plans[via].requests for via in (Via.BLOCKS, Via.FULL))


def test_devices_one_two_four_and_eight_versions_behind_follow_one_patch(bench: Bench) -> None:
    for number in range(2, 11):
        bench.install(f"behind-{11 - number}")
        bench.publish(edition(number))
    for behind in (1, 2, 4, 8):
        with bench.device(f"behind-{behind}") as client:
            bench.forget()
            summary = client.catalog("shoes").update()
            assert (summary.from_version, summary.to_version) == (10 - behind, 10)
            assert bench.asked() == ["index.json", "patches"]
            assert read(client) == edition(10)


@pytest.mark.parametrize("effort", [Effort.DEFAULT, Effort.BEST])
def test_only_the_best_effort_makes_first_downloads_one_patch(tmp_path: Path, effort: Effort) -> None:
    bench = Bench(tmp_path)
    bench.publish(SMALL, effort)
    with bench.device() as client:
        client.check()
        planned = client.catalog("shoes").plan()
        bench.forget()
        done = client.catalog("shoes").go_offline()
        kinds = bench.asked()
        assert read(client) == SMALL
    assert (planned.requests, planned.bytes_received, planned.actions) == (
        done.requests,
        done.bytes_received,
        done.actions,
    )
    if effort is Effort.BEST:
        assert (kinds, done.requests) == (["index.json", "patches"], 2)
        assert counted(done) == {"patch": 30}
    else:
        assert kinds == ["index.json", "manifests", "tables", "packs"]


def test_a_folder_that_the_user_names_is_used_rather_than_a_patch_from_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.publish(SMALL, Effort.BEST)
    with bench.device() as client:
        assert counted(client.catalog("shoes").plan()) == {"patch": 30}
        bench.forget()
        summary = client.catalog("shoes").go_offline(folders=[tmp_path / "source"])
        assert counted(summary) == {"copy": 30}
        assert bench.asked().count("patches") == 0


@pytest.mark.parametrize("via", list(Via))
@pytest.mark.parametrize(
    "tree",
    [
        edition(2),
        edition(1) | {"added.txt": b"added"},
        {"same.jpg": PHOTO[::-1]},
        {"renamed.jpg": PHOTO[::-1], "copy.jpg": PHOTO[::-1], "empty": b""},
        {},
        edition(1) | {"large.jpg": Random(7).randbytes(2_500_000)},
    ],
    ids=["changed", "added", "deleted", "renamed", "emptied", "noise"],
)
def test_a_plan_says_what_the_update_then_takes(bench: Bench, tree: Tree, via: Via) -> None:
    bench.install()
    bench.publish(tree)
    with bench.device() as client:
        client.check()
        planned = client.catalog("shoes").plan(via=via)
        bench.forget()
        done = client.catalog("shoes").update(via=via)
        asked = len(bench.asked())
        assert read(client) == tree
    assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
    assert (planned.actions, planned.bytes_reused) == (done.actions, done.bytes_reused)
    assert done.requests == asked


def test_a_plan_knows_what_an_interrupted_update_has_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.install()
    bench.publish(edition(2))
    with bench.device() as client:
        client.check()
        before = client.catalog("shoes").plan()
        with monkeypatch.context() as patched:
            patched.setattr("catsync_core.client.installation.commit", interrupt)
            with pytest.raises(KeyboardInterrupt):
                client.catalog("shoes").update()
        planned = client.catalog("shoes").plan()
        done = client.catalog("shoes").update()
        assert read(client) == edition(2)
    assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
    assert planned.requests == before.requests - 1 == 1
    assert planned.bytes_received < before.bytes_received


def test_content_that_does_not_compress_makes_no_patch_dearer_than_blocks(bench: Bench) -> None:
    bench.install()
    bench.publish(edition(2) | {"photo.jpg": Random(5).randbytes(300_000), "film.mp4": Random(6).randbytes(300_000)})
    with bench.device() as client:
        plans = {via: client.catalog("shoes").plan(via=via) for via in Via}
    assert plans[Via.AUTO].bytes_received <= min(plans[via].bytes_received for via in (Via.BLOCKS, Via.FULL))


@pytest.mark.parametrize(("room", "times"), [(1500, 2), (1 << 20, 1)])
def test_each_frame_of_a_patch_is_decoded_once_or_without_room_again_for_files(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, room: int, times: int
) -> None:
    monkeypatch.setattr(draft, "_OUTPUT", 1000)
    monkeypatch.setattr(frame_cache, "_CAPACITY", room)
    old = {f"{number:03}.{'txt' if number % 2 else 'csv'}": b"%d " % number * 60 for number in range(60)}
    new = {path: data + b"new" for path, data in old.items()}
    bench.publish(old)
    bench.install()
    bench.publish(new)
    decoded: list[int] = []
    decode = parts.PartSource._decode_patch

    def count(source: parts.PartSource, part: PatchPart) -> Decoded:
        decoded.append(part.frame.offset)
        return decode(source, part)

    monkeypatch.setattr(parts.PartSource, "_decode_patch", count)
    with bench.device() as client:
        assert counted(client.catalog("shoes").update()) == {"patch": 60}
        assert read(client) == new
    assert len(set(decoded)) > 5
    assert set(Counter(decoded).values()) == {times}


def test_a_frame_that_cannot_be_decoded_is_tried_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {f"{number:03}.txt": b"%d " % number * 60 for number in range(60)}
    new = {path: data + b"new" for path, data in old.items()}
    bench.publish(old)
    bench.install()
    bench.publish(new)
    decoded: list[int] = []
    decode = parts.PartSource._decode_patch

    def count(source: parts.PartSource, part: PatchPart) -> Decoded:
        decoded.append(part.frame.offset)
        return decode(source, part)

    monkeypatch.setattr(parts.PartSource, "_decode_patch", count)
    with bench.device() as client:
        victim = client.catalog("shoes").path() / "030.txt"
        victim.chmod(0o644)
        victim.write_bytes(b"damaged")
        client.catalog("shoes").update()
        assert read(client) == new
    assert len(decoded) == 1
    assert any("Not all of shoes" in warning for warning in bench.warnings())


def test_an_update_by_patch_tells_its_phases(bench: Bench) -> None:
    bench.install()
    bench.publish(edition(2))
    with bench.device() as client:
        client.catalog("shoes").update()
    phases = [event for event in bench.events if isinstance(event, Phase) and event.job == "update"]
    assert [phase.name for phase in phases] == ["plan", "fetch", "decode", "fetch", "assemble", "commit", "done"]


@pytest.fixture
def gone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A device that is one version behind, while no patch leads to the new version."""
    bench.install()
    bench.publish(edition(2))
    monkeypatch.setattr("catsync_core.publish.patches._pays", lambda *_: False)
    bench.publish(edition(3))
    bench.forget()
    return bench


@pytest.mark.parametrize("via", list(Via))
def test_where_no_patch_leads_an_update_goes_by_blocks_without_a_word(gone: Bench, via: Via) -> None:
    with gone.device() as client:
        summary = client.catalog("shoes").update(via=via)
        assert "patches" not in gone.asked()
        assert "patch" not in counted(summary)
        assert read(client) == edition(3)
    assert gone.warnings() == []


PINS = {f"{number:03}.txt": b"%d" % number for number in range(300)}
"""So little content that hashes and places are most of the catalog."""


def shelf(number: int, changed: int = 1) -> Tree:
    """Some files that are alike, of which the first ones are others in every version, and have other names."""
    files = {f"{at + 100 * number}.csv{number}": at + 1000 * number for at in range(changed)}
    files |= {f"{at:03}.csv": at for at in range(changed, 30)}
    alike = "\n".join(LINES[:100])
    return {path: f"{alike} {Random(seed).randbytes(1500).hex()}".encode() for path, seed in files.items()}


def cabinet(number: int, changed: int = 5) -> Tree:
    """So many small files that their hashes are a good part of everything, again some of them others each time."""
    files = {f"{at:03}.txt": at + 1000 * number if at < changed else at for at in range(200)}
    return {path: Random(seed).randbytes(300 + seed // 1000).hex().encode() for path, seed in files.items()}


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A repository with patches from nothing and no others, and a device that will be behind.

    Frames are so small that a patch from nothing, which sees all files at once, takes much less than they do.
    """
    small = replace(Settings.of(Effort.BEST), frame_size=4000, distances=())
    monkeypatch.setattr(Settings, "of", classmethod(lambda *_: small))
    return Bench(tmp_path)


def fall_behind(bench: Bench, *trees: Tree) -> None:
    """Install the first version, and publish the others."""
    bench.publish(trees[0])
    bench.install()
    for tree in trees[1:]:
        bench.publish(tree)
    bench.forget()


def compare(bench: Bench, tree: Tree) -> tuple[Summary, list[str]]:
    """Plan and update; returns what was done, and what was asked for."""
    with bench.device() as client:
        client.check()
        catalog = client.catalog("shoes")
        planned = catalog.plan()
        bench.forget()
        done = catalog.update()
        assert read(client) == tree
        assert (planned.requests, planned.bytes_received, planned.actions, planned.bytes_written) == (
            done.requests,
            done.bytes_received,
            done.actions,
            done.bytes_written,
        )
    assert bench.warnings() == []
    return done, [key.partition("/")[0] for _, key in bench.backend.calls]


def first_download(bench: Bench) -> int:
    with bench.device("new") as client:
        return client.catalog("shoes").plan().bytes_received


def test_without_a_patch_from_here_a_small_change_goes_by_blocks(sleeper: Bench) -> None:
    fall_behind(sleeper, shelf(1), shelf(2), shelf(3))
    done, asked = compare(sleeper, shelf(3))
    assert "patches" not in asked
    assert done.bytes_received < first_download(sleeper) / 5


def test_without_a_patch_from_here_a_great_change_goes_by_the_patch_from_nothing(sleeper: Bench) -> None:
    fall_behind(sleeper, shelf(1), shelf(2), shelf(3, 30))
    with sleeper.device() as client:
        blocks = client.catalog("shoes").plan(via=Via.BLOCKS)
    sleeper.forget()
    done, asked = compare(sleeper, shelf(3, 30))
    assert (asked[-1], asked.count("packs")) == ("patches", 0)
    assert counted(done) == {"patch": 30}
    assert done.bytes_received < blocks.bytes_received
    assert [(way.way, way.exact, way.taken) for way in done.ways] == [("nothing", True, True), ("blocks", True, False)]
    known = sleeper.stored("manifests", "tables", "signatures")
    first = first_download(sleeper)
    assert done.bytes_received <= min(first + known, 1.05 * first)


def test_where_there_are_many_files_the_patch_from_nothing_tells_that_little_changed(sleeper: Bench) -> None:
    fall_behind(sleeper, cabinet(1), cabinet(2), cabinet(3))
    done, asked = compare(sleeper, cabinet(3))
    assert asked[:4] == ["index.json", "patches", "manifests", "tables"]
    assert asked.count("patches") == 1, "of which only the header was fetched"
    with sleeper.device("late") as client:
        whole = client.catalog("shoes").plan().bytes_received
    assert done.bytes_received < whole / 4


def test_where_there_are_many_files_the_patch_from_nothing_tells_that_much_changed(sleeper: Bench) -> None:
    fall_behind(sleeper, cabinet(1), cabinet(2), cabinet(3, 190))
    done, asked = compare(sleeper, cabinet(3, 190))
    assert asked == ["index.json", "patches", "patches"]
    assert done.bytes_received <= 1.05 * first_download(sleeper)
    assert counted(done) == {"keep": 10, "patch": 190}


def test_where_the_manifest_costs_more_than_the_patch_from_nothing_it_is_not_fetched(sleeper: Bench) -> None:
    fall_behind(sleeper, shelf(1), shelf(2), PINS)
    _, asked = compare(sleeper, PINS)
    assert asked == ["index.json", "patches"]


def test_the_patch_from_nothing_writes_nothing_that_is_here(sleeper: Bench) -> None:
    fall_behind(sleeper, shelf(1), shelf(2), shelf(3))
    with sleeper.device() as client:
        client.check()
        catalog = client.catalog("shoes")
        before = (catalog.path() / "010.csv").stat().st_ino
        planned = catalog.plan(via=Via.PATCH)
        done = catalog.update(via=Via.PATCH)
        assert read(client) == shelf(3)
        assert (catalog.path() / "010.csv").stat().st_ino == before
    assert counted(done) == {"keep": 29, "patch": 1}
    assert done.bytes_written == len(shelf(3)["300.csv3"])
    assert planned.actions == done.actions
    assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
    assert (planned.bytes_written, planned.bytes_reused) == (done.bytes_written, done.bytes_reused)


@pytest.mark.parametrize(("lost", "way"), [("patches/", "packs"), ("manifests/", "patches"), ("tables/", "patches")])
@pytest.mark.parametrize("make", [shelf, cabinet])
def test_what_is_lost_of_one_way_leaves_the_other(
    sleeper: Bench, lost: str, way: str, make: Callable[[int, int], Tree]
) -> None:
    fall_behind(sleeper, make(1, 0), make(2, 5), make(3, 10))
    sleeper.backend.plan.add(Status(404), key=lost, times=math.inf)
    via = Via.PATCH if lost == "patches/" else Via.AUTO
    with sleeper.device() as client:
        client.catalog("shoes").update(via=via)
        assert sleeper.backend.calls[-1][1].startswith(way)
        assert read(client) == make(3, 10)
    (warning,) = sleeper.warnings()
    assert lost in warning


def test_a_patch_from_nothing_whose_header_is_lost_is_told_once(sleeper: Bench) -> None:
    fall_behind(sleeper, cabinet(1), cabinet(2), cabinet(3))
    sleeper.backend.plan.add(Status(404), key="patches/", times=math.inf)
    with sleeper.device() as client:
        client.catalog("shoes").update()
        assert read(client) == cabinet(3)
    (warning,) = sleeper.warnings()
    assert "goes on without it" in warning


def test_what_is_kept_of_a_patch_from_nothing_counts_for_it(sleeper: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fall_behind(sleeper, shelf(1), shelf(2), shelf(3))
    with sleeper.device() as client:
        client.check()
        catalog = client.catalog("shoes")
        with monkeypatch.context() as patched:
            patched.setattr("catsync_core.client.installation.commit", interrupt)
            with pytest.raises(KeyboardInterrupt):
                catalog.update(via=Via.PATCH)
        sleeper.forget()
        done = catalog.update()
        assert sleeper.asked() == ["index.json"]
        assert counted(done)["patch"] == 1
        assert read(client) == shelf(3)


def test_a_folder_that_does_not_help_leaves_a_first_download_to_the_patch_from_nothing(
    sleeper: Bench, tmp_path: Path
) -> None:
    sleeper.publish(shelf(1))
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "other.txt").write_bytes(PHOTO)
    with sleeper.device("new") as client:
        client.check()
        catalog = client.catalog("shoes")
        planned = catalog.plan(folders=[tmp_path / "stick"])
        done = catalog.go_offline(folders=[tmp_path / "stick"])
        assert counted(done) == {"patch": 30}
        assert (planned.requests, planned.bytes_received) == (done.requests, done.bytes_received)
        assert read(client) == shelf(1)


def test_the_state_is_not_looked_at_for_every_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[object] = []
    note = State.note_progress

    def count(state: State, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - hands on what it gets
        noted.append(arguments)
        return note(state, *arguments, **options)

    before = {f"{number}.txt": f"old text {number} ".encode() * 40 for number in range(60)}
    bench.publish(before)
    bench.install()
    bench.publish({path: data.replace(b"old", b"new") for path, data in before.items()})
    monkeypatch.setattr(State, "note_progress", count)
    monkeypatch.setattr(watch, "LOOK_EVERY", 3600.0)
    with bench.device() as client:
        assert client.catalog("shoes").update().actions["patch"].files == 60
    assert len(noted) == 1  # before the commit
