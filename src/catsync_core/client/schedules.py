"""Ask the schedules when each catalog is to be checked next; one that fails is named, and once a day holds instead.

The user's settings are checked when this is made, so that a mistake in them is met at once and not in the night.
"""

from __future__ import annotations

import hashlib
import math

from catsync_core.client.asking import PATIENCE, Asking
from catsync_core.client.timetable import DAY, clock_was_set_back
from catsync_core.config import Config
from catsync_core.events import Listener, ignore
from catsync_core.hookspecs import LastCheck, ScheduleEntry
from catsync_core.plugins import Plugins

__all__ = ["Schedules", "seed_of"]

_SPREAD = 30 * 60.0  # seconds, as of the schedule `daily`


class Schedules:
    """The schedules that the user chose. Any thread may ask.

    Args:
        config: Says which schedule counts for which catalog.
        plugins: Offer them; what fails is recorded there.
        listener: Told of schedules that fail, each once.
        patience: Seconds in which a schedule must answer.

    Raises:
        ConfigError: (local) a schedule that is chosen does not exist, or its settings make no sense.
    """

    def __init__(
        self, config: Config, plugins: Plugins, *, listener: Listener = ignore, patience: float = PATIENCE
    ) -> None:
        self._config = config
        instead = "Its catalogs are checked once in 24 hours"
        self._asking = Asking("schedule", plugins, listener, patience=patience, instead=instead)
        entries = plugins.schedules()
        self._chosen = {catalog: config.schedule(catalog, entries) for catalog in (None, *config.catalogs)}

    def is_enabled(self, catalog: str) -> bool:
        """Whether a catalog about which the user said nothing is checked by itself."""
        return self._config.auto_sync(catalog).enabled

    def name(self, catalog: str) -> str:
        """Return the name of the schedule that counts for a catalog, whether it works or not."""
        return self._of(catalog)[0].name

    def next_check(self, last: LastCheck) -> float | None:
        """Return when to check a catalog next, in seconds since 1970; not after now means at once, None never."""
        entry, settings = self._of(last.catalog)
        if self._asking.has_failed(entry.name):
            return _next_day(last)
        moment = self._asking.ask(entry, _as_moment, entry.next_check, last, settings)
        if moment is None:
            return _next_day(last)
        return None if moment == math.inf else moment

    def _of(self, catalog: str) -> tuple[ScheduleEntry, object]:
        return self._chosen.get(catalog, self._chosen[None])


def seed_of(device: str, subject: str) -> float:
    """Return a number of a device and a catalog, or a repository, that never changes: from 0, and less than 1.

    Args:
        device: The device's own id.
        subject: The catalog's id, or the repository's address.
    """
    digest = hashlib.sha256(f"{device}\n{subject}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)  # as many bits as a float keeps


def _as_moment(_: ScheduleEntry, answer: object) -> float:
    if answer is None:
        return math.inf
    if not isinstance(answer, int | float) or isinstance(answer, bool) or not math.isfinite(answer):
        raise TypeError(f"it answered {answer!r}, which is no time in seconds since 1970")
    return float(answer)


def _next_day(last: LastCheck) -> float:
    """As the schedule `daily` has it; how long to wait after failures is the timetable's business."""
    if last.checked_at == 0 or clock_was_set_back(last.checked_at, last.now):
        return last.now
    return last.checked_at + DAY + _SPREAD * last.seed
