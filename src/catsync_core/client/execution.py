"""Run one job in this process: written down before it begins, looked after while it runs, settled when it ends.

Whatever ends it, the state says what is to become of it: done, to be tried again, paused, or failed. A process that is
killed leaves the job as it was, so another one goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from msgspec.structs import replace

from catsync_core.client.device import Device
from catsync_core.client.lifecycle import Done, Event, Failed, Gated, Paused, Record, Started, advance
from catsync_core.client.report import Summary
from catsync_core.client.rows import CatalogRow, Gate, Job, JobKind
from catsync_core.client.watch import Watch
from catsync_core.errors import CancelledError, CatsyncError, DeniedError, LocalError, NotFoundError, WaitsError
from catsync_core.events import JobEnded, JobWaits
from catsync_core.store.pointer import read_pointer

__all__ = ["Execution"]

_ASK_AGAIN = 60.0  # seconds after which a policy is asked again that named no time
_Result = TypeVar("_Result")


class Execution:
    """One job of one catalog. The caller holds the catalog's lock.

    Args:
        device: Where it runs.
        row: What is wished of the catalog, where nothing is written down yet.
    """

    def __init__(self, device: Device, row: CatalogRow) -> None:
        self._device = device
        self._row = row
        self._catalog = row.catalog

    def run(self, kind: JobKind, work: Callable[[Watch, Job], _Result], title: Callable[[], str]) -> _Result:
        """Do the work and settle what becomes of the job.

        Args:
            kind: Of the job.
            work: Gets who looks after it, and the job.
            title: Returns the catalog's title as it is known afterwards.

        Raises:
            WaitsError: (local) it was paused, or a policy does not allow it now; it is still queued.
            CancelledError: (local) it was cancelled, or the process is to end; then it is still queued.
            CatsyncError: what the work raises.
        """
        self._device.settings.require_notices()
        job = self.advance(Started(kind, self._device.now())).job
        if job is None:
            raise CancelledError(f"The job of {self._catalog} was cancelled")
        watch = Watch(self._device, job)
        try:
            with watch:
                result = work(watch, job)
        except WaitsError as error:
            until = error.until or self._device.now() + _ASK_AGAIN
            raise self._wait(job, Gated(kind, Gate(error.gate), error.message, until)) from error
        except CancelledError as error:
            raise self._stop(job, watch, error) from error
        except KeyboardInterrupt:
            with suppress(NotFoundError):  # a removal cannot rest: it stays queued
                self.advance(Paused("You stopped it"))
            raise
        except CatsyncError as error:
            self._fail(job, error)
            raise
        except Exception as error:
            self._fail(job, CatsyncError(f"{type(error).__name__}: {error}"))
            raise
        received = result.bytes_received if isinstance(result, Summary) else None
        downloaded = received if isinstance(result, Summary) and result.changed else None
        self.advance(Done(kind, title(), self._device.now(), downloaded))
        self._tell_end(job, "done", bytes_received=received or 0)
        return result

    def advance(self, event: Event) -> Record:
        """Write down what becomes of the wishes and the job when something happens."""
        row, job = self._device.state.change(self._catalog, lambda row, job: self._decide(row, job, event))
        return Record(row, job)

    def _decide(self, row: CatalogRow | None, job: Job | None, event: Event) -> tuple[CatalogRow, Job | None]:
        after = advance(Record(row or self._row, job), event)
        return after.row, after.job

    def _wait(self, job: Job, gated: Gated) -> WaitsError:
        self.advance(gated)
        self._tell_wait(job, gated)
        now = f", `catsync resume {self._catalog} --now` at once"
        hint = {
            Gate.CONSENT: f"`catsync resume {self._catalog} --now` downloads it all the same",
            Gate.POLICY: f"`catsync agent` goes on by itself when it may{now}",
            Gate.USER_PAUSE: f"`catsync resume {self._catalog}` goes on",
        }.get(gated.gate, "")
        return WaitsError(f"{self._catalog} waits: {gated.reason}", hint=hint, gate=gated.gate, until=gated.until)

    def _stop(self, job: Job, watch: Watch, error: CancelledError) -> CatsyncError:
        """Return what to raise for a job that was stopped: by the user, a policy, or because the process is to end."""
        if not watch.stopped:
            self.advance(Gated(job.kind, Gate.OPEN, ""))
            return error
        if isinstance(watch.verdict, Gated):
            until = watch.verdict.until or self._device.now() + _ASK_AGAIN
            return self._wait(job, replace(watch.verdict, until=until))
        if isinstance(watch.verdict, DeniedError):
            self._fail(job, watch.verdict)
            return watch.verdict
        _, found = self._device.state.record(self._catalog)
        if found is not None and found.gate is Gate.USER_PAUSE:
            return self._wait(job, Gated(job.kind, Gate.USER_PAUSE, found.reason))
        self._tell_end(job, "cancelled")
        return CancelledError(f"The {job.kind} of {self._catalog} was cancelled")

    def _fail(self, job: Job, error: CatsyncError) -> None:
        from random import random  # noqa: PLC0415 - loads more than it seems, and most jobs go well

        try:
            after = self.advance(Failed(job.kind, error, self._device.now(), random())).job  # noqa: S311 - no secret
        except LocalError:
            return  # on a full disk it cannot be noted, and is told all the same
        if after is None or after.kind is not job.kind:
            self._tell_end(job, "failed", message=error.message, code=error.code)
        else:
            self._tell_wait(job, Gated(after.kind, after.gate, after.reason, after.until))

    def _tell_wait(self, job: Job, gated: Gated) -> None:
        until = gated.until or None
        self._device.listener(JobWaits(job.kind.value, self._catalog, gated.gate.value, gated.reason, until))

    def _tell_end(self, job: Job, outcome: str, *, bytes_received: int = 0, message: str = "", code: str = "") -> None:
        installed = read_pointer(self._device.store(self._catalog))
        row, _ = self._device.state.record(self._catalog)
        self._device.listener(
            JobEnded(
                job.kind.value,
                self._catalog,
                row.title if row else self._row.title,
                outcome,
                installed.version if installed else None,
                bytes_received,
                installed.bytes if installed else 0,
                message,
                code,
            )
        )
