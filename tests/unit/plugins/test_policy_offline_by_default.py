from __future__ import annotations

from typing import Any

import msgspec
import pytest

from catsync_core import Decision, Offer, Question
from catsync_plugins.policy_offline_by_default import OfflineByDefaultSettings as Settings
from catsync_plugins.policy_offline_by_default import catsync_policies, starts_offline, starts_update

MB = 1_000_000


def offer(size: int = 10 * MB, *tags: str, recommended: bool = False) -> Offer:
    return Offer("shoes", "Shoes", size, recommended, tags)


@pytest.mark.parametrize(
    ("offered", "table", "starts"),
    [
        (offer(), {}, False),
        (offer(recommended=True), {}, True),
        (offer(recommended=True), {"recommended": False}, False),
        (offer(2000 * MB, recommended=True), {}, False),
        (offer(2000 * MB, recommended=True), {"largest": 0}, True),
        (offer(10 * MB, "summer", "men"), {"tags": ["winter", "men"]}, True),
        (offer(10 * MB, "summer"), {"tags": ["winter"]}, False),
        (offer(), {"tags": ["*"]}, True),
        (offer(1001 * MB), {"tags": ["*"]}, False),
        (offer(), {"small": "10 MB"}, True),
        (offer(10 * MB + 1), {"small": "10 MB"}, False),
    ],
)
def test_what_starts_offline(offered: Offer, table: dict[str, Any], starts: bool) -> None:  # noqa: FBT001 - a parameter
    assert starts_offline(offered, msgspec.convert(table, Settings)) is starts


def test_updates_start_by_themselves_only_if_the_user_wants_that() -> None:
    question = Question("update", "shoes", 1, 1, 1, by_user=False, now=0)
    assert not starts_update(question, Settings())
    assert starts_update(question, Settings(updates=True))
    entry = catsync_policies()[0]
    assert entry.decide(question, Settings()).decision is Decision.ALLOW
    assert (entry.starts_offline, entry.starts_update) == (starts_offline, starts_update)


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="`small`: `tiny` is no size"):
        msgspec.convert({"small": "tiny"}, Settings)
