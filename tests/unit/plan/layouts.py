"""Packs of any layout, for tests of what is chosen from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from hypothesis import strategies as st

from catsync_core.format.frames import Codec
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame, SignatureShape, Table
from catsync_core.plan.model import FramePart, Part, RawPart

__all__ = ["PACK", "Layout", "cuts", "lay_out", "layouts", "wishes"]

PACK = ObjectRef("a" * 64, 1 << 30)


@dataclass(frozen=True)
class Layout:
    """A pack's stream, the pack itself and its table; a frame is stored as its bytes backwards, or raw as they are."""

    stream: bytes
    stored: bytes
    table: Table

    def read(self, part: Part) -> bytes:
        if isinstance(part, RawPart):
            return self.stored[part.offset : part.offset + part.length]
        assert isinstance(part, FramePart)
        frame = part.frame
        whole = b"".join(self.stream[start : start + length] for start, length in frame.ranges)
        return whole[part.start : part.start + part.length]


def lay_out(
    sizes: tuple[int, ...],
    coarse: list[tuple[int, bool]],
    fine: list[list[tuple[int, int]]],
    shapes: Mapping[int, SignatureShape] | None = None,
) -> Layout:
    """Build a pack: fine frames first, as long as half their yield; then coarse ones of (size, raw)."""
    stream = Random(len(sizes)).randbytes(sum(sizes))
    stored, frames = bytearray(), []
    for ranges in fine:
        length = max(sum(size for _, size in ranges) // 2, 1)
        frames.append(Frame(len(stored), length, Codec.ZSTD, tuple(ranges), fine=True))
        stored += bytes(length)
    at = 0
    for size, raw in coarse:
        data = stream[at : at + size] if raw else bytes(max(size // 2, 1))
        frames.append(Frame(len(stored), len(data), Codec.RAW if raw else Codec.ZSTD, ((at, size),), b"x" * 8 * raw))
        stored += data
        at += size
    assert at == len(stream)
    signatures = ObjectRef("b" * 64, sum(shape.length for shape in shapes.values())) if shapes else None
    return Layout(stream, bytes(stored), Table(sizes, tuple(frames), dict(shapes or {}), signatures))


@st.composite
def cuts(draw: st.DrawFn, total: int, most: int) -> list[tuple[int, int]]:
    """Cut a range into pieces: (offset, length)."""
    edges = sorted({0, total, *draw(st.lists(st.integers(0, total), max_size=most))})
    return [(begin, end - begin) for begin, end in pairwise(edges)]


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    sizes = tuple(draw(st.lists(st.integers(0, 3000), min_size=1, max_size=5)))
    total = sum(sizes)
    coarse = [(length, draw(st.booleans())) for _, length in draw(cuts(total, 6))]
    ranges = [piece for piece in draw(cuts(total, 12)) if draw(st.booleans())]
    dealt = [draw(st.integers(0, 3)) for _ in ranges]
    fine = [[piece for piece, to in zip(ranges, dealt, strict=True) if to == number] for number in range(4)]
    return lay_out(sizes, coarse, [ranges for ranges in fine if ranges])


@st.composite
def wishes(draw: st.DrawFn, sizes: tuple[int, ...]) -> dict[int, list[tuple[int, int]] | None]:
    """What is missing of some contents of these sizes: ranges, or None for all of it."""
    missing: dict[int, list[tuple[int, int]] | None] = {}
    for number, size in enumerate(sizes):
        if size and draw(st.booleans()):
            every_other = draw(cuts(size, 6))[draw(st.integers(0, 1)) :: 2]
            missing[number] = None if draw(st.booleans()) else every_other
    return missing
