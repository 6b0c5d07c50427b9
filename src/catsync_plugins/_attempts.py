"""What all schedules share: how long to wait after failed attempts, and clocks that are set back. Pure functions."""

from __future__ import annotations

from catsync_core import LastCheck

__all__ = ["clock_was_set_back", "earliest_retry"]

_FIRST_SECONDS = 5 * 60.0
_LONGEST_SECONDS = 6 * 3600.0
_SPREAD = 0.25  # of the wait: so much longer it may be, by device and catalog
_CORRECTION_SECONDS = 10 * 60.0  # a time server moves a clock so far back without the day being another
_DOUBLINGS = 16  # more make no difference to the longest wait, and would overflow


def clock_was_set_back(moment: float, now: float) -> bool:
    """Whether something is noted for a time that has not come yet, so that nobody knows how long ago it was."""
    return moment > now + _CORRECTION_SECONDS


def earliest_retry(last: LastCheck) -> float:
    """Return when to try again after failures: 5 minutes later, then twice as long each time, up to 6 hours.

    Returns:
        Seconds since 1970; 0 where nothing failed.
    """
    began_and_never_ended = last.attempted_at > last.checked_at  # the process was killed in the middle
    failures = max(last.failures, int(began_and_never_ended))
    if failures == 0 or clock_was_set_back(last.attempted_at, last.now):
        return 0.0
    wait = min(_FIRST_SECONDS * 2.0 ** min(failures - 1, _DOUBLINGS), _LONGEST_SECONDS)
    return last.attempted_at + wait * (1 + _SPREAD * last.seed)
