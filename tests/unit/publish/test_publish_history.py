"""The history that a publisher makes: the cheapest way to the new version from each of the last ones."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import TYPE_CHECKING

import pytest

from catsync_core.format.head import Head, PatchRef
from catsync_core.format.history import History, find_path, read_history
from catsync_core.format.objects import ObjectRef, object_key
from catsync_core.limits import LIMITS
from catsync_core.publish import history as making
from catsync_core.publish.effort import Effort
from catsync_core.publish.history import make_history
from catsync_core.testing.memory import MemoryBackend

if TYPE_CHECKING:
    from unit.publish.conftest import Shop, Tree, Write

LINES = "".join(f"article {number}; price {number * 7919 % 1000}\n" for number in range(2000)).encode()
Edge = tuple[int, int, int]
"""From a version to another one, at a price."""


def root(version: int) -> str:
    return f"{version:064x}"[::-1]


def patch(edge: Edge) -> PatchRef:
    base, version, length = edge
    return PatchRef(root(base) if base else "", root(version), ObjectRef(f"{base:032x}{version:032x}", length), 1)


def head(version: int, patches: tuple[PatchRef, ...]) -> Head:
    return Head(1, "shoes", version, "Shoes", 0, 0, 0, ObjectRef("0f" * 32, 1), patches=patches)


def ways(edges: list[Edge], newest: int, gone: Collection[int] = ()) -> dict[int, list[int]]:
    """Make a history; returns by version those that its way to the newest one leads over."""
    by_version: dict[int, list[Edge]] = {}
    for edge in edges:
        by_version.setdefault(edge[1], []).append(edge)
    heads = [
        head(version, tuple(patch(edge) for edge in by_version[version]))
        for version in sorted(by_version, reverse=True)
        if version != newest
    ]
    direct = tuple(patch(edge) for edge in by_version.get(newest, []))
    made = make_history("shoes", direct, heads, lambda ref: int(ref.sha256[:32], 16) not in gone)
    if made is None:
        return {}
    assert made.catalog == "shoes"
    found = {}
    for base in {edge[0] for edge in edges}:
        path = find_path(made, direct, root(base))
        if path:
            edges_of_path = [(int(step.patch.sha256[:32], 16), int(step.patch.sha256[32:], 16)) for step in path]
            assert [to for _, to in edges_of_path] == [*(start for start, _ in edges_of_path[1:]), newest]
            found[base] = [to for _, to in edges_of_path]
    return found


def test_where_the_head_serves_every_version_there_is_no_history() -> None:
    assert ways([(1, 3, 10), (2, 3, 10)], 3) == {}
    assert ways([(0, 3, 10)], 3) == {}
    assert ways([(1, 2, 10)], 3) == {}


def test_versions_of_which_the_head_knows_nothing_find_their_way() -> None:
    assert ways([(1, 2, 10), (2, 3, 10), (3, 4, 10)], 4) == {1: [2, 3, 4], 2: [3, 4]}


def test_the_cheapest_way_counts() -> None:
    dear = making._REQUEST * 10
    assert ways([(1, 2, 10), (2, 3, 10), (1, 3, dear), (3, 4, 10)], 4)[1] == [2, 3, 4]
    assert ways([(1, 2, dear), (2, 3, 10), (1, 3, 10), (3, 4, 10)], 4)[1] == [3, 4]
    assert ways([(1, 2, 10), (1, 3, dear), (2, 4, 10), (3, 4, 10)], 4)[1] == [2, 4]
    assert ways([(1, 2, 10), (1, 3, 10), (2, 4, dear), (3, 4, 10)], 4)[1] == [3, 4]


def test_fewer_requests_are_worth_some_bytes() -> None:
    few = making._REQUEST // 2
    assert ways([(1, 2, 10), (2, 3, 10), (1, 3, few), (3, 4, 10)], 4)[1] == [3, 4]


def test_the_cheapest_ways_are_found_over_any_patches() -> None:
    """Compared with looking at all of them."""
    source = Random(1)
    for _ in range(200):
        newest = 9
        edges = [
            (base, version, source.choice((1, 5000, 20_000)))
            for version in range(2, newest + 1)
            for base in range(1, version)
            if source.random() < 0.4
        ]
        lengths = {(base, version): length for base, version, length in edges}
        least = {newest: 0}
        for base in range(newest - 1, 0, -1):
            onward = [lengths[base, to] + making._REQUEST + least[to] for to in least if (base, to) in lengths]
            if (base, newest) in lengths:
                least[base] = lengths[base, newest] + making._REQUEST  # a device asks no further
            elif onward:
                least[base] = min(onward)
        found = ways(edges, newest)
        assert found.keys() == {base for base in least if base != newest and (base, newest) not in lengths}
        for base, path in found.items():
            spent, here = 0, base
            for to in path:
                spent, here = spent + lengths[here, to] + making._REQUEST, to
            assert spent == least[base]


def test_a_patch_that_is_gone_leads_nowhere() -> None:
    edges = [(1, 2, 10), (2, 3, 10), (3, 4, 10)]
    assert ways(edges, 4, gone={2}) == {}
    assert ways([*edges, (1, 3, 10)], 4, gone={2}) == {1: [3, 4]}


def test_the_nearest_versions_are_named_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_STEPS", 3)
    edges = [(version, version + 1, 10) for version in range(1, 9)]
    assert ways(edges, 9).keys() == {7, 6, 5}


def edition(number: int) -> Tree:
    return {"a.json": b"edition %d\n" % number + LINES, "same.jpg": Random(1).randbytes(3000)}


def stored(shop: Shop) -> dict[str, bytes]:
    assert isinstance(shop.backend.inner, MemoryBackend)
    return shop.backend.inner.objects


def newest(shop: Shop) -> Head:
    summary = shop.summary()
    assert summary is not None
    return shop.repository.head(summary.head, "shoes", summary.version)


def history_of(shop: Shop) -> History:
    found = newest(shop)
    assert found.history is not None
    return read_history(shop.repository.fetch("histories", found.history, LIMITS.history_length), found.patches)


def publish(shop: Shop, write: Write, *numbers: int, effort: Effort = Effort.FAST) -> None:
    for number in numbers:
        shop.publisher.publish(write(edition(number)), "shoes", effort=effort)


def test_a_publisher_names_the_versions_that_its_head_does_not(shop: Shop, write: Write) -> None:
    publish(shop, write, 1, 2)
    assert newest(shop).history is None
    roots = [newest(shop).patches[0].base]
    for number in range(3, 8):
        publish(shop, write, number)
        roots.append(newest(shop).patches[0].base)
        history = history_of(shop)
        assert [step.base for step in history.steps] == [base[:16] for base in reversed(roots[:-1])]
        for step in history.steps:
            assert len(stored(shop)[object_key("patches", step.patch)]) == step.patch.length


def test_with_the_usual_patches_every_version_is_a_few_steps_away(shop: Shop, write: Write) -> None:
    for number in range(1, 20):
        publish(shop, write, number, effort=Effort.DEFAULT)
    head, history = newest(shop), history_of(shop)
    lengths = [len(find_path(history, head.patches, step.base + "0" * 48)) for step in history.steps]
    assert len(lengths) == 18 - 4
    assert max(lengths) <= 4


def test_a_history_costs_about_fifty_bytes_a_version(shop: Shop, write: Write) -> None:
    publish(shop, write, *range(1, 14))
    ref = newest(shop).history
    assert ref is not None
    assert ref.length < 60 + 50 * 11


@pytest.mark.parametrize("kind", ["heads/", "histories/"])
def test_what_is_lost_of_older_versions_shortens_it(shop: Shop, write: Write, kind: str) -> None:
    publish(shop, write, 1, 2)
    old = [key for key in stored(shop) if key.startswith(kind)]
    publish(shop, write, 3, 4)
    lost = [key for key in stored(shop) if key.startswith(kind) and (kind != "heads/" or key in old)]
    for key in lost:
        del stored(shop)[key]
    publish(shop, write, 5)
    assert len(history_of(shop).steps) == (2 if kind == "heads/" else 3)


def test_a_patch_that_is_lost_is_not_named(shop: Shop, write: Write) -> None:
    publish(shop, write, 1, 2, 3)
    del stored(shop)[object_key("patches", newest(shop).patches[0].patch)]
    publish(shop, write, 4)
    assert newest(shop).history is None


def test_where_no_patch_leads_to_the_new_version_there_is_no_history(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(shop, write, 1, 2, 3)
    with monkeypatch.context() as patched:
        patched.setattr("catsync_core.publish.patches._pays", lambda *_: False)
        publish(shop, write, 4)
    assert newest(shop).history is None
    publish(shop, write, 5)
    assert newest(shop).history is None, "the way is broken at version 4"
    shop.publisher.publish(write(edition(6)), "shoes", effort=Effort.FAST, patch_from=[3])
    assert len(history_of(shop).steps) == 3
