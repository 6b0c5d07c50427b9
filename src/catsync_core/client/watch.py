"""Look after a job while it runs: say that it does and how far it is, and stop it when it may not go on.

Somebody else may pause or cancel it, from another process too, and a policy may change its mind. All of that is read
from the state a few times a second, so nobody needs to find the process that runs the job.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from catsync_core.client.device import Device
from catsync_core.client.lifecycle import Gated
from catsync_core.client.rows import Gate, Job, JobKind
from catsync_core.errors import CancelledError, DeniedError, LocalError, WaitsError
from catsync_core.events import Event, Phase, Progress
from catsync_core.hookspecs import Decision, Question

__all__ = ["Watch"]

LOOK_EVERY = 0.5  # seconds
ASK_EVERY = 10.0  # seconds between questions to the policies


class Watch:
    """Looks after one job. Use it as a context manager around the work; its thread ends with it.

    Args:
        device: Where it runs.
        job: What runs.
    """

    def __init__(self, device: Device, job: Job) -> None:
        self._device = device
        self._job = job
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"watch {job.catalog}", daemon=True)
        self._progress = ("", 0, 0)
        self._question: Question | None = None
        self._stopped = False
        self.verdict: Gated | DeniedError | None = None

    @property
    def cancelled(self) -> threading.Event:
        """Set when the job is to end."""
        return self._device.cancelled

    @property
    def stopped(self) -> bool:
        """Whether it stopped the job: then the job's row says why, or ``verdict`` does."""
        return self._stopped

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._stopped:
            self._device.cancelled.clear()  # it was this one's word, and holds for this job only

    def __call__(self, event: Event) -> None:
        """Take an event of the job: remember how far it is, and hand it on."""
        if isinstance(event, Phase):
            self._progress = (event.name, 0, event.total)
        elif isinstance(event, Progress):
            self._progress = (self._progress[0], event.done, event.total)
        self._device.listener(event)

    def admit(self, fetch_bytes: int, disk_bytes: int) -> None:
        """Ask the policies whether content may be fetched now; from now on they are asked again and again.

        Args:
            fetch_bytes: That will travel; 0 for unknown.
            disk_bytes: That the device's storage will grow by.

        Raises:
            WaitsError: (local) not now.
            DeniedError: (local) not at all.
        """
        if self._job.kind not in {JobKind.INSTALL, JobKind.UPDATE} or not self._device.settings.policies.enabled:
            return
        self._question = Question(
            "install" if self._job.kind is JobKind.INSTALL else "update",
            self._job.catalog,
            fetch_bytes,
            disk_bytes,
            self._device.stored_bytes(),
            self._job.by_user,
            self._device.now(),
        )
        verdict = self._ask(known=fetch_bytes > 0)
        if isinstance(verdict, DeniedError):
            raise verdict
        if verdict is not None:
            raise WaitsError(verdict.reason, gate=verdict.gate.value, until=verdict.until)

    def require_wanted(self) -> None:
        """Notice before an irrevocable step that the job is not wanted any more.

        Raises:
            CancelledError: (local) it was stopped.
        """
        if not self.cancelled.is_set() and self._is_unwanted(self._device.now()):
            self._stop()
        self.require_running()

    def require_running(self) -> None:
        """Notice that the job was stopped; costs nothing, so it may be asked for every piece of work.

        Raises:
            CancelledError: (local) it was stopped.
        """
        if self.cancelled.is_set():
            raise CancelledError("The job was stopped")

    def _look(self) -> None:
        asked_at = self._device.now()
        while not self._ended.wait(LOOK_EVERY):
            now = self._device.now()
            if self._is_unwanted(now):
                self._stop()
            elif self._question is not None and abs(now - asked_at) >= ASK_EVERY:
                asked_at = now
                self.verdict = self._ask(known=True)
                if self.verdict is not None:
                    self._stop()

    def _is_unwanted(self, now: float) -> bool:
        """Whether the user paused or cancelled the job, or wants another one; says that it runs, by the way."""
        try:
            found = self._device.state.note_progress(self._job.catalog, self._job.kind, *self._progress, beat_at=now)
        except LocalError:
            return False  # nothing can be noted on a full disk; the job itself says so in its own time
        return found is None or found.kind is not self._job.kind or found.gate is Gate.USER_PAUSE

    def _stop(self) -> None:
        if not self._device.cancelled.is_set():
            self._stopped = True
            self._device.cancelled.set()

    def _ask(self, *, known: bool) -> Gated | DeniedError | None:
        """Return what the policies have against the job. To ask the user, its size must be known."""
        if self._question is None:
            return None
        verdict = self._device.settings.policies.decide(replace(self._question, now=self._device.now()))
        if verdict.decision is Decision.DENY:
            return DeniedError(f"{self._job.catalog} is not downloaded: {verdict.reason}")
        if self._job.consented or verdict.decision is Decision.ALLOW:
            return None
        if verdict.decision is Decision.ASK and not known:
            return None
        gate = Gate.CONSENT if verdict.decision is Decision.ASK else Gate.POLICY
        return Gated(self._job.kind, gate, verdict.reason, verdict.until or 0.0)
