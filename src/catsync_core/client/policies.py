"""Ask the enabled policies: the strictest counts, and one that fails is named, skipped and never stops the work.

The user's settings are checked when this is made, so that a mistake in them is met at once and not in a job.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from catsync_core.client.asking import PATIENCE, Asking
from catsync_core.config import Config
from catsync_core.events import Listener, ignore
from catsync_core.hookspecs import Decision, Offer, PolicyEntry, Question, Verdict
from catsync_core.plugins import Plugins

__all__ = ["Policies", "join_verdicts"]

_STRICTNESS = {decision: number for number, decision in enumerate(Decision)}


class Policies:
    """The policies that the user enabled. Any thread may ask.

    Args:
        config: Says which are enabled, for which catalogs.
        plugins: Offer them; what fails is recorded there.
        now: The clock, seconds since 1970.
        listener: Told of policies that fail, each once.
        patience: Seconds in which a policy must answer.

    Raises:
        ConfigError: (local) a policy that is enabled does not exist, or its settings make no sense.
    """

    def __init__(
        self,
        config: Config,
        plugins: Plugins,
        now: Callable[[], float] = time.time,
        *,
        listener: Listener = ignore,
        patience: float = PATIENCE,
    ) -> None:
        self._now = now
        self._asking = Asking("policy", plugins, listener, patience=patience)
        entries = plugins.policies() if config.uses("policies") else {}
        self._enabled = {catalog: config.policies(catalog, entries) for catalog in (None, *config.catalogs)}

    @property
    def enabled(self) -> bool:
        """Whether the user enabled any, so that there is somebody to ask."""
        return any(self._enabled.values())

    @property
    def limit_rates(self) -> bool:
        """Whether one of them limits how fast bytes arrive."""
        return any(entry.max_rate is not None for entry, _ in self._of(None))

    def decide(self, question: Question) -> Verdict:
        """Return what may happen: what the strictest policy says, with the reasons of all that do not allow it."""
        return join_verdicts(
            self._asking.ask(entry, _as_verdict, entry.decide, question, settings)
            for entry, settings in self._of(question.catalog)
        )

    def starts_offline(self, offer: Offer) -> bool:
        """Whether a catalog that is new on this device is taken offline by itself: one policy that says so suffices."""
        return any(
            self._asking.ask(entry, _as_bool, entry.starts_offline, offer, settings)
            for entry, settings in self._of(offer.catalog)
            if entry.starts_offline is not None
        )

    def starts_update(self, question: Question) -> bool:
        """Whether an update that was found is fetched by itself: one policy that says so suffices.

        Whether it may be fetched now is another question, see :meth:`decide`.
        """
        return any(
            self._asking.ask(entry, _as_bool, entry.starts_update, question, settings)
            for entry, settings in self._of(question.catalog)
            if entry.starts_update is not None
        )

    def max_rate(self, now: float | None = None) -> int:
        """Return the bytes per second that all transfers together may take; 0 for any.

        The lowest bound counts. Overrides of catalogs do not: they share one connection.

        Args:
            now: Seconds since 1970; by default the clock's time.
        """
        moment = self._now() if now is None else now
        bounds = [
            self._asking.ask(entry, _as_rate, entry.max_rate, moment, settings)
            for entry, settings in self._of(None)
            if entry.max_rate is not None
        ]
        return min(filter(None, bounds), default=0)

    def _of(self, catalog: str | None) -> Iterator[tuple[PolicyEntry, Any]]:
        enabled = self._enabled.get(catalog, self._enabled[None])
        return (pair for pair in enabled if not self._asking.has_failed(pair[0].name))


def join_verdicts(verdicts: Iterable[Verdict | None]) -> Verdict:
    """Return one verdict for several: the strictest, with the reasons of all that do not allow, the strictest first.

    It holds until the last of the strictest ends, for the others of them still say the same before.
    """
    against = [verdict for verdict in verdicts if verdict is not None and verdict.decision is not Decision.ALLOW]
    if not against:
        return Verdict(Decision.ALLOW)
    against.sort(key=lambda verdict: _STRICTNESS[verdict.decision], reverse=True)
    strictest = against[0].decision
    reasons = dict.fromkeys(verdict.reason.strip().rstrip(".") for verdict in against)
    ends = [verdict.until for verdict in against if verdict.decision is strictest and verdict.until is not None]
    return Verdict(strictest, ". ".join(reasons), max(ends, default=None))


def _as_verdict(entry: PolicyEntry, verdict: object) -> Verdict:
    if not isinstance(verdict, Verdict) or not isinstance(verdict.decision, Decision):
        raise TypeError(f"it answered {verdict!r}, which is no Verdict")
    if not isinstance(verdict.reason, str) or not (verdict.until is None or _is_finite(verdict.until)):
        raise ValueError(f"it answered {verdict!r}, with a reason or an end that makes no sense")
    reason = verdict.reason or f"The policy {entry.name} does not allow it"
    return Verdict(verdict.decision, reason, verdict.until)


def _as_bool(_: PolicyEntry, answer: object) -> bool:
    if not isinstance(answer, bool):
        raise TypeError(f"it answered {answer!r} instead of yes or no")
    return answer


def _as_rate(_: PolicyEntry, answer: object) -> int:
    if not isinstance(answer, int) or isinstance(answer, bool) or answer < 0:
        raise TypeError(f"it answered {answer!r}, which is no number of bytes per second")
    return answer


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
