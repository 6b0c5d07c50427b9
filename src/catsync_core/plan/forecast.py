"""What block matching will save, as far as it can be known before a signature is fetched.

The publisher matched a changed content against the version before, and laid the blocks that it did not find there into
fine frames in front of the content's coarse ones. A device that has the version before will not find the same blocks,
so for such a device the table tells exactly what will be missing, and signatures are only fetched where they pay.

A device that has something else is perhaps told wrong, and then pays for signatures in vain. Where the publisher had
nothing to compare with, nobody knows whether blocks help, and only a small signature is worth the gamble.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from catsync_core.format.manifest import Content
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import FineSpan, Table
from catsync_core.plan.cover import Cover, Range
from catsync_core.plan.requests import Tariff, signature_requests

__all__ = ["Forecast", "blocks_cost", "forecast_saving", "whole_cost"]

_GAMBLE = 0.02  # of a content's stored bytes: what its signature may cost when nobody knows whether blocks help


class Forecast(msgspec.Struct, frozen=True):
    """Which signatures of a pack are worth fetching.

    Attributes:
        asked: Their contents, by index into the manifest's contents.
        saving: Bytes that they will save, those taken off that they cost; requests count as bytes.
    """

    asked: tuple[int, ...]
    saving: float


def forecast_saving(
    pack: ObjectRef, table: Table, wanted: Mapping[int, Content], matchable: Iterable[int], tariff: Tariff
) -> Forecast:
    """Say which signatures of a pack to fetch.

    Args:
        pack: The pack.
        table: Its table.
        wanted: The contents of it that are not on the device, by index into the manifest's contents.
        matchable: Those of them for which there is an old file.
        tariff: What fetching costs.
    """
    known: set[int] = set()
    gambles: dict[int, float] = {}
    for index in matchable:
        content = wanted[index]
        if content.number not in table.shapes:
            continue
        whole, blocks = whole_cost(content, table), blocks_cost(content, table)
        length = table.shapes[content.number].length
        if blocks is None and length < _GAMBLE * whole:
            gambles[index] = whole - length
        elif blocks is not None and blocks < whole:
            known.add(index)
    saving = _saving(pack, table, wanted, known, tariff) if known else 0.0
    if saving <= 0:
        known, saving = set(), 0.0
    return Forecast((*sorted(known), *gambles), saving + sum(gambles.values()))


def blocks_cost(content: Content, table: Table) -> float | None:
    """Return about how many bytes a content takes on a device that has the version before; None when it is not known.

    That is its share of the fine frames that hold what the version before lacks, and its signature.
    """
    if content.number not in table.shapes or not _was_compared(content, table):
        return None
    start, size = table.starts[content.number], content.size
    share = sum(span.stored * _overlap(span, start, size) / span.length for span in _fresh_spans(content, table))
    return share + table.shapes[content.number].length


def whole_cost(content: Content, table: Table) -> float:
    """Return about how many bytes a content takes when it is fetched whole: its share of the frames that hold it."""
    start, size = table.starts[content.number], content.size
    cost = 0.0
    for frame in table.coarse_over(start, size):
        begin, length = frame.ranges[0]
        cost += frame.length * (min(begin + length, start + size) - max(begin, start)) / length
    return cost


def _saving(
    pack: ObjectRef, table: Table, wanted: Mapping[int, Content], asked: AbstractSet[int], tariff: Tariff
) -> float:
    """Return what some signatures save on a device that has the version before."""
    whole = Cover(pack, table, {content.number: None for content in wanted.values()})
    missing = {
        content.number: _foresee(content, table) if index in asked else None for index, content in wanted.items()
    }
    foreseen = Cover(pack, table, missing)
    shapes = [table.shapes[wanted[index].number] for index in asked]
    signatures = signature_requests(table, shapes, tariff.gap)
    return tariff.cost(whole.all_parts()) - tariff.cost(foreseen.all_parts()) - tariff.cost_of(signatures)


def _was_compared(content: Content, table: Table) -> bool:
    """Whether the publisher compared a content with an old one: only of such are there fine frames."""
    return any(True for _ in table.fine_over(table.starts[content.number], content.size))


def _fresh_spans(content: Content, table: Table) -> Iterator[FineSpan]:
    """Yield the spans of what the version before lacks."""
    start = table.starts[content.number]
    first, *_ = table.coarse_over(start, content.size)
    return (span for span in table.fine_over(start, content.size) if span.frame.offset < first.offset)


def _foresee(content: Content, table: Table) -> Iterator[Range]:
    """Yield the ranges of a content that will be missing on a device that has the version before."""
    start, size = table.starts[content.number], content.size
    begin = end = 0
    for span in _fresh_spans(content, table):
        at = max(span.start - start, 0)
        if at > end:
            if end > begin:
                yield begin, end - begin
            begin = at
        end = at + _overlap(span, start, size)
    if end > begin:
        yield begin, end - begin


def _overlap(span: FineSpan, start: int, size: int) -> int:
    return min(span.start + span.length, start + size) - max(span.start, start)
