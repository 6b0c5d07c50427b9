"""The agent's checks: one request for a repository, spread and bounded, told once, and never content."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from catsync_core.client import agent as agent_module
from catsync_core.client.agent import AT_ONCE
from catsync_core.client.device import Device
from catsync_core.client.initiative import start_by_policy
from catsync_core.client.rows import CatalogRow, JobKind, Mode
from catsync_core.client.sources import Source
from catsync_core.client.timetable import DAY, WINDOW
from catsync_core.errors import ConfigError, LockedError, TrustError
from catsync_core.events import RepositoryChecked, UpdateFound, Warned
from catsync_core.format.index import read_index, write_index
from catsync_core.hookspecs import Decision, Verdict
from catsync_core.testing.faults import Reset
from catsync_core.testing.memory import MemoryBackend
from support.stage import NOW, Stage

PATIENCE = 60.0  # seconds, for what does not happen
LATER = 2 * DAY


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(agent_module, "_LOOK_EVERY", 0.005)
    monkeypatch.setattr("catsync_core.client.runner._LOOK_EVERY", 0.005)
    return Stage(tmp_path)


def wish_offline(stage: Stage, *catalogs: tuple[str, str]) -> None:
    """Note a wish without a download: catalog and name of its repository."""
    with stage.open() as client:
        for catalog, name in catalogs:
            client._device.state.save_catalog(CatalogRow(catalog, f"memory://{name}", Mode.OFFLINE, catalog))


def run_once(stage: Stage) -> None:
    stage.agent().run_once(threading.Event())


def test_five_hundred_catalogs_that_are_due_cost_one_request(stage: Stage) -> None:
    backend = stage.add()
    assert isinstance(backend.inner, MemoryBackend)
    index = read_index(backend.inner.objects["index.json"])
    names = [f"catalog-{number:03}" for number in range(500)]
    many = msgspec.structs.replace(
        index, serial=9, catalogs=dict.fromkeys(names, msgspec.structs.replace(index.catalogs["shoes"], text=""))
    )
    backend.inner.objects["index.json"] = write_index(many)
    with stage.open() as client:
        client.check()
    wish_offline(stage, *((name, "shop") for name in names))
    backend.calls.clear()
    stage.now += LATER
    run_once(stage)
    assert backend.calls == [("get", "index.json")]
    run_once(stage)
    assert len(backend.calls) == 1, "what was asked just now is not due"


def add_fifty(stage: Stage) -> None:
    first = stage.add("shop-0", "shoes-0")
    assert isinstance(first.inner, MemoryBackend)
    for number in range(1, 50):
        stage.add(f"shop-{number}", f"shoes-{number}")
    wish_offline(stage, *((f"shoes-{number}", f"shop-{number}") for number in range(50)))
    for backend in stage.backends.values():
        backend.calls.clear()
    stage.now += LATER


def test_fifty_repositories_are_asked_side_by_side_but_few_at_once(stage: Stage) -> None:
    add_fifty(stage)
    together = threading.Condition()
    running = [0, 0]  # now, and at most

    def count() -> None:
        with together:
            running[0] += 1
            running[1] = max(running)
            together.notify_all()
            together.wait_for(lambda: running[1] >= AT_ONCE, PATIENCE)
            running[0] -= 1

    stage.on_check = count
    run_once(stage)
    assert running == [0, AT_ONCE]
    assert [len(backend.calls) for backend in stage.backends.values()] == [1] * 50


def test_fifty_repositories_that_are_due_are_asked_one_after_the_other(stage: Stage) -> None:
    add_fifty(stage)
    ticks = 0
    agent = stage.agent(lambda: ticks)
    asked: list[int] = []
    with agent._open() as device, ThreadPoolExecutor(1) as pool:
        plan = None
        for ticks in range(int(WINDOW) + 1):  # noqa: B007 - the agent's clock reads it
            before = stage.checks()
            under_way: dict[str, Future[None]] = {}
            plan = agent._begin_checks(device, pool, plan, under_way)
            for check in under_way.values():
                check.result()
            asked.append(stage.checks() - before)
    assert sum(asked) == 50
    assert [len(backend.calls) for backend in stage.backends.values()] == [1] * 50
    assert max(asked) <= 8, "so many seeds of fifty fall into one second at most, but for once in many thousand runs"
    assert sum(count > 0 for count in asked) >= 15, "likewise"
    assert stage.content() == 0


def test_an_agent_tells_of_an_update_once_and_fetches_nothing(stage: Stage) -> None:
    stage.add()
    with stage.open() as client:
        client.catalog("shoes").go_offline()
    stage.publish(2)
    for backend in stage.backends.values():
        backend.calls.clear()
    for version in (2, 2, 3):
        if version == 3:
            stage.publish(3)
            stage.backends["memory://shop"].calls.clear()
        stage.now += LATER
        run_once(stage)
        with stage.open() as client:
            client.check()
    told = [event.version for event in stage.events if isinstance(event, UpdateFound)]
    assert told == [2, 3]
    assert stage.content() == 0
    with stage.open() as client:
        assert client.jobs() == []


def test_a_second_agent_is_refused(stage: Stage) -> None:
    stage.add()
    with stage.agent()._open() as device:
        assert device.state.fact("agent") == str(NOW)
        with pytest.raises(LockedError, match=r"An agent is running for .* already") as caught:
            run_once(stage)
        assert caught.value.exit_code == 11
    run_once(stage)
    with stage.open() as client:
        assert not client.has_agent()


def test_a_repository_that_cannot_be_asked_is_told_and_asked_again_later(stage: Stage) -> None:
    backend = stage.add()
    with stage.open() as client:
        client.catalog("shoes").go_offline()
    backend.plan.add(Reset(0), times=10**6)
    stage.now += LATER
    run_once(stage)
    (checked,) = [event for event in stage.events if isinstance(event, RepositoryChecked)]
    assert "broke off" in checked.problem
    backend.calls.clear()
    run_once(stage)
    assert stage.checks() == 0, "not at once"
    backend.plan.clear()
    stage.now += 3600
    run_once(stage)
    assert stage.checks() == 1
    with stage.open() as client:
        assert client.repositories()[0].row.failures == 0


def test_a_defect_ends_a_check_and_not_the_agent(stage: Stage) -> None:
    stage.add("bad", "bags")
    stage.add("good", "shoes")
    wish_offline(stage, ("bags", "bad"), ("shoes", "good"))
    stage.now += LATER

    def fail() -> None:
        if len(stage.backends["memory://bad"].calls) == 0 and stage.on_check is fail:
            stage.on_check = lambda: None
            raise ZeroDivisionError("a defect")

    stage.on_check = fail
    run_once(stage)
    warned = [event.message for event in stage.events if isinstance(event, Warned)]
    assert warned == ["The check failed by a defect: ZeroDivisionError: a defect"]
    assert stage.checks() == 1


def test_a_policy_may_keep_the_agent_from_checking(stage: Stage) -> None:
    stage.add()
    wish_offline(stage, ("shoes", "shop"))
    stage.enable_policy()
    stage.now += LATER
    stage.verdict = Verdict(Decision.WAIT, "Not now")
    run_once(stage)
    assert stage.checks() == 0
    stage.verdict = Verdict(Decision.ALLOW)
    run_once(stage)
    assert stage.checks() == 1


def test_a_running_agent_notices_what_is_queued_and_ends_when_told_to(stage: Stage) -> None:
    stage.add()
    stop = threading.Event()
    ticks = iter(range(10**9))
    running = threading.Thread(target=stage.agent(lambda: float(next(ticks))).run, args=(stop,))
    running.start()
    try:
        with stage.open() as client:
            catalog = client.catalog("shoes")
            catalog.ask(JobKind.INSTALL)
            while client.jobs() or not client.has_agent():
                threading.Event().wait(0.01)
            assert catalog.info().label == "offline"
    finally:
        stop.set()
        running.join(PATIENCE)
    assert not running.is_alive()


def test_a_mistake_in_the_configuration_is_met_before_anything_runs(stage: Stage) -> None:
    stage.add()
    stage.enable_policy("nonsense = 1")
    with pytest.raises(ConfigError, match="nonsense"):
        run_once(stage)


def queue_by_policy(stage: Stage) -> list[tuple[str, JobKind, bool]]:
    """Let policies decide after a check; return what is queued then and was not before."""
    with stage.open() as client:
        device: Device = client._device
        source: Source = device.sources.check(device.sources.all()[0])
        return [(job.catalog, job.kind, job.by_user) for job in start_by_policy(device, source)]


def test_without_a_policy_nothing_starts_by_itself(stage: Stage) -> None:
    stage.add()
    stage.starts = True
    assert queue_by_policy(stage) == []


def test_a_policy_takes_new_catalogs_offline_and_fetches_updates(stage: Stage) -> None:
    stage.add()
    stage.enable_policy()
    assert queue_by_policy(stage) == [], "no policy says so"
    stage.starts = True
    assert queue_by_policy(stage) == [("shoes", JobKind.INSTALL, False)]
    assert queue_by_policy(stage) == [], "it is queued already"
    with stage.open() as client:
        client.catalog("shoes").run_job()
        assert queue_by_policy(stage) == []
        stage.publish(2)
        assert queue_by_policy(stage) == [("shoes", JobKind.UPDATE, False)]
        client.catalog("shoes").run_job()
        assert client.catalog("shoes").info().installed_version == 2


def test_what_the_user_wished_stands_above_policies(stage: Stage) -> None:
    stage.add("shop", "bags", "boots", "shoes")
    stage.enable_policy()
    with stage.open() as client:
        bags, boots, shoes = client.catalogs()
        bags.set_auto_sync(on=True)  # it stays online
        for catalog in (boots, shoes):
            catalog.go_offline()
        stage.publish(2, "boots")
        stage.publish(2, "shoes")
        client.check()
        client.catalog("boots").skip()
        shoes.update()
        shoes.roll_back()
        stage.starts = True
        assert queue_by_policy(stage) == [], "skipped, gone back, or online by wish"
        stage.publish(3, "boots")
        stage.publish(3, "shoes")
        assert queue_by_policy(stage) == [("boots", JobKind.UPDATE, False)], "who went back leaves it when they say so"
        client.catalog("shoes").update()
        stage.publish(4, "shoes")
        assert ("shoes", JobKind.UPDATE, False) in queue_by_policy(stage)


def test_a_check_does_not_bring_back_a_repository_that_was_removed_meanwhile(stage: Stage) -> None:
    stage.add()

    def remove() -> None:
        stage.on_check = lambda: None
        with stage.open() as other:
            other.remove("memory://shop")

    stage.on_check = remove
    with stage.open() as client:
        client.check()
        assert client.repositories() == []


def test_a_slow_check_does_not_unlearn_what_a_faster_one_saw(stage: Stage) -> None:
    backend = stage.add()
    assert isinstance(backend.inner, MemoryBackend)
    with stage.open() as client:
        device = client._device
        old = device.sources.all()[0]
        stage.publish(2)
        newer = device.sources.check(old)
        backend.inner.objects["index.json"] = old.row.body
        late = replace(old, row=replace(old.row, etag=None))
        with pytest.raises(TrustError, match="went back"):
            device.sources.check(late)
        assert device.sources.all()[0].row.body == newer.row.body
        noted = device.sources._accept(old.row, old.index, old.row.body, old.row.etag)
        assert (noted.row.body, noted.index) == (newer.row.body, newer.index)
