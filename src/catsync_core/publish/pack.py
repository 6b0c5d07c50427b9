"""Build a pack and its table: cut contents into frames, compress them on all cores, write them in order.

Order in the pack: coarse frames of whole contents, fine frames of the new blocks of changed ones, coarse frames of
changed contents, fine frames of their other blocks (for devices that are further behind), coarse frames of moved ones.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import msgspec

from catsync_core.format.frames import Codec, compress, seal
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame, SignatureShape, Table, is_sealed, read_table, write_table
from catsync_core.publish.effort import Settings
from catsync_core.publish.failures import explain_limits
from catsync_core.publish.layout import Group, NewContent
from catsync_core.publish.scan import read_source

__all__ = ["BuiltPack", "build_pack"]

_WORTH = 0.98  # a frame that does not shrink to this is stored raw
_CLUSTER = 32 << 10  # bytes of content in a fine frame of old blocks
_RAW_FRAME = 128 << 10  # bytes: a reader of a part verifies whole frames; 16 bytes of seal each are 0.01 %
_IN_FLIGHT = 4

Ranges = tuple[tuple[int, int], ...]


class BuiltPack(msgspec.Struct, frozen=True):
    """A pack on the local disk, ready to be uploaded.

    Attributes:
        location: The file.
        ref: Names the pack.
        table: Describes it.
        table_data: The table's bytes.
        signatures: The signature object's bytes; empty when there is none.
    """

    location: Path
    ref: ObjectRef
    table: Table
    table_data: bytes
    signatures: bytes


def build_pack(
    location: Path,
    contents: Sequence[NewContent],
    settings: Settings,
    pool: Executor,
    on_bytes: Callable[[int], None],
) -> BuiltPack:
    """Write a pack.

    Args:
        location: The file to write.
        contents: In stream order.
        settings: Level and frame sizes.
        pool: Compresses.
        on_bytes: Called with the bytes of content that were read for coarse frames.

    Raises:
        ChangedWhilePublishingError: (local) a source file is not what it was.
        SourceError: (local) the pack has more of something than the format allows.
    """
    starts = list(accumulate((content.file.size for content in contents), initial=0))
    placed = list(zip(starts, contents, strict=False))
    changed = [(start, content) for start, content in placed if content.group is Group.CHANGED]
    with location.open("wb") as stream:
        frames = _FrameWriter(stream, settings.level, pool)
        for group in Group:
            if group is Group.CHANGED:
                frames.write_fine(_fine(changed, _fresh, settings.fresh_size, across=True))
            for data, begin, raw in _coarse([pair for pair in placed if pair[1].group is group], settings.frame_size):
                on_bytes(len(data))
                frames.write(data, ((begin, len(data)),), raw=raw)
            if group is Group.CHANGED:
                frames.write_fine(_fine(changed, _other, _CLUSTER, across=False))
        frames.finish()
    shapes, signatures = _collect_signatures(contents)
    table = Table(
        sizes=tuple(content.file.size for content in contents),
        frames=tuple(frames.frames),
        shapes=shapes,
        signatures=ObjectRef.of(signatures) if signatures else None,
    )
    data = write_table(table)
    with explain_limits():
        read_table(data, frames.length)
    return BuiltPack(location, ObjectRef(frames.sha256(), frames.length), table, data, signatures)


class _FrameWriter:
    """Compresses ahead on the pool, writes in order."""

    def __init__(self, stream: BinaryIO, level: int, pool: Executor) -> None:
        self.frames: list[Frame] = []
        self.length = 0
        self._stream = stream
        self._level = level
        self._pool = pool
        self._digest = hashlib.sha256()
        self._waiting: deque[tuple[Future[tuple[Codec, bytes]], Ranges, bool]] = deque()

    def write(self, data: bytes, ranges: Ranges, *, raw: bool, fine: bool = False) -> None:
        level = None if raw else self._level
        self._waiting.append((self._pool.submit(_encode, data, level, fine=fine), ranges, fine))
        if len(self._waiting) >= _IN_FLIGHT:
            self._write_next()

    def write_fine(self, pieces: Iterator[tuple[bytes, Ranges]]) -> None:
        for data, ranges in pieces:
            self.write(data, ranges, raw=False, fine=True)

    def finish(self) -> None:
        while self._waiting:
            self._write_next()

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _write_next(self) -> None:
        future, ranges, fine = self._waiting.popleft()
        codec, stored = future.result()
        self._stream.write(stored)
        self._digest.update(stored)
        mark = seal(stored) if is_sealed(codec, fine=fine) else b""
        self.frames.append(Frame(self.length, len(stored), codec, ranges, mark, fine))
        self.length += len(stored)


def _encode(data: bytes, level: int | None, *, fine: bool) -> tuple[Codec, bytes]:
    if level is not None:
        packed = compress(data, level, checksum=not is_sealed(Codec.ZSTD, fine=fine))
        if len(packed) < _WORTH * len(data):
            return Codec.ZSTD, packed
    return Codec.RAW, data


def _coarse(placed: Sequence[tuple[int, NewContent]], frame_size: int) -> Iterator[tuple[bytes, int, bool]]:
    """Yield (data, stream offset, raw): small contents together, large ones in pieces, raw ones each for itself."""
    held, begin = bytearray(), 0
    for start, content in placed:
        size = content.file.size
        # A small content is not cut in two when the frame before it is well filled.
        overflows = size < frame_size < len(held) + size and 2 * len(held) >= frame_size
        if held and (content.raw or overflows):
            yield bytes(held), begin, False
            held.clear()
        if not held:
            begin = start
        cut = _RAW_FRAME if content.raw else frame_size
        for piece in read_source(content.file):
            held += piece
            while len(held) >= cut:
                yield bytes(held[:cut]), begin, content.raw
                begin += cut
                del held[:cut]
        if content.raw and held:
            yield bytes(held), begin, True
            held.clear()
    if held:
        yield bytes(held), begin, False


def _fresh(content: NewContent) -> Ranges:
    return content.fresh


def _other(content: NewContent) -> Ranges:
    if content.raw:
        return ()  # any range of a raw frame can be fetched as it is
    edges = [0, *(edge for offset, length in content.fresh for edge in (offset, offset + length)), content.file.size]
    return tuple((begin, end - begin) for begin, end in zip(edges[::2], edges[1::2], strict=True) if end > begin)


def _fine(
    placed: Sequence[tuple[int, NewContent]], choose: Callable[[NewContent], Ranges], size: int, *, across: bool
) -> Iterator[tuple[bytes, Ranges]]:
    """Yield fine frames of up to ``size`` bytes; ``across`` files and gaps, or within one range each."""
    held, ranges = bytearray(), []
    for start, content in placed:
        with content.file.location.open("rb") as stream:
            for offset, length in choose(content):
                stream.seek(offset)
                done = 0
                while done < length:
                    data = stream.read(min(length - done, size - len(held)))
                    if not data:
                        break  # the file became shorter: the coarse frames' hash check reports it
                    held += data
                    ranges.append((start + offset + done, len(data)))
                    done += len(data)
                    if len(held) >= size or (done == length and not across):
                        yield bytes(held), tuple(ranges)
                        held.clear()
                        ranges = []
    if held:
        yield bytes(held), tuple(ranges)


def _collect_signatures(contents: Sequence[NewContent]) -> tuple[dict[int, SignatureShape], bytes]:
    shapes, joined = {}, bytearray()
    for number, content in enumerate(contents):
        signature = content.signature
        if signature is None:
            continue
        shape = SignatureShape(
            offset=len(joined),
            block_size=signature.block_size,
            weak_bytes=signature.weak_bytes,
            strong_bytes=signature.strong_bytes,
            blocks=len(signature.weak) // signature.weak_bytes,
        )
        shapes[number] = shape
        joined += signature.weak + signature.strong
    return shapes, bytes(joined)
