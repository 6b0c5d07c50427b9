from __future__ import annotations

import msgspec
import pytest

from catsync_core import CatalogInfo, Decision, JobInfo, Label, Mode, Question
from catsync_plugins.policy_network import NetworkSettings
from catsync_plugins.policy_network import catsync_policies as network
from catsync_plugins.policy_quota import QuotaSettings
from catsync_plugins.policy_quota import catsync_policies as quota
from catsync_plugins.policy_window import WindowSettings
from catsync_plugins.policy_window import catsync_policies as window
from catsync_plugins.web.rows import wishes
from catsync_plugins.web.views import job_of, row_of, unreachable

JOB = JobInfo("shoes", "install", True, "fetch", 10, 100, "", "", None, 0, 1.0, True)
RESTING = msgspec.structs.replace(JOB, running=False, phase="")
QUESTION = Question("install", "shoes", 10**9, 10**9, 0, by_user=False, now=1_795_521_600.0)
INFO = CatalogInfo(
    schema=1,
    catalog="shoes",
    title="Shoes",
    repository="https://shop.example",
    offered=True,
    mode=Mode.OFFLINE,
    label=Label.DOWNLOADING,
    installed_version=None,
    head_version=3,
    files=5,
    bytes=100,
    installed_files=0,
    installed_bytes=0,
    installed_published=0,
    installed_at=0,
    head_published=7,
    checked_at=8,
    downloaded_at=0,
    downloaded_bytes=0,
    kept_bytes=10,
    problem="",
    path="",
    next_check=9.5,
    job=JOB,
)


def test_a_row_says_what_the_engine_knows() -> None:
    row = row_of(INFO)
    assert (row.id, row.label, row.mode, row.next_check_at) == ("shoes", "downloading", "offline", 9)
    assert row.job
    assert (row.job.kind, row.job.phase, row.job.done, row.job.total) == ("install", "fetch", 10, 100)


def test_events_of_this_process_are_newer_than_the_state() -> None:
    assert job_of(JOB, step=("decode", 5, 50)).phase == "decode"
    assert job_of(JOB, step=("done", 0, 0)).phase == "fetch"
    assert job_of(RESTING, step=("decode", 5, 50)).phase != "decode"


def test_a_pause_shows_at_once_though_the_job_takes_a_moment_to_stop() -> None:
    row = row_of(msgspec.structs.replace(INFO, job=msgspec.structs.replace(JOB, gate="user_pause")))
    assert row.label == "paused"
    assert row.job
    assert (row.job.gate, row.job.running) == ("user_pause", False)


def test_a_queued_job_has_a_place() -> None:
    assert job_of(RESTING, position=2).gate == "queue"
    assert job_of(RESTING, position=2).position == 2
    assert job_of(JOB, position=2).position == 0


@pytest.mark.parametrize(("code", "gate"), [("no_connection", "network"), ("server", "network"), ("locked", "retry")])
def test_a_retry_waits_for_the_network_or_for_its_time(code: str, gate: str) -> None:
    job = msgspec.structs.replace(RESTING, gate="retry", until=60.0)
    assert job_of(job, code).gate == gate
    assert job_of(job, code).until == 60.0


def test_the_built_in_policies_are_told_apart() -> None:
    verdicts = {
        "metered": network()[0].decide(QUESTION, NetworkSettings(metered_now=True)),
        "window": window()[0].decide(QUESTION, WindowSettings(hours="03:00-04:00")),
        "space": quota()[0].decide(QUESTION, QuotaSettings(keep_free="900 TB")),
    }
    for gate, verdict in verdicts.items():
        assert verdict.decision is not Decision.ALLOW
        assert job_of(msgspec.structs.replace(RESTING, gate="policy", reason=verdict.reason)).gate == gate
    other = msgspec.structs.replace(RESTING, gate="consent", reason="It is Sunday")
    assert job_of(other).gate == "consent"


def test_progress_is_no_wish() -> None:
    later = msgspec.structs.replace(INFO, job=msgspec.structs.replace(JOB, done=50, phase="decode"), kept_bytes=50)
    assert wishes(row_of(INFO)) == wishes(row_of(later))
    paused = msgspec.structs.replace(INFO, job=msgspec.structs.replace(JOB, gate="user_pause"))
    assert wishes(row_of(INFO)) != wishes(row_of(paused))


def test_trust_is_no_matter_of_the_connection() -> None:
    assert unreachable("no_connection")
    assert not unreachable("trust")
    assert not unreachable("")
