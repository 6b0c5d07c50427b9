"""Policy ``window``: what starts by itself is downloaded in some hours of the day only.

A person who presses a button has chosen the moment, so hours do not bind people unless the user wants that.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catsync_core import Decision, PolicyEntry, Question, Verdict, hookimpl
from catsync_plugins._hours import DAYS, Hours, is_open, next_opening, read_hours

__all__ = ["WindowSettings", "catsync_policies", "decide_by_hours"]


class WindowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[policies.window]``.

    Attributes:
        hours: When downloads may begin, such as ``20:00-06:00``; several in a list.
        days: On which these hours begin.
        by_user: What becomes of a download outside of the hours that a person asked for.
    """

    hours: str | list[str] = "20:00-06:00"
    days: list[str] = msgspec.field(default_factory=lambda: list(DAYS))
    by_user: Decision = Decision.ALLOW

    def __post_init__(self) -> None:
        if not _read(self):
            raise ValueError("`hours` must name at least one stretch of time, such as `20:00-06:00`")


def decide_by_hours(question: Question, settings: WindowSettings) -> Verdict:
    """Let downloads that start by themselves wait for the next opening; checks and reading are always allowed."""
    decision = settings.by_user if question.by_user else Decision.WAIT
    windows = _read(settings)
    if (
        decision is Decision.ALLOW
        or question.action not in {"install", "update"}
        or any(is_open(hours, question.now) for hours in windows)
    ):
        return Verdict(Decision.ALLOW)
    openings = [opening for hours in windows if (opening := next_opening(hours, question.now)) is not None]
    return Verdict(decision, f"Downloads wait for the hours {_show(settings)}", min(openings, default=None))


def _read(settings: WindowSettings) -> list[Hours]:
    texts = [settings.hours] if isinstance(settings.hours, str) else settings.hours
    return [read_hours(text, settings.days) for text in texts]


def _show(settings: WindowSettings) -> str:
    hours = settings.hours if isinstance(settings.hours, str) else " or ".join(settings.hours)
    return hours if set(settings.days) == set(DAYS) else f"{hours} ({', '.join(settings.days)})"


@hookimpl
def catsync_policies() -> Sequence[PolicyEntry]:
    """Offer ``window``."""
    return [PolicyEntry("window", WindowSettings, decide_by_hours)]
