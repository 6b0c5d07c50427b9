from __future__ import annotations

import threading
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from catsync_core.backends.wrapper import BackendWrapper
from catsync_core.chunking import BasisError
from catsync_core.errors import ContentError, FormatError
from catsync_core.plan.model import Action, LocalPart, Plan, Via
from catsync_core.transfer import prepare
from catsync_core.transfer.repository import Repository

if TYPE_CHECKING:
    from unit.transfer.conftest import Bench, Tree

HEX = Random(1).randbytes(60_000).hex().encode()
FILM = Random(2).randbytes(90_000)
OLD: Tree = {"list.json": HEX, "film.mp4": FILM, "empty": b"", "note.txt": b"short", "folder": None}
NEW: Tree = {
    **OLD,
    "list.json": HEX[:50_000] + b"new" * 99 + HEX[50_000:],
    "film.mp4": FILM[:40_000] + HEX[:900] + FILM[40_000:],
}


def actions(plan: Plan) -> dict[str, int]:
    return {action.value: files for action, (files, _) in plan.count_actions().items() if files}


def update(bench: Bench, before: Tree, after: Tree, *, via: Via = Via.AUTO) -> Plan:
    bench.publish(before)
    bench.publish(after)
    return bench.plan(bench.prepare(before, via=via))


def test_an_unchanged_version_is_kept(bench: Bench) -> None:
    bench.publish(OLD)
    plan = bench.plan(bench.prepare(OLD))
    assert actions(plan) == {"keep": 4}
    assert (plan.requests, plan.write_bytes) == ((), 0)
    assert plan.reused_bytes == plan.manifest.total_bytes()
    assert bench.calls() == {"get index.json": 1, "get heads": 1, "get manifests": 1}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (
            {**{path: data for path, data in OLD.items() if path != "film.mp4"}, "moved/it.mp4": FILM},
            {"keep": 3, "copy": 1},
        ),
        ({**OLD, "again.mp4": FILM, "once more.mp4": FILM}, {"keep": 4, "copy": 2}),
        ({"note.txt": b"short"}, {"keep": 1}),
        ({**OLD, "film.mp4": HEX, "list.json": FILM}, {"keep": 2, "copy": 2}),
        ({**OLD, "folder": b""}, {"keep": 4, "copy": 1}),
        ({}, {}),
    ],
    ids=["rename", "duplicates", "deletions", "swap", "empty file", "nothing left"],
)
def test_what_is_on_the_device_costs_no_content(bench: Bench, after: Tree, expected: dict[str, int]) -> None:
    plan = update(bench, OLD, after)
    assert actions(plan) == expected
    assert (plan.requests, plan.fetch_bytes) == ((), 0)
    assert set(bench.calls()) == {"get index.json", "get heads", "get manifests"}


def test_a_new_content_is_fetched_once_however_often_it_stands(bench: Bench) -> None:
    plan = update(bench, OLD, {**OLD, "x.jpg": FILM[:9000], "y.jpg": FILM[:9000]})
    assert actions(plan) == {"keep": 4, "full": 1, "copy": 1}
    assert plan.fetch_bytes == 9000


@pytest.mark.usefixtures("small_detours")
def test_changed_files_come_from_blocks(bench: Bench) -> None:
    plan = update(bench, OLD, NEW)
    assert actions(plan) == {"keep": 2, "blocks": 2}
    assert plan.fetch_bytes < 8000
    for file in plan.files:
        assert sum(part.length for part in file.parts) in {0, file.size}
        assert file.fetched_bytes + file.reused_bytes == file.size
    assert bench.calls()["read signatures"] == 1


@pytest.mark.usefixtures("small_detours")
def test_by_full_no_signature_is_read_and_no_block_reused(bench: Bench) -> None:
    plan = update(bench, OLD, NEW, via=Via.FULL)
    assert actions(plan) == {"keep": 2, "full": 2}
    assert not any(isinstance(part, LocalPart) for file in plan.files for part in file.parts)
    assert bench.calls()["read signatures"] == 0


def test_a_signature_that_would_not_pay_for_its_request_is_not_read(bench: Bench) -> None:
    plan = update(bench, {"a.txt": HEX[:4000]}, {"a.txt": HEX[:2000] + b"!" + HEX[2000:4000]})
    assert actions(plan) == {"full": 1}
    assert bench.calls()["read signatures"] == 0


@pytest.mark.usefixtures("small_detours")
@pytest.mark.parametrize("via", list(Via))
def test_a_plan_is_what_is_then_fetched(bench: Bench, via: Via) -> None:
    plan = update(bench, OLD, {**NEW, "more.jpg": FILM[:30_000][::-1]}, via=via)
    assert bench.fetch(plan) == (len(plan.requests), plan.fetch_bytes)
    again = bench.plan(bench.prepare(OLD, via=via))
    assert again.requests == ()
    assert again.kept_bytes == sum(piece.length for piece in bench.kept)


@pytest.mark.usefixtures("small_detours")
@pytest.mark.parametrize("kept", range(5))
def test_a_resumed_plan_is_what_is_then_fetched(bench: Bench, kept: int) -> None:
    whole = update(bench, OLD, {**NEW, "more.jpg": FILM[:30_000][::-1]})
    bench.fetch(whole)
    everything = dict(bench.kept)
    bench.kept = {piece: data for number, (piece, data) in enumerate(sorted(everything.items())) if number % 5 < kept}
    plan = bench.plan(bench.prepare(OLD))
    assert plan.kept_bytes == sum(map(len, bench.kept.values()))
    assert bench.fetch(plan) == (len(plan.requests), plan.fetch_bytes)
    assert bench.kept == everything


@pytest.mark.usefixtures("small_detours")
@pytest.mark.parametrize(
    "installed", [OLD, {"list.json": FILM[::-1], "film.mp4": HEX[::-1]}], ids=["found", "nothing found"]
)
def test_planning_again_asks_nothing_again(bench: Bench, installed: Tree) -> None:
    bench.publish(OLD)
    bench.publish(NEW)
    preparation = bench.prepare(installed)
    first = bench.plan(preparation)
    assert bench.calls()["read signatures"] == 1
    assert bench.plan(preparation) == first
    assert bench.calls() == {}


@pytest.mark.usefixtures("small_detours")
def test_a_distrusted_content_is_planned_whole(bench: Bench) -> None:
    bench.publish(OLD)
    bench.publish(NEW)
    preparation = bench.prepare(OLD)
    plan = bench.plan(preparation)
    (changed,) = (file for file in plan.files if file.entry.path == "film.mp4")
    assert changed.entry.content is not None
    preparation.distrust(changed.entry.content)
    (whole,) = (file for file in bench.plan(preparation).files if file.entry.path == "film.mp4")
    assert (changed.action, whole.action) == (Action.BLOCKS, Action.FULL)
    assert whole.fetched_bytes == whole.size


@pytest.mark.usefixtures("small_detours")
def test_a_local_file_that_is_not_what_it_seemed_is_fetched(bench: Bench) -> None:
    bench.publish(OLD)
    preparation = bench.prepare(OLD)
    (film,) = (file.source for file in bench.plan(preparation).files if file.entry.path == "film.mp4")
    assert film is not None
    film.location.write_bytes(FILM[:50_000] + b"?" + FILM[50_001:])
    preparation.inventory = preparation.inventory.without({film})
    assert actions(bench.plan(preparation)) == {"keep": 3, "blocks": 1}


@pytest.mark.usefixtures("small_detours")
@pytest.mark.parametrize("error", [BasisError("shortened"), OSError(5, "Input/output error")], ids=repr)
def test_a_basis_that_cannot_be_read_any_more_saves_nothing_and_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> object:
        raise error

    monkeypatch.setattr(prepare, "match", fail)
    assert actions(update(bench, OLD, NEW)) == {"keep": 2, "full": 2}


@pytest.mark.usefixtures("small_detours")
def test_a_basis_that_is_gone_saves_nothing_and_stops_nothing(bench: Bench) -> None:
    bench.publish(OLD)
    bench.publish(NEW)
    preparation = bench.prepare(OLD)
    for basis in preparation.inventory.find_bases("film.mp4"):
        basis.location.unlink()
    assert actions(bench.plan(preparation)) == {"keep": 2, "full": 1, "blocks": 1}


def test_tables_of_another_manifest_are_refused(bench: Bench) -> None:
    bench.publish(OLD)
    preparation = bench.prepare({})
    contents = tuple(replace(content, size=content.size + 1) for content in preparation.manifest.contents)
    preparation.manifest = replace(preparation.manifest, contents=contents)
    with pytest.raises(FormatError, match="does not fit its manifest"):
        bench.plan(preparation)


def test_the_tables_of_several_packs_are_fetched_side_by_side(bench: Bench) -> None:
    tree: Tree = {}
    for number in range(3):
        tree[f"film {number}.mp4"] = Random(number).randbytes(20_000)
        bench.publish(tree)
    meeting = threading.Barrier(3)

    class Meeting(BackendWrapper):
        def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
            if key.startswith("tables/"):
                meeting.wait(10)
            return super().read(key, offset, length)

    preparation = bench.prepare({})
    preparation.repository = Repository(Meeting(bench.meter))
    plan = bench.plan(preparation)
    assert actions(plan) == {"full": 3}
    assert bench.calls()["read tables"] == len(preparation.manifest.packs) == 3


def test_tables_are_verified_and_bounded_however_many_there_are(bench: Bench) -> None:
    tree: Tree = {}
    for number in range(2):
        tree[f"film {number}.mp4"] = Random(number).randbytes(20_000 + number)
        bench.publish(tree)
    first, second = bench.prepare({}).manifest.packs
    for wrong, reason in (
        (replace(second, table=first.table), "where at most 20000 is allowed"),
        (replace(second, table=replace(second.table, length=0)), "announced with 0 bytes"),
        (replace(second, table=replace(second.table, length=1 << 40)), "announced with"),
        (
            replace(second, table=replace(second.table, length=second.table.length - 1)),
            "is not the one|damaged|SHA-256",
        ),
    ):
        with pytest.raises(ContentError, match=reason):
            bench.repository.tables([first, wrong])
