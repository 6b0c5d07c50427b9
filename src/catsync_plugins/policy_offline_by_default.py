"""Policy ``offline-by-default``: new catalogs are taken offline by themselves and, if the user likes, updated too."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catsync_core import Decision, Offer, PolicyEntry, Question, Verdict, hookimpl
from catsync_plugins._sizes import Size, check_sizes, read_size

__all__ = ["OfflineByDefaultSettings", "catsync_policies", "starts_offline", "starts_update"]


class OfflineByDefaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[policies.offline-by-default]``.

    Attributes:
        recommended: Whether catalogs are taken offline for which the publisher recommends it.
        tags: Catalogs that have one of them are taken offline; ``*`` stands for every catalog.
        small: Catalogs up to this size are taken offline; 0 for none.
        largest: No catalog above this size is; 0 for any size.
        updates: Whether updates are fetched by themselves when a check finds them.
    """

    recommended: bool = True
    tags: list[str] = []
    small: Size = 0
    largest: Size = "1 GB"
    updates: bool = False

    def __post_init__(self) -> None:
        check_sizes(small=self.small, largest=self.largest)


def starts_offline(offer: Offer, settings: OfflineByDefaultSettings) -> bool:
    """Whether the publisher's recommendation, a tag or the size speaks for it, and the size not against it."""
    largest = read_size(settings.largest)
    if 0 < largest < offer.bytes:
        return False
    return (
        (settings.recommended and offer.recommended_offline)
        or "*" in settings.tags
        or not set(settings.tags).isdisjoint(offer.tags)
        or offer.bytes <= read_size(settings.small)
    )


def starts_update(_question: Question, settings: OfflineByDefaultSettings) -> bool:
    """Whether the user wants updates to be fetched by themselves."""
    return settings.updates


def _allow(_question: Question, _settings: OfflineByDefaultSettings) -> Verdict:
    return Verdict(Decision.ALLOW)


@hookimpl
def catsync_policies() -> Sequence[PolicyEntry]:
    """Offer ``offline-by-default``."""
    return [
        PolicyEntry(
            "offline-by-default",
            OfflineByDefaultSettings,
            _allow,
            starts_offline=starts_offline,
            starts_update=starts_update,
        )
    ]
