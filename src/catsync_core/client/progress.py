"""From bytes that are done to progress that never goes back and never beyond its total."""

from __future__ import annotations

import time
from collections.abc import Callable

from catsync_core.transfer.fetch import Fetching

__all__ = ["Counter", "LaterProgress", "Report", "pace"]

Report = Callable[[int, int], None]
"""Takes bytes done and bytes in all."""

_PAUSE = 0.02  # seconds


def pace(report: Report) -> Report:
    """Return a report that passes on up to fifty a second, and that all is done.

    It is for steps that make thousands of small files, and would spend as long on telling of each. Not for what comes
    over a network: there the last report before a standstill must be passed on, too.
    """
    due = 0.0

    def report_if_due(done: int, total: int) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due or done == total:
            due = now + _PAUSE
            report(done, total)

    return report_if_due


class Counter:
    """Counts one step.

    Args:
        report: Told after every count, and at once.
        done: Bytes that were done before.
        total: Bytes in all.
    """

    def __init__(self, report: Report, done: int, total: int) -> None:
        self._report = report
        self._done = done
        self._total = total
        report(done, total)

    def __call__(self, count: int) -> None:
        """Count some bytes."""
        self._done = min(self._done + count, self._total)
        self._report(self._done, self._total)


class LaterProgress:
    """Counts a step that goes on beside the fetching, but is reported only once that is done.

    Args:
        begin: Announces the step, by name and total, and returns what reports it.
        name: Of the step.
        total: Bytes in all.
        fetching: What is reported before; it is looked after with every count.
    """

    def __init__(self, begin: Callable[[str, int], Report], name: str, total: int, fetching: Fetching) -> None:
        self._begin = begin
        self._name = name
        self._total = total
        self._fetching = fetching
        self._done = 0
        self._report: Report | None = None

    def __call__(self, count: int) -> None:
        """Count some bytes."""
        self._done = min(self._done + count, self._total)
        self._fetching.poll()
        if self._fetching.done:
            self._tell()

    def finish(self) -> None:
        """Report that all is done."""
        self._done = self._total
        self._tell()

    def _tell(self) -> None:
        if self._report is None:
            self._report = pace(self._begin(self._name, self._total))
        self._report(self._done, self._total)
