"""The history that a publisher keeps: which patches lead from version to version."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import TYPE_CHECKING

import pytest

from catsync_core.format.head import Head
from catsync_core.format.history import History, read_history
from catsync_core.format.objects import object_key
from catsync_core.limits import LIMITS
from catsync_core.publish import history as carrying
from catsync_core.publish.effort import Effort
from catsync_core.testing.memory import MemoryBackend

if TYPE_CHECKING:
    from unit.publish.conftest import Shop, Tree, Write

LINES = "".join(f"article {number}; price {number * 7919 % 1000}\n" for number in range(2000)).encode()
Steps = dict[int, list[int]]
"""By version, the versions that patches to it begin from."""


def edition(number: int) -> Tree:
    return {"a.json": b"edition %d\n" % number + LINES, "same.jpg": Random(1).randbytes(3000)}


def stored(shop: Shop) -> dict[str, bytes]:
    assert isinstance(shop.backend.inner, MemoryBackend)
    return shop.backend.inner.objects


def head_of(shop: Shop) -> Head:
    summary = shop.summary()
    assert summary is not None
    return shop.repository.head(summary.head, "shoes", summary.version)


def history_of(shop: Shop) -> History | None:
    ref = head_of(shop).history
    return None if ref is None else read_history(shop.repository.fetch("histories", ref, LIMITS.history_length))


def steps(shop: Shop) -> Steps:
    """Return what the history says, compared with what is there."""
    history = history_of(shop)
    if history is None:
        return {}
    numbers = {entry.root: entry.version for entry in history.entries}
    for patch in history.patches():
        assert len(stored(shop)[object_key("patches", patch.patch)]) == patch.patch.length
    return {
        entry.version: [numbers[patch.base] for patch in entry.patches] for entry in history.entries if entry.patches
    }


def publish(shop: Shop, write: Write, *numbers: int, effort: Effort = Effort.FAST) -> None:
    for number in numbers:
        shop.publisher.publish(write(edition(number)), "shoes", effort=effort)


def test_a_version_to_which_nothing_leads_has_no_history(shop: Shop, write: Write) -> None:
    publish(shop, write, 1, effort=Effort.BEST)
    assert [patch.base for patch in head_of(shop).patches] in ([], [""])
    assert head_of(shop).history is None
    assert not any(key.startswith("histories/") for key in stored(shop))


def test_each_version_adds_its_patches_to_those_before(shop: Shop, write: Write) -> None:
    publish(shop, write, 1, 2)
    assert steps(shop) == {2: [1]}
    publish(shop, write, 3, 4, effort=Effort.BEST)
    assert steps(shop) == {4: [3, 2], 3: [2, 1], 2: [1]}
    history = history_of(shop)
    assert history is not None
    assert [entry.version for entry in history.entries] == [4, 3, 2, 1]
    assert history.catalog == "shoes"
    newest = tuple(patch for patch in head_of(shop).patches if patch.base)
    assert (history.entries[0].root, history.entries[0].patches) == (newest[0].root, newest)


def test_patches_that_were_asked_for_are_in_it(shop: Shop, write: Write) -> None:
    publish(shop, write, 1, 2, 3, 4, 5)
    shop.publisher.publish(write(edition(6)), "shoes", effort=Effort.FAST, patch_from=[2])
    publish(shop, write, 7)
    assert steps(shop) == {7: [6], 6: [5, 2], 5: [4], 4: [3], 3: [2], 2: [1]}


def test_only_patches_to_the_last_versions_are_kept(shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "_VERSIONS", 3)
    publish(shop, write, 1, 2, 3, 4, 5, 6)
    assert steps(shop) == {6: [5], 5: [4], 4: [3]}
    history = history_of(shop)
    assert history is not None
    assert [entry.version for entry in history.entries] == [6, 5, 4, 3]


@pytest.mark.parametrize(("most", "kept"), [(4, [6, 5, 4]), (3, [6, 5]), (2, [6])])
def test_no_more_is_kept_than_the_format_allows(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch, most: int, kept: list[int]
) -> None:
    monkeypatch.setattr(carrying, "LIMITS", dataclasses.replace(LIMITS, history=most))
    publish(shop, write, 1, 2, 3, 4, 5, 6)
    assert list(steps(shop)) == kept


def test_a_patch_that_is_gone_is_forgotten(shop: Shop, write: Write) -> None:
    publish(shop, write, 1, 2, 3)
    del stored(shop)[object_key("patches", head_of(shop).patches[0].patch)]
    publish(shop, write, 4)
    assert steps(shop) == {4: [3], 2: [1]}


@pytest.mark.parametrize("damage", ["lost", "rotten"])
def test_a_history_that_is_damaged_begins_anew(shop: Shop, write: Write, damage: str) -> None:
    publish(shop, write, 1, 2, 3)
    ref = head_of(shop).history
    assert ref is not None
    if damage == "lost":
        del stored(shop)[object_key("histories", ref)]
    else:
        stored(shop)[object_key("histories", ref)] = bytes(ref.length)
    publish(shop, write, 4)
    assert steps(shop) == {4: [3]}


def test_where_no_patch_leads_to_the_new_version_the_others_are_kept(
    shop: Shop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(shop, write, 1, 2)
    with monkeypatch.context() as patched:
        patched.setattr("catsync_core.publish.patches._pays", lambda *_: False)
        publish(shop, write, 3)
    assert steps(shop) == {2: [1]}
    publish(shop, write, 4)
    assert steps(shop) == {4: [3], 2: [1]}


def test_a_history_costs_about_seventy_bytes_a_patch(shop: Shop, write: Write) -> None:
    publish(shop, write, *range(1, 14))
    ref = head_of(shop).history
    assert ref is not None
    assert ref.length < 100 + 75 * 12
