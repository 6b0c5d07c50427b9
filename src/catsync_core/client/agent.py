"""The agent: checks repositories when their time has come, and runs what is queued. One for each home.

It fetches metadata. Content is fetched only by jobs, and those are queued by the user, or by a policy that the user
enabled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from catsync_core.client.checks import AGENT, check_repository, watch_catalog
from catsync_core.client.device import Device
from catsync_core.client.housekeeping import discard_leftovers
from catsync_core.client.initiative import start_by_policy
from catsync_core.client.rows import CatalogRow, Mode
from catsync_core.client.runner import JobRunner
from catsync_core.client.schedules import seed_of
from catsync_core.client.sources import Source
from catsync_core.client.timetable import WINDOW, Asked, CheckPlan, Watched, plan_checks
from catsync_core.errors import CatsyncError, LocalError, LockedError
from catsync_core.events import Event, Listener, Warned, ignore
from catsync_core.hookspecs import Decision, Question
from catsync_core.plugins import Plugins, load_plugins
from catsync_core.store.failures import Attempt

__all__ = ["AT_ONCE", "Agent"]

AT_ONCE = 4
"""Repositories that are asked at the same time."""
_LOOK_EVERY = 1.0  # seconds between looks at whether a check has ended
_LOOK_OFTEN = 0.05  # seconds between such looks where somebody waits for the end
_BEAT_EVERY = 5.0  # seconds between signs of life, and between looks at whether the user changed something
_LOCK = "agent.lock"


class Agent:
    """Runs schedules and jobs until it is told to stop.

    Args:
        home: Where catalogs and state lie.
        listener: Gets events, from several threads, one at a time.
        plugins: The backends, policies and schedules; loaded when none are given.
        now: The clock, seconds since 1970; it may jump.
        ticks: Seconds of a clock that nobody can set.
    """

    def __init__(
        self,
        home: Path,
        *,
        listener: Listener = ignore,
        plugins: Plugins | None = None,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._listener = listener
        self._plugins = load_plugins() if plugins is None else plugins
        self._now = now
        self._ticks = ticks
        self._telling = threading.Lock()
        self._ended = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Check what is due and run what is queued, again and again, until the event is set.

        Raises:
            LockedError: (local) another agent works on this home.
            ConfigError: (local) the configuration makes no sense.
        """
        with (
            self._open() as device,
            JobRunner(self._home, listener=self._tell, plugins=self._plugins, now=self._now),
            ThreadPoolExecutor(AT_ONCE, "check") as pool,
        ):
            plan = None
            under_way: dict[str, Future[None]] = {}
            try:
                while not stop.is_set():
                    self._tidy(device)
                    plan = self._begin_checks(device, pool, plan, under_way)
                    self._rest(device, plan.wake_in, stop)
                    under_way = {url: check for url, check in under_way.items() if not check.done()}
            finally:
                device.cancelled.set()

    def run_once(self, stop: threading.Event) -> None:
        """Check what is due now, run what is queued, and return: for whoever has a scheduler of their own.

        Raises:
            LockedError: (local) another agent works on this home.
            ConfigError: (local) the configuration makes no sense.
        """
        with (
            self._open() as device,
            JobRunner(self._home, listener=self._tell, plugins=self._plugins, now=self._now) as runner,
        ):
            with ThreadPoolExecutor(AT_ONCE, "check") as pool:
                under_way: dict[str, Future[None]] = {}
                self._begin_checks(device, pool, None, under_way, spread=False)
                while not all(check.done() for check in under_way.values()) and not stop.wait(_LOOK_OFTEN):
                    pass
                if stop.is_set():
                    device.cancelled.set()  # else a check would go on trying
            runner.wait_until_idle(stop)

    @contextmanager
    def _open(self) -> Iterator[Device]:
        """Open the home, and keep other agents off it."""
        with Attempt("make", self._home):
            self._home.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._home / _LOCK, timeout=0)
        with Attempt("lock", self._home):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise LockedError(
                    f"An agent is running for {self._home} already", hint="`catsync agent status` tells of it"
                ) from None
        try:
            device = Device.open(self._home, self._plugins, self._tell, now=self._now)
            try:
                device.state.note_fact(AGENT, str(self._now()))
                yield device
            finally:
                with suppress(LocalError):  # who reads it notices by the silence in any case
                    device.state.note_fact(AGENT, "0")
                device.close()
        finally:
            lock.release()

    def _begin_checks(
        self,
        device: Device,
        pool: ThreadPoolExecutor,
        previous: CheckPlan | None,
        under_way: dict[str, Future[None]],
        *,
        spread: bool = True,
    ) -> CheckPlan:
        """Ask the repositories whose time has come; returns the plan that says when to look again."""
        sources = {source.row.url: source for source in device.sources.all()}
        catalogs = list(_watch_all(device, sources))
        identity = device.state.identity
        plan = plan_checks(
            catalogs,
            [
                Asked(source.row.url, source.row.checked_at, source.row.attempted_at, source.row.failures)
                for source in sources.values()
            ],
            now=self._now(),
            ticks=self._ticks(),
            offsets={url: WINDOW * seed_of(identity, url) for url in sources} if spread else {},
            previous=previous,
            under_way=under_way,
        )
        for url in plan.ask:
            due = [
                watched.catalog for watched in catalogs if watched.repository == url and watched.next_check is not None
            ]
            if any(self._may_check(device, catalog) for catalog in due):
                under_way[url] = pool.submit(self._check, device, sources[url])
        return plan

    def _check(self, device: Device, source: Source) -> None:
        try:
            source, checked = check_repository(device, source, by_user=False)
            if not checked.error:
                start_by_policy(device, source)
        except CatsyncError as error:
            self._tell(Warned(source.row.shown, error.message))
        except Exception as error:  # noqa: BLE001 - a defect ends this check, and not the agent
            self._tell(Warned(source.row.shown, f"The check failed by a defect: {type(error).__name__}: {error}"))
        finally:
            self._ended.set()

    def _tidy(self, device: Device) -> None:
        try:
            discard_leftovers(device)
        except CatsyncError as error:
            self._tell(Warned("agent", error.message))

    def _may_check(self, device: Device, catalog: str) -> bool:
        if not device.settings.policies.enabled:
            return True
        question = Question("check", catalog, 0, 0, 0, by_user=False, now=self._now())
        return device.settings.policies.decide(question).decision is Decision.ALLOW

    def _rest(self, device: Device, seconds: float, stop: threading.Event) -> None:
        """Wait until it is time to look again: then, when a check has ended, or when somebody changed something."""
        until = self._ticks() + seconds
        changes = device.state.count_changes()
        beat_at = self._ticks()
        while self._ticks() < until and not stop.wait(_LOOK_EVERY):
            if self._ticks() - beat_at >= _BEAT_EVERY:
                beat_at = self._ticks()
                with suppress(LocalError):  # on a full disk the agent goes on, and seems not to
                    device.state.note_fact(AGENT, str(self._now()))
                if device.state.count_changes() != changes:
                    return
            if self._ended.is_set():
                self._ended.clear()
                return

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._listener(event)


def _watch_all(device: Device, sources: dict[str, Source]) -> Iterator[Watched]:
    """Return what decides about each offline catalog; the others are always current."""
    for row in device.state.catalogs().values():
        if row.mode is Mode.OFFLINE:
            yield watch_catalog(device, row, _find(row, sources))


def _find(row: CatalogRow, sources: dict[str, Source]) -> Source | None:
    source = sources.get(row.repository)
    return source if source is not None and row.catalog in source.index.catalogs else None
