from __future__ import annotations

import json
from dataclasses import dataclass
from typing import get_args

import pytest

from catsync_core import Event, JobEnded, JobWaits, ModeChanged, Phase, Progress, RepositoryChecked, UpdateFound, Warned
from catsync_plugins._events import EVENT_NAMES, name_event, read_event
from catsync_plugins._wording import describe_event, show_moment

NOW = 1_800_000_000.9


@dataclass(frozen=True)
class Newer:
    """An event of a catsync that is yet to come."""


def test_every_event_has_a_name_of_its_own() -> None:
    events = [kind(*kind.__struct_fields__) for kind in get_args(Event)]
    names = [name_event(event) for event in events]
    assert sorted(names) == sorted(EVENT_NAMES)
    assert name_event(Newer()) == ""  # type: ignore[arg-type]  # it is none of ours


def test_an_event_is_read_with_all_its_fields() -> None:
    event = RepositoryChecked("https://example.org", ("shoes", "hats"), "", by_user=False)
    assert json.loads(json.dumps(read_event(event, NOW))) == {
        "time": 1_800_000_000,
        "event": "repository_checked",
        "repository": "https://example.org",
        "updates": ["shoes", "hats"],
        "problem": "",
        "by_user": False,
    }


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (UpdateFound("shoes", "Shoes", 7, 8), "Shoes: version 8 is available, version 7 is here"),
        (
            JobEnded("install", "shoes", "Shoes", "done", 8, 1_200_000, 9_000_000),
            "Shoes is ready offline, version 8 (1.2 MB received)",
        ),
        (JobEnded("update", "shoes", "Shoes", "done", 8), "Shoes is up to date, version 8"),
        (JobEnded("remove", "shoes", "Shoes", "done", None), "Shoes is no longer offline"),
        (JobEnded("polish", "shoes", "Shoes", "done", 8), "Shoes is through with the polish, version 8"),
        (
            JobEnded("update", "shoes", "Shoes", "failed", 7, message="The disk is full", code="disk_full"),
            "Shoes: the update failed: The disk is full",
        ),
        (JobEnded("update", "shoes", "Shoes", "cancelled", 7), "Shoes: the update was cancelled"),
        (JobWaits("update", "shoes", "policy", "It is day", None), "shoes: the update waits: It is day"),
        (
            JobWaits("update", "shoes", "retry", "No connection", NOW),
            f"shoes: the update waits, until {show_moment(NOW)}: No connection",
        ),
        (
            RepositoryChecked("https://example.org", (), "No connection", by_user=False),
            "https://example.org could not be checked: No connection",
        ),
        (RepositoryChecked("https://example.org", ("shoes",), "", by_user=False), ""),
        (Progress("update", "shoes", 1, 2), ""),
        (Phase("update", "shoes", "fetch"), ""),
        (ModeChanged("shoes", "offline"), ""),
        (Warned("shoes", "Odd"), ""),
    ],
)
def test_news_are_put_into_words(event: Event, text: str) -> None:
    assert describe_event(event) == text


def test_what_others_wrote_cannot_act_on_a_terminal() -> None:
    title = "A\x1b[31m\nB\u202eC\x9b\udc80"
    assert describe_event(UpdateFound("x", title, 1, 2)).startswith(r"A\x1b[31m B\u202eC\x9b\udc80: version 2")


@pytest.mark.usefixtures("central_europe")
def test_moments_are_shown_in_local_time() -> None:
    assert show_moment(1_800_000_000.0) == "2027-01-15 09:00"
