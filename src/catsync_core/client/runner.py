"""Run what is queued: several jobs at a time, each in a thread with a client of its own, until it is closed.

Whoever is there long enough hosts one: the agent, the sync screen. Several may be there at once, and the command line
beside them: a job belongs to who holds its catalog's lock, and everybody sees how far it is in the state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from catsync_core.client.checks import RUNNER
from catsync_core.client.client import Client
from catsync_core.client.device import Device
from catsync_core.client.labels import is_alive
from catsync_core.client.rows import Gate, Job
from catsync_core.client.timetable import clock_was_set_back
from catsync_core.errors import CatsyncError, LocalError, LockedError
from catsync_core.events import Event, Listener, Warned, ignore
from catsync_core.plugins import Plugins, load_plugins

__all__ = ["JobRunner", "is_ready"]

_LOOK_EVERY = 0.5  # seconds
_BEAT_EVERY = 5.0
_AFTER_LOCK = 1.0
_AFTER_FAILURE = 2.0
_LONGEST_RETRY = 1800.0  # seconds; who seems to wait longer for another attempt waits by a clock that was set back
_PATIENCE = 10.0  # seconds in which jobs that are stopped must end


class JobRunner:
    """Runs the queued jobs of a home. Use it as a context manager.

    Args:
        home: Where catalogs and state lie.
        listener: Gets the events of all jobs, from several threads, one at a time.
        plugins: The backends and policies; loaded when none are given.
        now: The clock, seconds since 1970.

    Raises:
        ConfigError: (local) on entry; the configuration makes no sense.
    """

    def __init__(
        self,
        home: Path,
        *,
        listener: Listener = ignore,
        plugins: Plugins | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._home = home
        self._listener = listener
        self._plugins = load_plugins() if plugins is None else plugins
        self._now = now
        self._telling = threading.Lock()
        self._closing = threading.Event()
        self._running: dict[str, _Running] = {}
        self._rests: dict[str, float] = {}
        self._device = Device.open(home, self._plugins, self._tell, now=now)
        self._thread = threading.Thread(target=self._run, name="job runner", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._device.settings.require_all()
            self._places = self._device.settings.config.jobs.at_once
            self._device.state.note_fact(RUNNER, str(self._now()))
        except BaseException:
            self._device.close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs; it stays queued, and whoever comes next goes on where it stopped."""
        self._closing.set()
        self._thread.join()
        for running in list(self._running.values()):
            running.cancelled.set()
            running.thread.join(_PATIENCE)
        with suppress(LocalError):  # who reads it notices by the silence in any case
            self._device.state.note_fact(RUNNER, "0")
        self._device.close()

    def wait_until_idle(self, stop: threading.Event) -> None:
        """Return when nothing runs and nothing is ready to, or when the event is set."""
        while (self._running or self._ready()) and not stop.wait(_LOOK_EVERY):
            pass

    def _run(self) -> None:
        beat_at = time.monotonic()
        while not self._closing.wait(_LOOK_EVERY):
            try:
                if time.monotonic() - beat_at >= _BEAT_EVERY:
                    beat_at = time.monotonic()
                    self._device.state.note_fact(RUNNER, str(self._now()))
                for job in self._ready()[: self._places - len(self._running)]:
                    self._start(job)
            except CatsyncError as error:  # such as a full disk: the next look may find it mended
                self._tell(Warned("jobs", error.message))
                self._closing.wait(_BEAT_EVERY)
            except Exception as error:  # noqa: BLE001 - a defect is told, and the jobs that run go on
                self._tell(Warned("jobs", f"Looking for jobs failed by a defect: {type(error).__name__}: {error}"))
                self._closing.wait(_BEAT_EVERY)

    def _ready(self) -> list[Job]:
        now, ticks = self._now(), time.monotonic()
        jobs = [job for job in self._device.state.jobs() if job.catalog not in self._running and is_ready(job, now)]
        return [job for job in jobs if ticks >= self._rests.get(job.catalog, 0.0)]

    def _start(self, job: Job) -> None:
        cancelled = threading.Event()
        thread = threading.Thread(target=self._do, args=(job, cancelled), name=f"job {job.catalog}", daemon=True)
        self._running[job.catalog] = _Running(thread, cancelled)
        thread.start()

    def _do(self, job: Job, cancelled: threading.Event) -> None:
        """Run one job. What becomes of it is written down and told by its execution."""
        pause = _AFTER_LOCK
        try:
            with Client.over(self._device.sibling(cancelled)) as client:
                client.catalog(job.catalog).run_job()
        except LockedError:
            pass  # another process does it
        except CatsyncError:
            pause = (
                _AFTER_FAILURE  # mostly it is gone or waits; what failed before it began is not to fail at once again
            )
        except Exception as error:  # noqa: BLE001 - a defect ends this job, and not the others
            self._tell(Warned(job.catalog, f"The {job.kind} failed by a defect: {type(error).__name__}: {error}"))
            pause = _AFTER_FAILURE
        self._rests[job.catalog] = time.monotonic() + pause
        self._running.pop(job.catalog, None)

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._listener(event)


class _Running(msgspec.Struct, frozen=True):
    """A job that runs, and the event that stops it."""

    thread: threading.Thread
    cancelled: threading.Event


def is_ready(job: Job, now: float) -> bool:
    """Whether a job may be begun: nobody does it, and nothing keeps it from going on.

    Args:
        job: What is queued.
        now: Seconds since 1970.
    """
    if job.gate is Gate.OPEN:
        return not is_alive(job, now)
    if job.gate is Gate.RETRY:
        return not now < job.until <= now + _LONGEST_RETRY
    return job.gate is Gate.POLICY and (now >= job.until or clock_was_set_back(job.asked_at, now))
