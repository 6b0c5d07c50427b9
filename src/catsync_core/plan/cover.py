"""Which frames to fetch for the bytes that are missing: the cheapest cover, never dearer than whole files.

Every byte of a changed content lies in one coarse frame and, where there are any, in exactly one fine frame. So for
each coarse frame there are two ways: the frame itself, or all fine frames that the missing bytes below it lie in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from catsync_core.format.frames import Codec
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame, Table
from catsync_core.plan.model import FramePart, Part, RawPart

__all__ = ["Cover"]

_REQUEST_COST = 400  # bytes: about what the headers of one more request take
_MOSTLY = 0.8

Range = tuple[int, int]


class Cover:
    """Chooses frames of one pack.

    Args:
        pack: The pack.
        table: Its table.
    """

    def __init__(self, pack: ObjectRef, table: Table) -> None:
        self._pack = pack
        self._table = table
        spans = (
            sorted(
                (start, length, frame, before)
                for frame in table.fine
                for (start, length), before in zip(frame.ranges, _offsets(frame), strict=True)
            )
            if table.fine
            else []
        )
        self._fine_starts = [start for start, *_ in spans]
        self._fine = spans
        self._coarse_chosen: set[int] = set()
        self._fine_chosen: set[int] = set()

    def take_whole(self, number: int) -> None:
        """Note that a content is needed whole."""
        for frame in self._table.coarse_over(self._table.starts[number], self._table.sizes[number]):
            self._coarse_chosen.add(frame.offset)

    def choose(self, missing: Iterable[tuple[int, Iterable[Range]]]) -> None:
        """Decide between coarse and fine frames for partly missing contents.

        Call it once, after all :meth:`take_whole`, with all of them: fine frames hold blocks of several contents.

        Args:
            missing: (number of the content, its missing ranges).
        """
        packed: dict[Frame, list[Frame]] = defaultdict(list)
        raw: dict[Frame, list[Range]] = defaultdict(list)
        for number, ranges in missing:
            for begin, length in ranges:
                for frame, start, size in self._coarse_pieces(self._table.starts[number] + begin, length):
                    if frame.codec is Codec.RAW:
                        raw[frame].append((start, size))
                    elif frame.offset not in self._coarse_chosen:
                        packed[frame] += self._fine_frames(start, size) or [frame]
        self._choose_packed(packed)
        self._choose_raw(raw)

    def _choose_packed(self, below: dict[Frame, list[Frame]]) -> None:
        """Take a coarse frame where the fine frames that only it would need are dearer, or do not cover it."""
        users = Counter(fine for frames in below.values() for fine in set(frames))
        for coarse, frames in below.items():
            alone = sum(fine.length for fine in set(frames) if users[fine] == 1)
            if coarse in frames or alone > coarse.length + _REQUEST_COST:
                self._coarse_chosen.add(coarse.offset)
        left = {coarse: frames for coarse, frames in below.items() if coarse.offset not in self._coarse_chosen}
        fine_chosen = {fine for frames in left.values() for fine in frames}
        if sum(fine.length for fine in fine_chosen) > sum(coarse.length for coarse in left):
            self._coarse_chosen.update(coarse.offset for coarse in left)
        else:
            self._fine_chosen.update(fine.offset for fine in fine_chosen)

    def _choose_raw(self, needed: dict[Frame, list[Range]]) -> None:
        """Take fine frames that are cheaper than single ranges of raw frames, and a raw frame whole if most is left."""
        direct: Counter[Frame] = Counter()
        for ranges in needed.values():
            for fine, shared in self._shared(ranges):
                direct[fine] += shared + _REQUEST_COST
        self._fine_chosen.update(fine.offset for fine, cost in direct.items() if fine.length < cost)
        for frame, ranges in needed.items():
            held = sum(shared for fine, shared in self._shared(ranges) if fine.offset in self._fine_chosen)
            # A whole frame has a checksum of its own. No part of it may be a piece beside it: pieces never overlap.
            if sum(size for _, size in ranges) - held >= _MOSTLY * frame.length:
                self._coarse_chosen.add(frame.offset)

    def _shared(self, ranges: Iterable[Range]) -> Iterator[tuple[Frame, int]]:
        """Yield the fine frames over ranges of the stream, with how many bytes they hold of each."""
        for start, size in ranges:
            for begin, length, fine, _ in self._spans(start, size):
                yield fine, min(start + size, begin + length) - max(start, begin)

    def parts(self, number: int, ranges: Iterable[Range]) -> Iterator[Part]:
        """Yield the parts that make up ranges of a content, by the frames that were chosen."""
        for begin, length in ranges:
            for frame, start, size in self._coarse_pieces(self._table.starts[number] + begin, length):
                if frame.offset in self._coarse_chosen:
                    yield FramePart(self._pack, frame, start - frame.ranges[0][0], size)
                else:
                    yield from self._fine_parts(frame, start, size)

    def _coarse_pieces(self, start: int, length: int) -> Iterator[tuple[Frame, int, int]]:
        for frame in self._table.coarse_over(start, length):
            begin, size = frame.ranges[0]
            first, last = max(start, begin), min(start + length, begin + size)
            yield frame, first, last - first

    def _fine_frames(self, start: int, length: int) -> list[Frame]:
        """Return the fine frames over a range of the stream; none when they do not cover all of it."""
        frames, at = [], start
        for begin, size, frame, _ in self._spans(start, length):
            if begin > at:
                return []
            frames.append(frame)
            at = begin + size
        return frames if at >= start + length else []

    def _fine_parts(self, coarse: Frame, start: int, length: int) -> Iterator[Part]:
        """Yield what fine frames hold of a range, and raw parts for the rest."""
        at, end = start, start + length
        for begin, size, frame, before in self._spans(start, length):
            if frame.offset not in self._fine_chosen:
                continue
            first, last = max(at, begin), min(end, begin + size)
            if at < first:
                yield self._raw_part(coarse, at, first - at)
            yield FramePart(self._pack, frame, before + first - begin, last - first)
            at = last
        if at < end:
            yield self._raw_part(coarse, at, end - at)

    def _spans(self, start: int, length: int) -> Iterator[tuple[int, int, Frame, int]]:
        at = max(bisect_right(self._fine_starts, start) - 1, 0)
        for span in self._fine[at:]:
            if span[0] >= start + length:
                return
            if span[0] + span[1] > start:
                yield span

    def _raw_part(self, frame: Frame, start: int, length: int) -> RawPart:
        return RawPart(self._pack, frame.offset + start - frame.ranges[0][0], length)


def _offsets(frame: Frame) -> Iterator[int]:
    before = 0
    for _, length in frame.ranges:
        yield before
        before += length
