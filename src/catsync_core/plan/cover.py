"""Which frames to fetch for the bytes that are missing: the cheapest cover, never dearer than whole files.

Every byte of a changed content lies in one coarse frame and, where there are any, in exactly one fine frame. So for
each coarse frame there are two ways: the frame itself, or all fine frames that the missing bytes below it lie in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
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
        users: dict[int, set[int]] = defaultdict(set)
        below: dict[int, list[Frame]] = defaultdict(list)
        coarse: dict[int, Frame] = {}
        for number, ranges in missing:
            for begin, length in ranges:
                for frame, start, size in self._coarse_pieces(self._table.starts[number] + begin, length):
                    if frame.codec is Codec.RAW or frame.offset in self._coarse_chosen:
                        continue
                    coarse[frame.offset] = frame
                    fine = self._fine_frames(start, size)
                    if fine is None:
                        self._coarse_chosen.add(frame.offset)
                        continue
                    below[frame.offset] += fine
                    for one in fine:
                        users[one.offset].add(frame.offset)
        for offset, frames in below.items():
            # A fine frame that others need as well costs nothing more here.
            alone = {fine.offset: fine.length for fine in frames if len(users[fine.offset]) == 1}
            if sum(alone.values()) > coarse[offset].length + _REQUEST_COST:
                self._coarse_chosen.add(offset)
        shared = {fine.offset: fine.length for o, fs in below.items() if o not in self._coarse_chosen for fine in fs}
        instead = sum(coarse[offset].length for offset in below if offset not in self._coarse_chosen)
        if sum(shared.values()) > instead:
            self._coarse_chosen.update(below)

    def parts(self, number: int, ranges: Iterable[Range]) -> Iterator[Part]:
        """Yield the parts that make up ranges of a content, by the frames that were chosen."""
        for begin, length in ranges:
            for frame, start, size in self._coarse_pieces(self._table.starts[number] + begin, length):
                if frame.offset in self._coarse_chosen:
                    yield FramePart(self._pack, frame, start - frame.ranges[0][0], size)
                elif frame.codec is Codec.RAW:
                    yield self._raw_part(frame, start - frame.ranges[0][0], size)
                else:
                    yield from self._fine_parts(start, size)

    def _coarse_pieces(self, start: int, length: int) -> Iterator[tuple[Frame, int, int]]:
        for frame in self._table.coarse_over(start, length):
            begin, size = frame.ranges[0]
            first, last = max(start, begin), min(start + length, begin + size)
            yield frame, first, last - first

    def _fine_frames(self, start: int, length: int) -> list[Frame] | None:
        """Return the fine frames over a range of the stream; None when they do not cover it."""
        frames, at = [], start
        for begin, size, frame, _ in self._spans(start, length):
            if begin > at:
                return None
            frames.append(frame)
            at = begin + size
        return frames if at >= start + length else None

    def _fine_parts(self, start: int, length: int) -> Iterator[Part]:
        for begin, size, frame, before in self._spans(start, length):
            first, last = max(start, begin), min(start + length, begin + size)
            yield FramePart(self._pack, frame, before + first - begin, last - first)

    def _spans(self, start: int, length: int) -> Iterator[tuple[int, int, Frame, int]]:
        at = max(bisect_right(self._fine_starts, start) - 1, 0)
        for span in self._fine[at:]:
            if span[0] >= start + length:
                return
            if span[0] + span[1] > start:
                yield span

    def _raw_part(self, frame: Frame, start: int, length: int) -> Part:
        # Nearly a whole frame is taken as one, for a whole frame has a checksum of its own.
        if length >= _MOSTLY * frame.length:
            return FramePart(self._pack, frame, start, length)
        return RawPart(self._pack, frame.offset + start, length)


def _offsets(frame: Frame) -> Iterator[int]:
    before = 0
    for _, length in frame.ranges:
        yield before
        before += length
