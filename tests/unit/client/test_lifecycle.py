"""The pure functions of the lifecycle: what is written down when something happens, and what it is called."""

from __future__ import annotations

from itertools import product

import pytest
from msgspec.structs import replace

from catsync_core.client.labels import Axes, Label, derive_label
from catsync_core.client.lifecycle import (
    ATTEMPTS,
    REFETCHES,
    Asked,
    Cancelled,
    Done,
    Failed,
    Gated,
    Paused,
    Reached,
    Record,
    Resumed,
    Started,
    Verified,
    advance,
    backoff,
)
from catsync_core.client.rows import CatalogRow, Gate, Job, JobKind, Mode
from catsync_core.errors import (
    CatsyncError,
    IntegrityError,
    LockedError,
    NoConnectionError,
    NotFoundError,
    ServerError,
    TrustError,
)

ROW = CatalogRow("shoes", "file:///shop", Mode.ONLINE, "Shoes")
ONLINE = Record(ROW, None)
OFFLINE = Record(replace(ROW, mode=Mode.OFFLINE), None)
NOW = 1_000_000.0


def ask(record: Record, kind: JobKind, installed: int | None = None) -> Record:
    return advance(record, Asked(kind, NOW, installed))


def job_of(record: Record) -> Job:
    assert record.job is not None
    return record.job


def test_switching_to_offline_queues_a_download_once() -> None:
    asked = ask(ONLINE, JobKind.INSTALL)
    assert asked.row.mode is Mode.OFFLINE
    assert job_of(asked).kind is JobKind.INSTALL
    assert ask(asked, JobKind.INSTALL) == asked


def test_switching_to_offline_what_is_here_changes_nothing() -> None:
    assert ask(OFFLINE, JobKind.INSTALL, installed=1) == OFFLINE


def test_switching_back_before_the_removal_was_done_keeps_the_copy() -> None:
    leaving = ask(OFFLINE, JobKind.REMOVE, installed=1)
    assert (leaving.row.mode, job_of(leaving).kind) == (Mode.ONLINE, JobKind.REMOVE)
    assert ask(leaving, JobKind.INSTALL, installed=1) == OFFLINE


def test_switching_to_online_ends_a_download() -> None:
    assert job_of(ask(ask(ONLINE, JobKind.INSTALL), JobKind.REMOVE)).kind is JobKind.REMOVE


@pytest.mark.parametrize("kind", [JobKind.UPDATE, JobKind.REPAIR, JobKind.ROLLBACK])
def test_only_what_is_here_can_be_updated_repaired_or_go_back(kind: JobKind) -> None:
    with pytest.raises(NotFoundError, match="not offline"):
        ask(ONLINE, kind)


def test_a_second_job_must_wait_for_the_first() -> None:
    repairing = ask(OFFLINE, JobKind.REPAIR, installed=1)
    with pytest.raises(LockedError, match="repair of shoes is not done") as caught:
        ask(repairing, JobKind.ROLLBACK, installed=1)
    assert "catsync cancel shoes" in caught.value.hint


def test_a_queued_update_gives_way() -> None:
    assert job_of(ask(ask(OFFLINE, JobKind.UPDATE, installed=1), JobKind.REPAIR, installed=1)).kind is JobKind.REPAIR


def test_a_pause_lasts_until_the_user_resumes() -> None:
    paused = advance(ask(ONLINE, JobKind.INSTALL), Paused())
    assert advance(paused, Gated(JobKind.INSTALL, Gate.POLICY, "not now")) == paused
    assert job_of(advance(paused, Failed(JobKind.INSTALL, NoConnectionError("gone"), NOW))).gate is Gate.USER_PAUSE
    assert job_of(advance(paused, Resumed(NOW, None))).gate is Gate.OPEN


def test_asking_for_the_same_again_resumes() -> None:
    paused = advance(ask(ONLINE, JobKind.INSTALL), Paused())
    assert job_of(ask(paused, JobKind.INSTALL)).gate is Gate.OPEN


@pytest.mark.parametrize("record", [ONLINE, OFFLINE, ask(OFFLINE, JobKind.REMOVE, installed=1)])
def test_what_cannot_be_paused_is_told(record: Record) -> None:
    with pytest.raises(NotFoundError, match="could be paused"):
        advance(record, Paused())


def test_cancelling_the_first_download_makes_the_catalog_online() -> None:
    assert advance(ask(ONLINE, JobKind.INSTALL), Cancelled(None)) == ONLINE


def test_cancelling_an_update_keeps_the_catalog_offline() -> None:
    assert advance(ask(OFFLINE, JobKind.UPDATE, installed=1), Cancelled(1)) == OFFLINE


def test_cancelling_a_removal_that_waits_keeps_the_copy() -> None:
    assert advance(ask(OFFLINE, JobKind.REMOVE, installed=1), Cancelled(1)) == OFFLINE


def test_cancelling_nothing_is_told() -> None:
    with pytest.raises(NotFoundError, match="could be cancelled"):
        advance(OFFLINE, Cancelled(1))


def test_a_failure_that_may_pass_is_tried_again_later_each_time() -> None:
    record, waits = ask(ONLINE, JobKind.INSTALL), []
    for attempt in range(1, 12):
        record = advance(record, Failed(JobKind.INSTALL, NoConnectionError("gone"), NOW))
        assert (job_of(record).gate, job_of(record).attempts) == (Gate.RETRY, attempt)
        waits.append(job_of(record).until - NOW)
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 900
    assert record.row.problem == "gone"


def test_what_fails_too_often_or_for_good_is_given_up() -> None:
    asked = ask(ONLINE, JobKind.INSTALL)
    last = replace(asked, job=replace(job_of(asked), attempts=ATTEMPTS - 1))
    assert advance(last, Failed(JobKind.INSTALL, NoConnectionError("gone"), NOW)).job is None
    given_up = advance(asked, Failed(JobKind.INSTALL, TrustError("older"), NOW))
    assert (given_up.job, given_up.row.problem_code, given_up.row.mode) == (None, "trust", Mode.OFFLINE)


def test_damaged_content_is_not_fetched_for_ever() -> None:
    record = ask(ONLINE, JobKind.INSTALL)
    for _ in range(REFETCHES):
        record = advance(record, Failed(JobKind.INSTALL, IntegrityError("bad"), NOW))
    assert record.job is None


def test_a_rollback_that_fails_leaves_no_problem_for_all_is_as_it_was() -> None:
    failed = advance(
        ask(OFFLINE, JobKind.ROLLBACK, installed=2), Failed(JobKind.ROLLBACK, CatsyncError("damaged"), NOW)
    )
    assert failed == OFFLINE


def test_resuming_what_failed_for_good_tries_again() -> None:
    failed = advance(ask(ONLINE, JobKind.INSTALL), Failed(JobKind.INSTALL, TrustError("older"), NOW))
    assert job_of(advance(failed, Resumed(NOW, None))).kind is JobKind.INSTALL
    failed = advance(ask(OFFLINE, JobKind.UPDATE, installed=1), Failed(JobKind.UPDATE, TrustError("older"), NOW))
    assert job_of(advance(failed, Resumed(NOW, 1))).kind is JobKind.UPDATE
    with pytest.raises(NotFoundError, match="waits to be resumed"):
        advance(OFFLINE, Resumed(NOW, 1))


def test_success_forgets_problems_and_what_was_skipped() -> None:
    troubled = Record(replace(OFFLINE.row, problem="gone", problem_code="no_connection", problem_at=1, skipped=3), None)
    done = advance(ask(troubled, JobKind.UPDATE, installed=2), Done(JobKind.UPDATE, "Boots", NOW, 77))
    assert done.job is None
    assert done.row == replace(OFFLINE.row, title="Boots", downloaded_at=int(NOW), downloaded_bytes=77)


def test_consent_stays_with_the_job() -> None:
    waiting = advance(ask(ONLINE, JobKind.INSTALL), Gated(JobKind.INSTALL, Gate.CONSENT, "metered"))
    agreed = advance(waiting, Resumed(NOW, None, consented=True))
    failed = advance(
        advance(agreed, Started(JobKind.INSTALL, NOW)), Failed(JobKind.INSTALL, NoConnectionError("gone"), NOW)
    )
    assert job_of(failed).consented


def test_a_cancelled_job_cannot_start() -> None:
    with pytest.raises(NotFoundError, match="was cancelled"):
        advance(ONLINE, Started(JobKind.INSTALL, NOW))


def test_starting_keeps_count_of_failures() -> None:
    failed = advance(ask(ONLINE, JobKind.INSTALL), Failed(JobKind.INSTALL, NoConnectionError("gone"), NOW))
    started = advance(failed, Started(JobKind.INSTALL, NOW + 5))
    assert (job_of(started).gate, job_of(started).attempts, job_of(started).beat_at) == (Gate.OPEN, 1, NOW + 5)


def test_devices_come_back_one_by_one() -> None:
    assert backoff(1, 0.0) == 5.0
    assert backoff(1, 0.5) == 6.25
    assert backoff(10_000, 1.0) == 1350.0


LEAVING = ask(OFFLINE, JobKind.REMOVE, installed=1)
DAMAGED = advance(OFFLINE, Verified("2 files are damaged", NOW))


@pytest.mark.parametrize(
    "event",
    [
        Done(JobKind.INSTALL, "Shoes", NOW, 77),
        Failed(JobKind.INSTALL, NoConnectionError("gone"), NOW),
        Failed(JobKind.INSTALL, TrustError("older"), NOW),
        Gated(JobKind.INSTALL, Gate.POLICY, "not now"),
    ],
)
def test_what_becomes_of_a_job_does_not_touch_the_one_that_took_its_place(event: Done | Failed | Gated) -> None:
    after = advance(LEAVING, event)
    assert (after.job, after.row.mode, after.row.problem) == (LEAVING.job, Mode.ONLINE, "")
    with pytest.raises(NotFoundError, match="The download of shoes was cancelled"):
        advance(LEAVING, Started(JobKind.INSTALL, NOW))


def test_a_download_that_was_cancelled_when_nothing_could_stop_it_is_removed() -> None:
    done = advance(ONLINE, Done(JobKind.INSTALL, "Shoes", NOW, 77))
    assert (done.row.mode, job_of(done).kind) == (Mode.ONLINE, JobKind.REMOVE)


def test_what_was_removed_though_it_was_wished_again_is_downloaded() -> None:
    kept = ask(LEAVING, JobKind.INSTALL, installed=1)
    assert kept.job is None
    done = advance(kept, Done(JobKind.REMOVE, "Shoes", NOW))
    assert (done.row.mode, job_of(done).kind) == (Mode.OFFLINE, JobKind.INSTALL)


@pytest.mark.parametrize("error", [NoConnectionError("gone"), TrustError("older"), IntegrityError("bad")])
def test_a_removal_is_never_given_up(error: CatsyncError) -> None:
    last = replace(LEAVING, job=replace(job_of(LEAVING), attempts=ATTEMPTS))
    failed = advance(last, Failed(JobKind.REMOVE, error, NOW))
    assert (failed.row.mode, job_of(failed).gate) == (Mode.ONLINE, Gate.RETRY)


def test_a_removal_that_has_begun_cannot_be_cancelled() -> None:
    with pytest.raises(LockedError, match="has begun") as caught:
        advance(LEAVING, Cancelled(None))
    assert "catsync resume shoes" in caught.value.hint


def test_a_download_that_a_crash_kept_from_being_noted_as_done_is_in_nobodys_way() -> None:
    crashed = advance(ask(ONLINE, JobKind.INSTALL), Started(JobKind.INSTALL, NOW))
    assert job_of(ask(crashed, JobKind.UPDATE, installed=1)).kind is JobKind.UPDATE


def test_damage_is_known_until_it_is_mended() -> None:
    assert (DAMAGED.row.problem_code, "catsync repair shoes" in DAMAGED.row.problem) == ("damaged", True)
    updating = ask(DAMAGED, JobKind.UPDATE, installed=1)
    unchanged = advance(updating, Done(JobKind.UPDATE, "Shoes", NOW))
    failed = advance(updating, Failed(JobKind.UPDATE, TrustError("older"), NOW))
    cancelled = advance(updating, Cancelled(1))
    assert unchanged.row == failed.row == cancelled.row == DAMAGED.row
    changed = advance(updating, Done(JobKind.UPDATE, "Shoes", NOW, 5))
    repaired = advance(ask(DAMAGED, JobKind.REPAIR, installed=1), Done(JobKind.REPAIR, "Shoes", NOW))
    intact = advance(DAMAGED, Verified("", NOW))
    assert changed.row.problem == repaired.row.problem == intact.row.problem == ""


def test_resuming_a_repair_that_failed_repairs() -> None:
    failed = advance(ask(DAMAGED, JobKind.REPAIR, installed=1), Failed(JobKind.REPAIR, TrustError("older"), NOW))
    assert job_of(advance(failed, Resumed(NOW, 1))).kind is JobKind.REPAIR


def test_what_is_intact_forgets_no_other_problem() -> None:
    failed = advance(ask(OFFLINE, JobKind.UPDATE, installed=1), Failed(JobKind.UPDATE, TrustError("older"), NOW))
    assert advance(failed, Verified("", NOW)) == failed


def test_the_answer_of_a_repository_wakes_what_waits_for_a_connection_and_nothing_else() -> None:
    for error, woken in ((NoConnectionError("gone"), True), (ServerError("busy"), False)):
        waiting = advance(ask(ONLINE, JobKind.INSTALL), Failed(JobKind.INSTALL, error, NOW))
        assert (job_of(advance(waiting, Reached(NOW + 1))).until == NOW + 1) is woken
    assert advance(OFFLINE, Reached(NOW)) == OFFLINE


def test_consent_that_comes_while_the_job_is_being_stopped_counts() -> None:
    agreed = advance(ask(ONLINE, JobKind.INSTALL), Resumed(NOW, None, consented=True))
    assert job_of(advance(agreed, Gated(JobKind.INSTALL, Gate.CONSENT, "metered"))).gate is Gate.OPEN


def test_a_user_who_resumes_while_the_job_is_being_stopped_is_heard() -> None:
    resumed = advance(advance(ask(ONLINE, JobKind.INSTALL), Paused()), Resumed(NOW, None))
    assert job_of(advance(resumed, Gated(JobKind.INSTALL, Gate.USER_PAUSE, "You paused it"))).gate is Gate.OPEN


def test_a_job_that_begins_is_from_no_time_to_come() -> None:
    started = advance(ask(ONLINE, JobKind.INSTALL), Started(JobKind.INSTALL, NOW - 1000))
    assert job_of(started).asked_at == NOW - 1000


INSTALL = Job("shoes", JobKind.INSTALL, 0.0)
RUNNING = replace(INSTALL, beat_at=NOW - 1)
UPDATE = Job("shoes", JobKind.UPDATE, 0.0)
COPY = Axes(mode=Mode.OFFLINE, installed=1, head=1, checked_at=NOW)


@pytest.mark.parametrize(
    ("axes", "label"),
    [
        (Axes(), Label.ONLINE),
        (Axes(head=None), Label.GONE),
        (Axes(repository_problem="no_connection"), Label.ONLINE_UNREACHABLE),
        (Axes(repository_problem="trust"), Label.UNTRUSTED),
        (Axes(mode=Mode.OFFLINE), Label.INCOMPLETE),
        (Axes(mode=Mode.OFFLINE, problem="trust"), Label.FAILED),
        (Axes(mode=Mode.OFFLINE, job=INSTALL), Label.INCOMPLETE),
        (Axes(mode=Mode.OFFLINE, job=INSTALL, served=True), Label.WAITING),
        (Axes(mode=Mode.OFFLINE, job=replace(INSTALL, gate=Gate.RETRY), problem="server"), Label.FAILED),
        (Axes(mode=Mode.OFFLINE, job=replace(INSTALL, gate=Gate.RETRY), problem="server", served=True), Label.WAITING),
        (Axes(mode=Mode.OFFLINE, job=replace(INSTALL, gate=Gate.POLICY)), Label.WAITING),
        (Axes(mode=Mode.OFFLINE, job=replace(INSTALL, gate=Gate.USER_PAUSE)), Label.PAUSED),
        (Axes(mode=Mode.OFFLINE, job=RUNNING), Label.DOWNLOADING),
        (Axes(mode=Mode.OFFLINE, job=replace(RUNNING, phase="commit")), Label.COMMITTING),
        (replace(COPY, job=replace(UPDATE, beat_at=NOW), head=2), Label.UPDATING),
        (replace(COPY, job=replace(UPDATE, gate=Gate.RETRY), problem="server", head=2), Label.UPDATE_FAILED),
        (replace(COPY, job=Job("shoes", JobKind.REPAIR, 0, beat_at=NOW), problem="damaged"), Label.REPAIRING),
        (replace(COPY, job=Job("shoes", JobKind.ROLLBACK, 0, beat_at=NOW)), Label.ROLLING_BACK),
        (replace(COPY, mode=Mode.ONLINE, job=Job("shoes", JobKind.REMOVE, 0)), Label.REMOVING),
        (COPY, Label.OFFLINE),
        (replace(COPY, head=2), Label.UPDATE_AVAILABLE),
        (replace(COPY, head=2, skipped=2), Label.OFFLINE),
        (replace(COPY, head=3, skipped=2), Label.UPDATE_AVAILABLE),
        (replace(COPY, problem="damaged", head=None), Label.DAMAGED),
        (replace(COPY, head=None), Label.GONE),
        (replace(COPY, problem="server", head=2), Label.UPDATE_FAILED),
        (replace(COPY, repository_problem="trust"), Label.UNTRUSTED),
        (replace(COPY, repository_problem="no_connection"), Label.OFFLINE),
        (replace(COPY, expires=int(NOW) - 1, head=2), Label.EXPIRED),
        (replace(COPY, checked_at=NOW - 8 * 86400), Label.STALE),
        (replace(COPY, checked_at=NOW - 8 * 86400, head=2), Label.UPDATE_AVAILABLE),
        (replace(COPY, checked_at=NOW + 86400), Label.OFFLINE),
    ],
)
def test_what_counts_first(axes: Axes, label: Label) -> None:
    assert derive_label(axes, NOW) is label


def test_a_process_that_says_nothing_any_more_does_not_count_as_running() -> None:
    silent = Axes(mode=Mode.OFFLINE, job=replace(INSTALL, beat_at=NOW - 6, phase="commit"))
    assert derive_label(silent, NOW) is Label.INCOMPLETE
    assert derive_label(silent, NOW - 10) is Label.INCOMPLETE  # the clock went back


def test_every_combination_of_axes_has_exactly_one_label() -> None:
    """INV4: the label is total and pure, and says nothing that is not so."""
    beats = (0.0, NOW - 1, NOW - 6, NOW + 60)
    jobs = [
        None,
        *(
            Job("shoes", kind, 0.0, gate=gate, phase=phase, beat_at=beat)
            for kind, gate, phase, beat in product(JobKind, Gate, ("", "fetch", "commit"), beats)
        ),
    ]
    problems = ("", "trust", "damaged", "no_connection")
    checked, expires = (0.0, NOW, NOW + 86400), (0, int(NOW) - 1, int(NOW) + 1)
    seen = set()
    for mode, installed, head, skipped, job, problem in product(
        Mode, (None, 1, 2), (None, 1, 2), (0, 2), jobs, problems
    ):
        for served in (False, True):
            axes = Axes(mode, installed, head, skipped, job, problem, checked_at=NOW, served=served)
            seen.add(label := derive_label(axes, NOW))
            assert derive_label(axes, NOW) is label
            check_label(axes, label)
    for mode, installed, head, problem, at, until, repository in product(
        Mode, (None, 1, 2), (None, 1, 2), problems, checked, expires, problems
    ):
        axes = Axes(mode, installed, head, problem=problem, repository_problem=repository, checked_at=at, expires=until)
        seen.add(label := derive_label(axes, NOW))
        check_label(axes, label)
    assert seen == set(Label)


def check_label(axes: Axes, label: Label) -> None:
    assert type(label) is Label
    if label in {Label.OFFLINE, Label.UPDATE_AVAILABLE, Label.STALE, Label.EXPIRED, Label.UPDATE_FAILED}:
        assert axes.installed is not None
    if label in {Label.ONLINE, Label.ONLINE_UNREACHABLE, Label.FAILED, Label.INCOMPLETE}:
        assert axes.installed is None or axes.job is not None
    if label in {Label.PAUSED, Label.WAITING, Label.REMOVING, Label.COMMITTING, *WORKING}:
        assert axes.job is not None
    if label is Label.OFFLINE:
        assert axes.head is not None
        assert axes.head <= max(axes.installed or 0, axes.skipped)
        assert NOW - axes.checked_at <= axes.stale_after
        assert not axes.problem


WORKING = {Label.DOWNLOADING, Label.UPDATING, Label.REPAIRING, Label.ROLLING_BACK}
