from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from catsync_core.errors import CancelledError, DiskFullError
from catsync_core.format.manifest import Entry
from catsync_core.plan.model import Action, FilePlan
from catsync_core.transfer import sharing
from catsync_core.transfer.sharing import Count, build_files

LARGE = 100
HERE = threading.get_ident
PATIENCE = 10  # seconds, where a failing test would wait for ever


@pytest.fixture(autouse=True)
def _small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_LARGE", LARGE)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def plan(*sizes: int) -> list[FilePlan]:
    return [FilePlan(Entry(str(number), 1, number), size, Action.FULL) for number, size in enumerate(sizes)]


def share(
    pool: ThreadPoolExecutor,
    files: Sequence[FilePlan],
    build: Callable[[FilePlan, Count], None],
    *,
    is_ready: Callable[[FilePlan], bool] = lambda _: True,
    on_bytes: Count = lambda _: None,
) -> None:
    build_files(files, build, lend=pool.submit, is_ready=is_ready, on_bytes=on_bytes)


def test_every_file_is_built_once_and_counted_on_the_calling_thread(pool: ThreadPoolExecutor) -> None:
    files = plan(*[LARGE, 1, 2 * LARGE, 0, 5 * LARGE] * 40)
    built: list[str] = []
    counts: list[tuple[int, int]] = []

    def build(file: FilePlan, count: Count) -> None:
        count(file.size // 2)
        count(file.size - file.size // 2)
        built.append(file.entry.path)

    share(pool, files, build, on_bytes=lambda size: counts.append((HERE(), size)))
    assert sorted(built) == sorted(file.entry.path for file in files)
    assert {thread for thread, _ in counts} == {HERE()}
    assert sum(size for _, size in counts) == sum(file.size for file in files)


def test_the_other_thread_builds_large_files_that_are_ready_while_this_one_is_busy(pool: ThreadPoolExecutor) -> None:
    here, there = HERE(), []
    others_done = threading.Event()
    files = plan(1, LARGE, LARGE, 1, LARGE, LARGE)

    def build(file: FilePlan, _: Count) -> None:
        if HERE() != here:
            there.append(file.entry.path)
            if len(there) == 3:
                others_done.set()
        elif file.entry.path == "0":
            assert others_done.wait(PATIENCE)

    share(pool, files, build)
    assert there == ["1", "2", "4"]  # not the last: that one is decoded ahead while it is built


def test_what_has_not_arrived_is_left_to_the_calling_thread(pool: ThreadPoolExecutor) -> None:
    threads: set[int] = set()

    def build(_file: FilePlan, _count: Count) -> None:
        threads.add(HERE())

    def lend(_: Callable[[], None]) -> Future[None]:
        raise AssertionError("there is nothing to lend a thread for")

    build_files(plan(1, LARGE, LARGE, 1), build, lend=lend, is_ready=lambda _: False, on_bytes=lambda _: None)
    build_files(plan(1, LARGE, 1), build, lend=lend, is_ready=lambda _: True, on_bytes=lambda _: None)
    assert threads == {HERE()}


def test_what_goes_wrong_on_the_other_thread_is_raised_at_the_next_count(pool: ThreadPoolExecutor) -> None:
    here, failed = HERE(), threading.Event()
    counted: list[str] = []

    def build(file: FilePlan, count: Count) -> None:
        if HERE() != here:
            failed.set()
            raise DiskFullError("there is no room")
        assert failed.wait(PATIENCE)
        for _ in range(PATIENCE * 1000):  # the future is done a little after the function has failed
            threading.Event().wait(0.001)
            count(1)
            counted.append(file.entry.path)

    with pytest.raises(DiskFullError):
        share(pool, plan(1, LARGE, LARGE, 1), build)
    assert set(counted) <= {"0"}


def test_what_goes_wrong_with_the_last_file_is_raised(pool: ThreadPoolExecutor) -> None:
    here, go_on = HERE(), threading.Event()

    def build(file: FilePlan, _: Count) -> None:
        if HERE() != here:
            assert go_on.wait(PATIENCE)
            raise DiskFullError("there is no room")
        if file.entry.path == "2":
            go_on.set()

    with pytest.raises(DiskFullError):
        share(pool, plan(1, LARGE, LARGE), build)


@pytest.mark.parametrize("fails", ["build", "on_bytes"])
def test_the_other_thread_has_stopped_when_an_error_is_raised(pool: ThreadPoolExecutor, fails: str) -> None:
    here, begun = HERE(), threading.Event()
    ended: list[str] = []

    def build(file: FilePlan, count: Count) -> None:
        if HERE() == here:
            assert begun.wait(PATIENCE)
            if fails == "build":
                raise DiskFullError("there is no room")
            count(1)
            return
        try:
            begun.set()
            for _ in range(PATIENCE * 1000):
                threading.Event().wait(0.001)
                count(1)
        except CancelledError:
            ended.append(file.entry.path)
            raise

    def on_bytes(_: int) -> None:
        raise DiskFullError("there is no room")

    with pytest.raises(DiskFullError):
        share(pool, plan(1, LARGE, LARGE, LARGE), build, on_bytes=on_bytes if fails == "on_bytes" else lambda _: None)
    assert ended == ["1"]


def test_a_thread_that_has_not_begun_is_not_waited_for() -> None:
    def build(_file: FilePlan, _count: Count) -> None:
        raise DiskFullError("there is no room")

    never = Future[None]()
    with pytest.raises(DiskFullError):
        build_files(
            plan(1, LARGE, LARGE), build, lend=lambda _: never, is_ready=lambda _: True, on_bytes=lambda _: None
        )
    assert never.cancelled()
