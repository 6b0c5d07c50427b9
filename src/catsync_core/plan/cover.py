"""Which frames of a pack to fetch for the bytes that are missing.

Every byte of a changed content lies in one coarse frame and, where there are any, in exactly one fine frame. So for
each packed coarse frame there are two ways: the frame itself, or all fine frames that the missing bytes below it lie
in. Any range of a raw coarse frame can be fetched as it is, so there a fine frame is worth what it saves of that; only
the rest of it is a price that packed frames have to pay.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from catsync_core.format.frames import Codec
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame, Table
from catsync_core.plan.model import FramePart, Part, RawPart

__all__ = ["Cover", "Range"]

_REQUEST_COST = 400  # bytes: about what the headers of one more request take
_MOSTLY = 0.8

Range = tuple[int, int]
"""Offset and length."""


class Cover:
    """The frames that were chosen for what is missing of a pack's contents.

    Args:
        pack: The pack.
        table: Its table.
        missing: By number of the content, the ranges of it that are missing; None where all of it is.
    """

    def __init__(self, pack: ObjectRef, table: Table, missing: Mapping[int, Iterable[Range] | None]) -> None:
        self._pack = pack
        self._table = table
        self._missing: dict[int, tuple[Range, ...]] = {}
        self._coarse_chosen: set[int] = set()  # offsets of frames
        self._fine_chosen: set[int] = set()
        partly = []
        for number, ranges in missing.items():
            if ranges is None:
                self._missing[number] = ((0, table.sizes[number]),)
                over = table.coarse_over(table.starts[number], table.sizes[number])
                self._coarse_chosen.update(frame.offset for frame in over)
            else:
                self._missing[number] = tuple(ranges)
                partly.append(number)
        self._choose(partly)

    def parts(self, number: int) -> Iterator[tuple[int, Part]]:
        """Yield the parts that make up what is missing of a content, each with its offset in the content."""
        for begin, length in self._missing[number]:
            at = begin
            for part in self._parts(self._table.starts[number] + begin, length):
                yield at, part
                at += part.length

    def all_parts(self) -> Iterator[Part]:
        """Yield the parts that make up everything that is missing."""
        return (part for number in self._missing for _, part in self.parts(number))

    def _choose(self, numbers: Iterable[int]) -> None:
        """Decide for partly missing contents, for all of them at once: fine frames hold blocks of several."""
        packed: dict[int, list[Range]] = defaultdict(list)
        raw: dict[int, list[Range]] = defaultdict(list)
        lengths: dict[int, int] = {}  # stored bytes of frames, by offset as all frames here
        for number in numbers:
            for begin, length in self._missing[number]:
                for frame, start, size in self._coarse_pieces(self._table.starts[number] + begin, length):
                    if frame.offset not in self._coarse_chosen:
                        lengths[frame.offset] = frame.length
                        (raw if frame.codec is Codec.RAW else packed)[frame.offset].append((start, size))
        below = {coarse: self._find_fine(ranges, lengths) for coarse, ranges in packed.items()}
        worth = self._weigh_raw(raw, lengths)
        self._choose_packed(below, worth, lengths)
        self._fine_chosen.update(fine for fine, saved in worth.items() if lengths[fine] < saved)
        self._choose_raw(raw, lengths)

    def _find_fine(self, ranges: Iterable[Range], lengths: dict[int, int]) -> set[int]:
        """Return the fine frames that ranges of the stream lie in; none when these do not hold all of them."""
        found: set[int] = set()
        for start, size in ranges:
            at = start
            for span in self._table.fine_over(start, size):
                if span.start > at:
                    return set()
                lengths[span.frame.offset] = span.frame.length
                found.add(span.frame.offset)
                at = span.start + span.length
            if at < start + size:
                return set()
        return found

    def _weigh_raw(self, raw: Mapping[int, list[Range]], lengths: dict[int, int]) -> Counter[int]:
        """Return what each fine frame would save of fetching ranges of raw frames as they are."""
        worth: Counter[int] = Counter()
        for ranges in raw.values():
            for frame, shared in self._shared(ranges):
                lengths[frame.offset] = frame.length
                worth[frame.offset] += shared + _REQUEST_COST
        return worth

    def _choose_packed(
        self, below: Mapping[int, set[int]], worth: Mapping[int, int], lengths: Mapping[int, int]
    ) -> None:
        """Take a coarse frame where the fine frames that only it would need are dearer, or do not cover it."""
        users = Counter(fine for frames in below.values() for fine in frames)
        price = {fine: max(lengths[fine] - worth.get(fine, 0), 0) for fine in users}
        left = {}
        for coarse, frames in below.items():
            alone = sum(price[fine] for fine in frames if users[fine] == 1)
            if not frames or alone > lengths[coarse] + _REQUEST_COST:
                self._coarse_chosen.add(coarse)
            else:
                left[coarse] = frames
        needed = {fine for frames in left.values() for fine in frames}
        if sum(price[fine] for fine in needed) > sum(lengths[coarse] for coarse in left):
            self._coarse_chosen.update(left)
        else:
            self._fine_chosen.update(needed)

    def _choose_raw(self, raw: Mapping[int, list[Range]], lengths: Mapping[int, int]) -> None:
        """Take a raw frame whole if most of it is left to be fetched."""
        for coarse, ranges in raw.items():
            held = sum(shared for frame, shared in self._shared(ranges) if frame.offset in self._fine_chosen)
            # A whole frame has a checksum of its own. No part of it may be a piece beside it: pieces never overlap.
            if sum(size for _, size in ranges) - held >= _MOSTLY * lengths[coarse]:
                self._coarse_chosen.add(coarse)

    def _shared(self, ranges: Iterable[Range]) -> Iterator[tuple[Frame, int]]:
        """Yield the fine frames over ranges of the stream, with how many bytes they hold of each."""
        for start, size in ranges:
            for span in self._table.fine_over(start, size):
                yield span.frame, min(start + size, span.start + span.length) - max(start, span.start)

    def _parts(self, start: int, length: int) -> Iterator[Part]:
        for frame, first, size in self._coarse_pieces(start, length):
            if frame.offset in self._coarse_chosen:
                yield FramePart(self._pack, frame, first - frame.ranges[0][0], size)
            else:
                yield from self._fine_parts(frame, first, size)

    def _coarse_pieces(self, start: int, length: int) -> Iterator[tuple[Frame, int, int]]:
        for frame in self._table.coarse_over(start, length):
            begin, size = frame.ranges[0]
            first, last = max(start, begin), min(start + length, begin + size)
            yield frame, first, last - first

    def _fine_parts(self, coarse: Frame, start: int, length: int) -> Iterator[Part]:
        """Yield what fine frames hold of a range, and raw parts for the rest."""
        at, end = start, start + length
        for span in self._table.fine_over(start, length):
            if span.frame.offset not in self._fine_chosen:
                continue
            first, last = max(at, span.start), min(end, span.start + span.length)
            if at < first:
                yield self._raw_part(coarse, at, first - at)
            yield FramePart(self._pack, span.frame, span.before + first - span.start, last - first)
            at = last
        if at < end:
            yield self._raw_part(coarse, at, end - at)

    def _raw_part(self, frame: Frame, start: int, length: int) -> RawPart:
        return RawPart(self._pack, frame.offset + start - frame.ranges[0][0], length)
