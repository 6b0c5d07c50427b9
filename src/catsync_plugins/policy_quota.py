"""Policy ``quota``: offline catalogs take no more of the disk than the user gives them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from catsync_core import Decision, PolicyEntry, Question, Verdict, hookimpl
from catsync_core.client.home import home_folder
from catsync_core.quantities import show_bytes
from catsync_plugins._sizes import Size, check_sizes, read_size

__all__ = ["QuotaSettings", "catsync_policies", "decide_by_quota"]


class QuotaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[policies.quota]``.

    Attributes:
        largest_total: That all offline catalogs may take together; 0 for any.
        keep_free: That must stay free on the disk.
        exceeded: What becomes of a download for which there is no room now, but might be.
        folder: Whose disk counts; empty for the home.
    """

    largest_total: Size = 0
    keep_free: Size = "1 GB"
    exceeded: Decision = Decision.WAIT
    folder: str = ""

    def __post_init__(self) -> None:
        check_sizes(largest_total=self.largest_total, keep_free=self.keep_free)


def decide_by_quota(question: Question, settings: QuotaSettings) -> Verdict:
    """Stop downloads that would take more of the disk than there is for them.

    They wait, for room comes when another catalog goes online; what is too large even for itself is denied.
    """
    if question.action not in {"install", "update"} or question.disk_bytes <= 0:
        return Verdict(Decision.ALLOW)
    largest = read_size(settings.largest_total)
    if 0 < largest < question.disk_bytes:
        reason = (
            f"{question.catalog} takes {show_bytes(question.disk_bytes)} of the disk, and all catalogs together may"
        )
        return Verdict(Decision.DENY, f"{reason} take {show_bytes(largest)}")
    reasons = ". ".join(_reasons(question, largest, read_size(settings.keep_free), settings.folder))
    return Verdict(settings.exceeded, reasons) if reasons else Verdict(Decision.ALLOW)


def _reasons(question: Question, largest: int, keep_free: int, folder: str) -> Iterator[str]:
    """Each bound that would be exceeded, with its figures."""
    grows = f"{question.catalog} takes {show_bytes(question.disk_bytes)} of the disk"
    if 0 < largest < question.stored_bytes + question.disk_bytes:
        stored = show_bytes(question.stored_bytes)
        yield f"{grows}, and catalogs already take {stored} of the {show_bytes(largest)} that they may"
    if keep_free:
        free = shutil.disk_usage(_existing(Path(folder).expanduser() if folder else home_folder())).free
        if free < question.disk_bytes + keep_free:
            yield f"{grows}, of which {show_bytes(free)} are free and {show_bytes(keep_free)} are to stay free"


def _existing(folder: Path) -> Path:
    """The folder, or the one in which it will be made."""
    return next((place for place in (folder, *folder.parents) if place.exists()), Path())


@hookimpl
def catsync_policies() -> Sequence[PolicyEntry]:
    """Offer ``quota``."""
    return [PolicyEntry("quota", QuotaSettings, decide_by_quota)]
