from __future__ import annotations

import pytest
from msgspec.structs import replace

from catsync_core.client.timetable import (
    LONGEST_NAP,
    Asked,
    CheckPlan,
    Watched,
    WhyNot,
    plan_checks,
    why_not,
)

NOW = 1_800_000_000.0
HOUR = 3600.0
YEAR = 365 * 24 * HOUR
SHOES = Watched("shoes", "https://a", offline=True, auto_sync=True, next_check=NOW)
ASKED = Asked("https://a", NOW - 24 * HOUR, NOW - 24 * HOUR)


def plan(
    *catalogs: Watched,
    asked: Asked = ASKED,
    now: float = NOW,
    ticks: float = 0.0,
    offset: float = 0.0,
    previous: CheckPlan | None = None,
    under_way: tuple[str, ...] = (),
) -> CheckPlan:
    offsets = {asked.repository: offset}
    return plan_checks(
        catalogs or [SHOES], [asked], now=now, ticks=ticks, offsets=offsets, previous=previous, under_way=under_way
    )


def test_what_is_due_is_asked_and_what_is_not_is_waited_for() -> None:
    assert plan().ask == ("https://a",)
    early = plan(replace(SHOES, next_check=NOW + 60))
    assert (early.ask, early.wake_in) == ((), 60)
    assert early.next_checks == {"https://a": NOW + 60}


def test_it_is_looked_again_after_some_minutes_at_the_latest() -> None:
    assert plan(replace(SHOES, next_check=NOW + YEAR)).wake_in == LONGEST_NAP
    assert plan_checks([], [], now=NOW, ticks=0, offsets={}).wake_in == LONGEST_NAP


def test_one_request_answers_for_all_catalogs_of_a_repository() -> None:
    catalogs = [replace(SHOES, catalog=f"shoes-{number}", next_check=NOW - number) for number in range(500)]
    found = plan(*catalogs)
    assert found.ask == ("https://a",)
    assert found.next_checks == {"https://a": NOW - 499}


def test_the_first_catalog_that_is_due_counts_and_those_that_are_not_checked_do_not() -> None:
    late = replace(SHOES, next_check=NOW + HOUR)
    assert plan(SHOES, late).ask == plan(late, SHOES).ask == ("https://a",)
    assert plan(late, replace(SHOES, auto_sync=False), replace(SHOES, offline=False)).next_checks == {
        "https://a": NOW + HOUR
    }


@pytest.mark.parametrize(
    ("catalog", "reason"),
    [
        (replace(SHOES, repository=None), WhyNot.NO_REPOSITORY),
        (replace(SHOES, offline=False, auto_sync=False), WhyNot.ONLINE),
        (replace(SHOES, auto_sync=False), WhyNot.AUTO_SYNC_OFF),
        (replace(SHOES, next_check=None), WhyNot.NEVER),
        (SHOES, None),
    ],
)
def test_why_a_catalog_is_not_checked(catalog: Watched, reason: WhyNot | None) -> None:
    assert why_not(catalog) is reason
    assert bool(plan(catalog).ask) is (reason is None)


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert len({reason.sentence for reason in WhyNot}) == len(WhyNot)


def test_catalog_of_a_repository_that_was_removed_is_not_asked_for() -> None:
    assert plan_checks([SHOES], [], now=NOW, ticks=0, offsets={}).ask == ()


def test_a_check_begins_at_its_own_moment() -> None:
    first = plan(ticks=100, offset=30)
    assert (first.ask, first.wake_in) == ((), 30)
    second = plan(now=NOW + 29, ticks=129, offset=30, previous=first)
    assert (second.ask, second.wake_in) == ((), 1)
    assert plan(now=NOW + 30, ticks=130, offset=30, previous=second).ask == ("https://a",)


@pytest.mark.parametrize("jump", [-YEAR, -HOUR, HOUR, YEAR])
def test_a_jump_of_the_clock_does_not_move_what_waits_to_begin(jump: float) -> None:
    first = plan(ticks=100, offset=30)
    catalog = replace(SHOES, next_check=NOW + jump)  # as a schedule says whose last check lies in the future
    second = plan(catalog, now=NOW + jump, ticks=110, offset=30, previous=first)
    assert (second.ask, second.wake_in) == ((), 20)


def test_what_is_named_is_not_named_again_at_once() -> None:
    first = plan(ticks=100)
    second = plan(ticks=101, previous=first)
    assert (second.ask, second.wake_in) == ((), 59)
    assert plan(ticks=160, previous=second).ask == ("https://a",)


def test_what_is_under_way_is_not_named_and_rests_when_it_could_not_note_its_end() -> None:
    first = plan(ticks=100)
    during = plan(ticks=500, previous=first, under_way=("https://a",))
    assert (during.ask, during.wake_in) == ((), LONGEST_NAP)
    after = plan(ticks=510, previous=during)
    assert (after.ask, after.wake_in) == ((), 50)


def test_what_was_asked_by_the_user_meanwhile_is_forgotten() -> None:
    first = plan(ticks=100, offset=30)
    done = replace(SHOES, next_check=NOW + 24 * HOUR)
    second = plan(done, now=NOW + 10, ticks=110, offset=30, previous=first)
    assert (second.ask, second.starts) == ((), {})


def test_those_that_wait_longest_come_first() -> None:
    catalogs = [replace(SHOES, catalog=url, repository=url) for url in "abc"]
    repositories = [replace(ASKED, repository=url) for url in "abc"]
    offsets = {"a": 20.0, "b": 10.0, "c": 15.0}
    first = plan_checks(catalogs, repositories, now=NOW, ticks=0, offsets=offsets)
    late = plan_checks(catalogs, repositories, now=NOW, ticks=60, offsets=offsets, previous=first)
    assert late.ask == ("b", "c", "a")


@pytest.mark.parametrize(("failures", "minutes"), [(0, 1), (1, 2), (3, 8), (6, 60), (10_000, 60)])
def test_a_schedule_that_always_says_now_does_not_hammer(failures: int, minutes: float) -> None:
    asked = Asked("https://a", NOW - HOUR, NOW - 10, failures)
    assert plan(asked=asked).next_checks == {"https://a": NOW - 10 + minutes * 60}


def test_a_schedule_that_counts_from_a_time_that_has_not_come_is_due() -> None:
    ahead = Asked("https://a", NOW + YEAR, NOW + YEAR)
    assert plan(replace(SHOES, next_check=NOW + YEAR + HOUR), asked=ahead).ask == ("https://a",)
    corrected = Asked("https://a", NOW + 60, NOW + 60)
    assert plan(replace(SHOES, next_check=NOW + HOUR), asked=corrected).ask == ()
    assert plan(replace(SHOES, next_check=None), asked=ahead).ask == ()


def test_failures_count_after_the_clock_was_set_back_too() -> None:
    asked = Asked("https://a", NOW + YEAR, NOW - 10, 2)
    found = plan(replace(SHOES, next_check=NOW + YEAR + HOUR), asked=asked)
    assert found.next_checks == {"https://a": NOW - 10 + 240}
    waits_longer = plan(replace(SHOES, next_check=NOW + HOUR), asked=asked)
    assert waits_longer.next_checks == {"https://a": NOW + HOUR}
