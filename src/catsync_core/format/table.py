"""The table of a pack: which contents it holds, in which frames, and where their signatures are.

All contents of a pack, one after the other in the order of their numbers, form its *stream*. Every frame yields ranges
of the stream. *Coarse* frames tile the stream from its first byte to its last, in order, so a coarse frame's range
follows from its size. *Fine* frames yield chosen ranges again, for devices that have the rest already: most of all the
blocks that are new in this version, many of them compressed together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

import msgspec

from catsync_core.format.columns import Reader, Writer
from catsync_core.format.frames import SEAL_LENGTH, Codec, compress, decompress_bounded
from catsync_core.format.objects import ObjectRef
from catsync_core.limits import LIMITS

__all__ = ["FineSpan", "Frame", "SignatureShape", "Table", "is_sealed", "read_table", "write_table"]

_MAGIC = b"CSTB\x01"
_LEVEL = 19
_SHA256 = 32
_FINE = 0x80
_BLOCK_MOST = 1 << 24
_HASH_BYTES = range(1, 17)
_WEAK_MOST = 4


class Frame(msgspec.Struct, frozen=True):
    """A piece of a pack.

    Attributes:
        offset: Where it begins in the pack, bytes.
        length: As stored, bytes.
        codec: How it is stored.
        ranges: What it yields, in order: (offset, length) in the pack's stream.
        seal: Of what is stored; empty for fine zstd frames, for which their own checksum and the file's SHA-256 do.
        fine: False for the frames that tile the stream.
    """

    offset: int
    length: int
    codec: Codec
    ranges: tuple[tuple[int, int], ...]
    seal: bytes = b""
    fine: bool = False

    @property
    def size(self) -> int:
        """Bytes that it yields."""
        return sum(length for _, length in self.ranges)


class FineSpan(NamedTuple):
    """A range of the stream that a fine frame yields.

    Attributes:
        start: Where it begins in the stream.
        length: Bytes.
        frame: The fine frame.
        before: Bytes that the frame yields before this range.
        stored: The range's share of the frame's stored bytes.
    """

    start: int
    length: int
    frame: Frame
    before: int
    stored: float


class SignatureShape(msgspec.Struct, frozen=True):
    """The block signature of one content, inside the pack's signature object.

    Attributes:
        offset: Where it begins in the signature object, bytes: all weak hashes, then all strong ones.
        block_size: Bytes.
        weak_bytes: Of each weak hash.
        strong_bytes: Of each strong hash.
        blocks: How many blocks.
    """

    offset: int
    block_size: int
    weak_bytes: int
    strong_bytes: int
    blocks: int

    @property
    def length(self) -> int:
        """Bytes of this signature."""
        return self.blocks * (self.weak_bytes + self.strong_bytes)


class Table(msgspec.Struct, frozen=True, dict=True):
    """What a pack holds.

    Attributes:
        sizes: Of the contents, in bytes, by number.
        frames: In the order in which they lie in the pack, without gaps.
        shapes: The signature of each content that has one, by number.
        signatures: The object that holds the signatures; None when there are none.
    """

    sizes: tuple[int, ...]
    frames: tuple[Frame, ...]
    shapes: dict[int, SignatureShape]
    signatures: ObjectRef | None = None

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each content begins in the stream; one more for the stream's end."""
        return (0, *accumulate(self.sizes))

    @cached_property
    def coarse(self) -> tuple[Frame, ...]:
        """The frames that tile the stream, in its order."""
        return tuple(frame for frame in self.frames if not frame.fine)

    @cached_property
    def coarse_starts(self) -> tuple[int, ...]:
        """Where each coarse frame begins in the stream."""
        return tuple(frame.ranges[0][0] for frame in self.coarse)

    @cached_property
    def fine(self) -> tuple[Frame, ...]:
        """The frames for devices that have most of a content."""
        return tuple(frame for frame in self.frames if frame.fine)

    @cached_property
    def fine_spans(self) -> tuple[FineSpan, ...]:
        """What the fine frames yield, in the order of the stream; no two of them overlap."""
        return tuple(sorted(span for frame in self.fine for span in _spans(frame)))

    @cached_property
    def fine_starts(self) -> tuple[int, ...]:
        """Where each fine span begins in the stream."""
        return tuple(span.start for span in self.fine_spans)

    def coarse_over(self, start: int, length: int) -> tuple[Frame, ...]:
        """Return the coarse frames that hold a range of the stream."""
        if not length:
            return ()
        first = bisect_right(self.coarse_starts, start) - 1
        last = bisect_right(self.coarse_starts, start + length - 1)
        return self.coarse[first:last]

    def fine_over(self, start: int, length: int) -> Iterator[FineSpan]:
        """Yield the fine spans that hold bytes of a range of the stream, in its order."""
        first = max(bisect_right(self.fine_starts, start) - 1, 0)
        for index in range(first, bisect_left(self.fine_starts, start + length)):
            span = self.fine_spans[index]
            if span.start + span.length > start:
                yield span


def _spans(frame: Frame) -> Iterator[FineSpan]:
    before, size = 0, frame.size
    for start, length in frame.ranges:
        yield FineSpan(start, length, frame, before, frame.length * length / size)
        before += length


def is_sealed(codec: Codec, *, fine: bool) -> bool:
    """Whether a frame of this kind has a seal in the table."""
    return codec is Codec.RAW or not fine


def write_table(table: Table) -> bytes:
    """Return the canonical bytes of a table."""
    out = Writer(_MAGIC)
    out.number(len(table.sizes))
    out.numbers(table.sizes)
    out.number(len(table.frames))
    out.numbers(frame.codec | (_FINE if frame.fine else 0) for frame in table.frames)
    out.numbers(frame.length for frame in table.frames)
    out.numbers(frame.size for frame in table.coarse if frame.codec is not Codec.RAW)
    fine = table.fine
    out.numbers(len(frame.ranges) for frame in fine)
    out.deltas(edge for frame in fine for start, length in frame.ranges for edge in (start, start + length))
    out.raw(b"".join(frame.seal for frame in table.frames))
    out.numbers(table.shapes[number].block_size if number in table.shapes else 0 for number in range(len(table.sizes)))
    shapes = [table.shapes[number] for number in sorted(table.shapes)]
    out.numbers(shape.weak_bytes for shape in shapes)
    out.numbers(shape.strong_bytes for shape in shapes)
    if table.signatures is not None:
        out.raw(bytes.fromhex(table.signatures.sha256))
        out.number(table.signatures.length)
    return compress(out.finish(), _LEVEL)


def read_table(data: bytes, pack_length: int, what: str = "The frame table") -> Table:
    """Parse a table and check all of it.

    Args:
        data: As it lies in the repository.
        pack_length: Bytes of the pack that it describes.
        what: What it is, for error messages.

    Raises:
        FormatError: (content) it is not one, or does not fit the pack.
        LimitError: (content) it is larger than is allowed.
    """
    source = Reader(decompress_bounded(data, LIMITS.table_size, what), _MAGIC, what)
    sizes = source.numbers(source.count(LIMITS.entries), LIMITS.file_size)
    kinds = source.numbers(source.count(LIMITS.entries), 0xFF)
    lengths = source.numbers(len(kinds), pack_length)
    if any(kind & ~_FINE > max(Codec) for kind in kinds):
        raise source.error("names a codec that this catsync does not know")
    if sum(lengths) != pack_length:
        raise source.error("does not describe the whole pack")
    ranges = _read_ranges(source, kinds, lengths, sum(sizes))
    frames = []
    for kind, offset, length, covered in zip(kinds, accumulate(lengths, initial=0), lengths, ranges, strict=False):
        codec = Codec(kind & ~_FINE)
        frame_seal = source.raw(SEAL_LENGTH) if is_sealed(codec, fine=bool(kind & _FINE)) else b""
        frame = Frame(offset, length, codec, covered, frame_seal, bool(kind & _FINE))
        if frame.size > LIMITS.frame_size or (codec is Codec.RAW and frame.size != length):
            raise source.error("has a frame of a size that cannot be")
        frames.append(frame)
    shapes = _read_shapes(source, sizes)
    signatures = None
    if shapes:
        signatures = ObjectRef(source.raw(_SHA256).hex(), source.number(LIMITS.signature_length))
        if signatures.length != sum(shape.length for shape in shapes.values()):
            raise source.error("announces signatures of another length")
    source.finish()
    return Table(tuple(sizes), tuple(frames), shapes, signatures)


def _read_ranges(
    source: Reader, kinds: list[int], lengths: list[int], stream: int
) -> list[tuple[tuple[int, int], ...]]:
    packed = iter(source.numbers(kinds.count(Codec.ZSTD), LIMITS.frame_size))
    coarse_sizes = [
        length if kind == Codec.RAW else next(packed)
        for kind, length in zip(kinds, lengths, strict=True)
        if not kind & _FINE
    ]
    if sum(coarse_sizes) != stream or 0 in coarse_sizes:
        raise source.error("has coarse frames that do not tile the stream")
    counts = source.numbers(len(kinds) - len(coarse_sizes), LIMITS.table_size)
    if 0 in counts:
        raise source.error("has a fine frame that yields nothing")
    if sum(counts) > LIMITS.entries:
        raise source.error("has more ranges of fine frames than are allowed")
    edges = source.deltas(2 * sum(counts), stream)
    bounds = list(zip(edges[::2], edges[1::2], strict=True))
    if any(not 0 <= start < end for start, end in bounds):
        raise source.error("has a fine frame with a range that cannot be")
    if any(end > start for (_, end), (start, _) in pairwise(sorted(bounds))):
        raise source.error("has fine frames that overlap")
    spans = iter([(start, end - start) for start, end in bounds])
    coarse = iter(
        [((start, size),) for start, size in zip(accumulate(coarse_sizes, initial=0), coarse_sizes, strict=False)]
    )
    fine = iter([tuple(islice(spans, count)) for count in counts])
    return [next(fine) if kind & _FINE else next(coarse) for kind in kinds]


def _read_shapes(source: Reader, sizes: list[int]) -> dict[int, SignatureShape]:
    block_sizes = source.numbers(len(sizes), _BLOCK_MOST)
    signed = [number for number, block_size in enumerate(block_sizes) if block_size]
    weak = source.numbers(len(signed), _WEAK_MOST)
    strong = source.numbers(len(signed), max(_HASH_BYTES))
    shapes, offset = {}, 0
    for number, weak_bytes, strong_bytes in zip(signed, weak, strong, strict=True):
        if weak_bytes < 2 or strong_bytes not in _HASH_BYTES or not sizes[number]:
            raise source.error("has a signature of a shape that cannot be")
        block_size = block_sizes[number]
        shape = SignatureShape(offset, block_size, weak_bytes, strong_bytes, -(-sizes[number] // block_size))
        shapes[number] = shape
        offset += shape.length
    return shapes
