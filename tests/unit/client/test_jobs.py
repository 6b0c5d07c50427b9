"""Jobs while they run: who may stop them, what becomes of them, and that policies are asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catsync_core.backends.throttle import ThrottledBackend
from catsync_core.backends.wrapper import find_layer
from catsync_core.client import execution, runner, watch, work
from catsync_core.client.aside import Aside
from catsync_core.client.catalog import Catalog
from catsync_core.client.client import Client
from catsync_core.client.device import Device, Settings
from catsync_core.client.labels import Label
from catsync_core.client.lifecycle import Cancelled
from catsync_core.client.rows import Gate, Job, JobKind, Mode
from catsync_core.client.runner import JobRunner, is_ready
from catsync_core.errors import CancelledError, CatsyncError, DeniedError, RemoteError, WaitsError
from catsync_core.events import Event, JobEnded, JobWaits, Progress, Warned
from catsync_core.hookspecs import Decision, Verdict
from catsync_core.plugins import load_plugins
from catsync_core.store.layout import CatalogStore
from support.stage import NOW, Stage

PATIENCE = 60.0  # seconds, for what does not happen


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.005)
    monkeypatch.setattr(runner, "_LOOK_EVERY", 0.005)
    monkeypatch.setattr(runner, "_AFTER_FAILURE", 0.0)
    monkeypatch.setattr(runner, "_AFTER_LOCK", 0.0)
    stage = Stage(tmp_path)
    stage.add()
    return stage


def job_of(stage: Stage, catalog: str = "shoes") -> Job | None:
    with stage.open() as client:
        return client._device.state.record(catalog)[1]


def once(act: Callable[[], object]) -> Callable[[], object]:
    """Return what does something the first time that it is called."""
    left = [act]
    return lambda: left.pop()() if left else None


def download(stage: Stage, meanwhile: Callable[[Catalog], object], *, consented: bool = False) -> CatsyncError:
    """Download, and let another process do something while content arrives; return what the download ends with."""
    stop = threading.Event()

    def act() -> None:
        with stage.open() as other:
            meanwhile(other.catalog("shoes"))
        assert stop.wait(PATIENCE), "nobody noticed"

    stage.on_content = once(act)
    with stage.open(stop) as client, pytest.raises(CatsyncError) as caught:
        client.catalog("shoes").go_offline(consented=consented)
    assert not stop.is_set(), "it held for this job only"
    return caught.value


def test_another_process_pauses_and_what_has_arrived_is_kept(stage: Stage) -> None:
    error = download(stage, Catalog.pause)
    assert isinstance(error, WaitsError)
    assert (error.gate, "You paused it" in error.message) == (Gate.USER_PAUSE, True)
    job = job_of(stage)
    assert job is not None
    assert (job.gate, job.beat_at) == (Gate.USER_PAUSE, 0.0)
    with stage.open() as client:
        catalog = client.catalog("shoes")
        assert catalog.info().label == Label.PAUSED
        catalog.resume()
        catalog.run_job()
        assert catalog.info().label == Label.OFFLINE


@pytest.mark.parametrize("wish", [Catalog.cancel, lambda catalog: catalog.ask(JobKind.REMOVE)])
def test_another_process_ends_a_download(stage: Stage, wish: Callable[[Catalog], object]) -> None:
    assert isinstance(download(stage, wish), CancelledError)
    ended = [event for event in stage.events if isinstance(event, JobEnded)]
    assert [(event.outcome, event.version) for event in ended] == [("cancelled", None)]
    with stage.open() as client:
        assert client.catalog("shoes").info().mode == Mode.ONLINE
    job = job_of(stage)
    assert job is None or job.kind is JobKind.REMOVE


@pytest.mark.parametrize("decision", [Decision.WAIT, Decision.ASK, Decision.DENY])
def test_a_policy_that_changes_its_mind_stops_a_download(stage: Stage, decision: Decision) -> None:
    stage.enable_policy()

    def close(_: Catalog) -> None:
        stage.verdict = Verdict(decision, "The gate is closed", NOW + 5000)
        stage.now += watch.ASK_EVERY

    error = download(stage, close)
    assert "The gate is closed" in error.message
    job = job_of(stage)
    if decision is Decision.DENY:
        assert isinstance(error, DeniedError)
        assert job is None
        return
    assert job is not None
    assert (job.gate, job.until) == (Gate.POLICY if decision is Decision.WAIT else Gate.CONSENT, NOW + 5000)
    assert [event.gate for event in stage.events if isinstance(event, JobWaits)] == [job.gate]
    stage.verdict = Verdict(Decision.ALLOW)
    with stage.open() as client:
        client.catalog("shoes").run_job()
        assert client.catalog("shoes").info().label == Label.OFFLINE


@pytest.mark.parametrize("decision", [Decision.WAIT, Decision.ASK, Decision.DENY])
def test_where_a_policy_is_against_it_nothing_is_fetched(stage: Stage, decision: Decision) -> None:
    stage.enable_policy()
    stage.verdict = Verdict(decision, "The gate is closed")
    with stage.open() as client:
        catalog = client.catalog("shoes")
        with pytest.raises((WaitsError, DeniedError), match="The gate is closed"):
            catalog.go_offline()
        assert stage.content() == 0
        job = job_of(stage)
        if decision is Decision.WAIT:
            assert stage.checks() == 0, "a policy that lets it wait is asked before the network is used"
            assert job is not None
            assert job.until == NOW + execution._ASK_AGAIN
        if decision is not Decision.DENY:
            catalog.go_offline(consented=True)
            assert catalog.info().label == Label.OFFLINE
        else:
            with pytest.raises(DeniedError):
                catalog.go_offline(consented=True)
            assert stage.content() == 0


def test_consent_while_the_question_comes_up_counts(stage: Stage) -> None:
    stage.enable_policy()

    def ask_and_agree(catalog: Catalog) -> None:
        catalog.resume(consented=True)
        stage.verdict = Verdict(Decision.ASK, "Metered")
        stage.now += watch.ASK_EVERY

    download(stage, ask_and_agree)
    job = job_of(stage)
    assert job is not None
    assert (job.gate, job.consented) == (Gate.OPEN, True)


def test_a_process_that_ends_leaves_its_job_to_others(stage: Stage) -> None:
    stop = threading.Event()
    stage.on_content = once(stop.set)
    with stage.open(stop) as client, pytest.raises(CancelledError):
        client.catalog("shoes").go_offline()
    job = job_of(stage)
    assert job is not None
    assert (job.gate, is_ready(job, NOW)) == (Gate.OPEN, True)


def test_a_job_that_cannot_note_how_far_it_is_goes_on(stage: Stage) -> None:
    """Such as on a full disk, where each look of the watch fails."""
    with stage.open() as client:
        state = client._device.state._database._connection
        refuse = "SELECT RAISE(ABORT, 'no space for this')"
        state.execute(f"CREATE TRIGGER full BEFORE UPDATE OF beat_at ON jobs WHEN NEW.phase != '' BEGIN {refuse}; END")
        looked = threading.Event()
        real = client._device.state.note_progress

        def note(*progress: object, **at: object) -> Job | None:
            try:
                return real(*progress, **at)  # type: ignore[arg-type]
            finally:
                looked.set()

        client._device.state.note_progress = note  # type: ignore[method-assign]
        stage.on_content = lambda: looked.wait(PATIENCE)
        catalog = client.catalog("shoes")
        catalog.go_offline()
        assert looked.is_set()
        assert catalog.info().label == Label.OFFLINE


def test_a_defect_in_the_work_is_a_failure_that_names_it(stage: Stage) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    with stage.open() as client:
        catalog = client.catalog("shoes")
        catalog.ask(JobKind.INSTALL)
        with pytest.raises(ZeroDivisionError):
            catalog._execute(JobKind.INSTALL, fail)
        info = catalog.info()
    assert (info.label, info.job, info.problem) == (Label.FAILED, None, "ZeroDivisionError: a defect")


def test_ctrl_c_is_a_pause(stage: Stage) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with stage.open() as client:
        for kind, gate in ((JobKind.INSTALL, Gate.USER_PAUSE), (JobKind.REMOVE, Gate.OPEN)):
            client.catalog("shoes").ask(kind)
            with pytest.raises(KeyboardInterrupt):
                client.catalog("shoes")._execute(kind, interrupt)
            job = job_of(stage)
            assert job is not None
            assert (job.kind, job.gate) == (kind, gate)


def test_a_cancel_when_nothing_can_be_stopped_any_more_still_counts(stage: Stage) -> None:
    with stage.open() as client:
        catalog = client.catalog("shoes")
        catalog.ask(JobKind.INSTALL)

        def cancel_at_the_end(watch_: watch.Watch, job: Job) -> object:
            done = catalog._work().do(watch_, job)
            with stage.open() as other:
                other.catalog("shoes")._advance(Cancelled(None))
            return done

        with catalog._store.lock("install"):
            catalog._execute(JobKind.INSTALL, cancel_at_the_end)
        assert catalog.info().label == Label.REMOVING
        catalog.run_job()
        assert catalog.info().label == Label.ONLINE
        assert not stage.home.joinpath("catalogs", "shoes").exists()


def test_a_pause_before_the_commit_is_noticed_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY", 3600.0)
    with stage.open() as client:
        catalog = client.catalog("shoes")

        def pause_when_all_is_here(event: Event) -> None:
            if isinstance(event, Progress) and event.done == event.total:
                with stage.open() as other:
                    other.catalog("shoes").pause()

        with stage.open(listener=pause_when_all_is_here) as watched, pytest.raises(WaitsError, match="You paused it"):
            watched.catalog("shoes").go_offline()
        assert catalog.info().installed_version is None


def test_going_online_without_a_connection_needs_none_where_nothing_is_here(stage: Stage) -> None:
    stage.backends["memory://shop"].inner.close()
    with stage.open() as client:
        client.catalog("shoes").go_online()
        assert client.catalog("shoes").info().label == Label.ONLINE


def test_a_catalog_that_vanished_can_be_named_as_long_as_it_has_a_job(stage: Stage) -> None:
    with stage.open() as client:
        client.catalog("shoes").ask(JobKind.REMOVE)
        stage.backends["memory://shop"] = stage.add("other", "bags")
        client._device.state._database._connection.execute("DELETE FROM repositories")
        assert [catalog.id for catalog in client.catalogs()] == ["shoes"]
        client.catalog("shoes").run_job()
        assert client.catalogs() == []


@pytest.mark.parametrize("last", [JobKind.INSTALL, JobKind.REMOVE])
def test_the_last_of_fifty_wishes_wins(stage: Stage, last: JobKind) -> None:
    with stage.runner(), stage.open() as client:
        catalog = client.catalog("shoes")
        for number in range(50):
            catalog.ask(JobKind.REMOVE if (number % 2 == 0) is (last is JobKind.INSTALL) else JobKind.INSTALL)
        # A wish that comes when the job before cannot be stopped any more becomes a job only when that one ends.
        label = Label.OFFLINE if last is JobKind.INSTALL else Label.ONLINE
        wait_until(lambda: not client.jobs() and catalog.info().label == label)
        assert stage.home.joinpath("catalogs", "shoes", "1").exists() is (last is JobKind.INSTALL)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again; a test that waits for ever is ended by its runner."""
    while not is_so():
        threading.Event().wait(0.01)


def test_so_many_jobs_run_at_once_and_no_more(stage: Stage) -> None:
    names = [f"catalog-{number}" for number in range(5)]
    stage.add("many", *names)
    stage.enable_policy("[jobs]", "at_once = 3")
    together = threading.Condition()
    running = [0, 0]  # now, and at most

    def count() -> None:
        with together:
            running[0] += 1
            running[1] = max(running)
            together.notify_all()
            together.wait_for(lambda: running[1] == 3, PATIENCE)
            running[0] -= 1

    stage.on_content = count
    with stage.open() as client:
        for name in names:
            client.catalog(name).ask(JobKind.INSTALL)
        with stage.runner() as jobs:
            jobs.wait_until_idle(threading.Event())
        assert running[1] == 3
        assert {client.catalog(name).info().label for name in names} == {Label.OFFLINE}


def test_all_jobs_of_a_runner_share_limits_and_notifiers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Settings] = []
    make = Settings.__init__

    def count(settings: Settings, *arguments: Any) -> None:  # noqa: ANN401 - hands on what it gets
        made.append(settings)
        make(settings, *arguments)

    with stage.open() as client:
        client.catalog("shoes").ask(JobKind.INSTALL)
        monkeypatch.setattr(Settings, "__init__", count)
        with stage.runner() as jobs:
            jobs.wait_until_idle(threading.Event())
            assert len(made) == 1
            with Client.over(jobs._device.sibling(threading.Event())):
                pass
            assert made[0] is jobs._device.settings
        assert client.catalog("shoes").info().label is Label.OFFLINE


def test_the_backend_prepares_itself_while_a_download_is_written_down(stage: Stage) -> None:
    prepared: list[Job | None] = []

    def note() -> None:
        with CatalogStore(stage.home, "shoes").lock("verify"):
            prepared.append(job_of(stage))

    stage.on_prepare = note
    with stage.open() as client:
        shoes = client.catalog("shoes")
        shoes.go_offline()
        assert prepared == [None], "before the job was there, and the lock taken"
        shoes.go_offline()
        assert prepared == [None], "nothing is asked where nothing is to be done"
        stage.publish(2)
        shoes.update()
        assert prepared == [None, None]


@pytest.mark.parametrize(("few", "known", "looks"), [(1, False, True), (0, False, False), (0, True, True)])
def test_what_is_here_is_looked_at_while_the_repository_is_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, few: int, known: bool, looks: bool
) -> None:
    """Where there are many files, only if an update is known of: else it would be much work for nothing."""
    monkeypatch.setattr(work, "_FEW", few)
    with stage.open() as client:
        shoes = client.catalog("shoes")
        shoes.go_offline()
        stage.publish(2)
        if known:
            client.check()
    seen: list[bool] = []
    waiting = threading.Event()

    class Awaited(Aside[object]):
        def result(self, patience: float | None = None) -> object:
            waiting.set()
            return super().result(patience)

    def answer() -> None:
        assert waiting.wait(PATIENCE), "nothing is left to do but to wait for the answer"
        waiting.clear()
        seen.append(any(thread.name == "catsync-present_0" for thread in threading.enumerate()))

    monkeypatch.setattr(work, "Aside", Awaited)
    stage.on_check = answer
    with stage.open() as client:
        assert client.catalog("shoes").update().changed
        assert not client.catalog("shoes").update().changed
    assert seen == [looks, few > 0]
    assert all(thread.name != "catsync-present_0" for thread in threading.enumerate())


def test_an_interrupt_does_not_wait_for_the_answer_and_is_no_problem_of_the_repository(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, closed = threading.Event(), threading.Event()

    class Interrupted(Aside[object]):
        def result(self, patience: float | None = None) -> object:
            assert asked.wait(PATIENCE)
            raise KeyboardInterrupt

    def break_off() -> None:
        asked.set()
        assert closed.wait(PATIENCE)
        raise RemoteError("The connection was closed")

    monkeypatch.setattr(work, "Aside", Interrupted)
    stage.on_check = break_off
    with stage.open() as client:
        with pytest.raises(KeyboardInterrupt):
            client.catalog("shoes").go_offline()
        (asking,) = [thread for thread in threading.enumerate() if thread.name == "catsync-ask"]
        client._device.sources.close()
        closed.set()
        asking.join(PATIENCE)
        assert not asking.is_alive()
    with stage.open() as client:
        (repository,) = client.repositories()
    assert (repository.row.problem, repository.row.failures) == ("", 0)


def test_no_backend_prepares_itself_before_a_policy_was_asked(stage: Stage) -> None:
    stage.enable_policy()
    stage.verdict = Verdict(Decision.DENY, "No")
    stage.on_prepare = lambda: pytest.fail("it was prepared")
    with stage.open() as client, pytest.raises(DeniedError):
        client.catalog("shoes").go_offline()


def test_siblings_share_one_bandwidth(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[policies.rate]\nbytes_per_second = "1 MB"\n')
    device = Device.open(tmp_path, load_plugins(), lambda _: None)
    other = device.sibling(threading.Event())
    layers = [find_layer(each.sources.open("http://127.0.0.1:9").backend, ThrottledBackend) for each in (device, other)]
    throttles = {layer._throttle for layer in layers if layer is not None}
    assert throttles == {device.settings.throttle}
    other.close()
    device.close()


def test_a_runner_that_is_closed_leaves_what_it_was_doing_queued(stage: Stage) -> None:
    reached, stop = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        stop.wait(PATIENCE)

    stage.on_content = once(hold)
    with stage.open() as client:
        client.catalog("shoes").ask(JobKind.INSTALL)
        with stage.runner() as jobs:
            assert client.is_served()
            assert reached.wait(PATIENCE)
            for running in jobs._running.values():
                running.cancelled.set()
            stop.set()
        assert not client.is_served()
        job = job_of(stage)
        assert job is not None
        assert is_ready(job, NOW)


def test_a_defect_in_looking_for_jobs_is_told_and_does_not_end_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, told = JobRunner._ready, threading.Event()

    def fail_first(jobs: JobRunner) -> list[Job]:
        if not told.is_set():
            raise RuntimeError("a defect")
        return ready(jobs)

    def listen(event: Event) -> None:
        if isinstance(event, Warned) and "a defect" in event.message:
            told.set()

    monkeypatch.setattr(JobRunner, "_ready", fail_first)
    monkeypatch.setattr(runner, "_BEAT_EVERY", 0.01)
    with stage.open() as client:
        client.catalog("shoes").ask(JobKind.INSTALL)
    with JobRunner(stage.home, listener=listen, plugins=stage.plugins(), now=stage.clock) as jobs:
        assert told.wait(PATIENCE)
        jobs.wait_until_idle(threading.Event())
    with stage.open() as client:
        assert client.catalog("shoes").info().installed_version == 1


@pytest.mark.parametrize(
    ("gate", "until", "beat_at", "now", "ready"),
    [
        (Gate.OPEN, 0.0, 0.0, NOW, True),
        (Gate.OPEN, 0.0, NOW - 1, NOW, False),
        (Gate.OPEN, 0.0, NOW - 6, NOW, True),
        (Gate.OPEN, 0.0, NOW + 60, NOW, True),  # it was killed before the clock was set back
        (Gate.RETRY, NOW + 5, 0.0, NOW, False),
        (Gate.RETRY, NOW + 5, 0.0, NOW + 5, True),
        (Gate.RETRY, NOW + 5, 0.0, NOW - 86400, True),  # the clock was set back
        (Gate.POLICY, NOW + 86400, 0.0, NOW, False),
        (Gate.POLICY, NOW + 86400, 0.0, NOW + 86400, True),
        (Gate.POLICY, NOW + 86400, 0.0, NOW - 365 * 86400, True),  # likewise
        (Gate.USER_PAUSE, 0.0, 0.0, NOW, False),
        (Gate.CONSENT, 0.0, 0.0, NOW, False),
    ],
)
def test_which_jobs_may_be_begun(gate: Gate, until: float, beat_at: float, now: float, *, ready: bool) -> None:
    job = Job("shoes", JobKind.INSTALL, NOW, gate=gate, until=until, beat_at=beat_at)
    assert is_ready(job, now) is ready
