"""Several patches, one after the other, from the version that is here to the newest one.

No version between is built. Its new contents are decoded once, into one plain file, because the frames of the next
patch need them; everything else of it lies where it lay before. What of them is still there in the newest version is
decoded again when its files are assembled, as the contents of the last patch are. So several patches yield what a
single one does: parts of contents, and the hashes that make the newest manifest complete, which proves all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import accumulate
from pathlib import Path

import msgspec

from catsync_core.format.manifest import Manifest
from catsync_core.plan.model import LocalPart, Part
from catsync_core.store.layout import CatalogStore
from catsync_core.store.spool import Spool
from catsync_core.store.streams import StreamFile
from catsync_core.transfer.frame_cache import Decoded, FrameCache
from catsync_core.transfer.patching import Located, Old, Outline, compute_hashes, outline

__all__ = ["Between", "Chain"]

Parts = tuple[Part, ...]


class Between:
    """A version between, as the next patch builds on it.

    Args:
        outlined: What the patch before leads to.
        old: What that one builds on.
        location: The file that will hold the new contents.
    """

    def __init__(self, outlined: Outline, old: Old, location: Path) -> None:
        self.bare = outlined.bare
        self.contents = outlined.manifest.contents
        self._old = old
        self._location = str(location)
        self._starts = _add_up(content.size for content in self.contents)
        new_starts = _add_up(self.contents[index].size for index in outlined.parts)
        self._new = dict(zip(outlined.parts, new_starts, strict=False))
        old_starts = _add_up(content.size for content in old.contents)
        self._kept = {content.sha256: start for content, start in zip(old.contents, old_starts, strict=False)}

    def locate(self, start: int, size: int) -> Iterator[LocalPart]:
        """Yield the local bytes that make up a range of the old stream."""
        index = bisect_right(self._starts, start) - 1
        while size:
            content = self.contents[index]
            offset = start - self._starts[index]
            length = min(size, content.size - offset)
            if length and index in self._new:
                yield LocalPart(self._location, self._new[index] + offset, length)
            elif length:
                yield from self._old.locate(self._kept[content.sha256] + offset, length)
            start, size, index = start + length, size - length, index + 1

    def offset(self, index: int) -> int:
        """Return where a new content lies in the file."""
        return self._new[index]


class _Step(msgspec.Struct, frozen=True):
    outlined: Outline
    between: Between | None  # what the next patch builds on; None for the last
    stream: StreamFile


class Chain:
    """Patches whose headers are known.

    Contents that are not known by their SHA-256 yet go by a placeholder, which stands in the manifests instead.

    Args:
        store: The catalog's place.
        patches: Each but the first builds on what the one before leads to.
        old: What the first one builds on.
        headers: Of the patches; each is taken when those before it are understood.

    Raises:
        ContentError: (content) a header is damaged or does not fit.
    """

    def __init__(self, store: CatalogStore, patches: Sequence[Located], old: Old, headers: Iterable[bytes]) -> None:
        self._steps: list[_Step] = []
        self.parts: dict[bytes, Parts] = {}
        """Of what the patches yield, by placeholder."""
        for number, (patch, header) in enumerate(zip(patches, headers, strict=True), 1):
            outlined = outline(header, patch, old)
            stream = StreamFile(store, patch.patch.sha256)
            between = Between(outlined, old, stream.location) if number < len(patches) else None
            self._steps.append(_Step(outlined, between, stream))
            self.parts |= {outlined.manifest.contents[index].sha256: found for index, found in outlined.parts.items()}
            old = between or old

    @property
    def last(self) -> Outline:
        """What the last patch leads to."""
        return self._steps[-1].outlined

    @property
    def versions(self) -> tuple[int, ...]:
        """Numbers of the versions that the patches lead to."""
        return tuple(step.outlined.manifest.version for step in self._steps)

    def new_bytes(self) -> int:
        """Return the bytes that all patches yield."""
        return sum(step.outlined.new_bytes() for step in self._steps)

    def bytes_between(self) -> int:
        """Return the bytes of the files for versions between."""
        return self.new_bytes() - self.last.new_bytes()

    def decode(self, spool: Spool, on_bytes: Callable[[int], None], decoded: FrameCache[Decoded]) -> dict[bytes, bytes]:
        """Return the SHA-256 of what the patches yield, by placeholder; what they fail to yield is left out.

        Args:
            spool: Holds the patches.
            on_bytes: Called with the bytes that were decoded.
            decoded: Keeps decoded frames for the assembly, as far as there is room.

        Raises:
            DiskFullError: (local) there is no space for what lies between.
        """
        names: dict[bytes, bytes] = {}
        for step in self._steps:
            with ExitStack() as stack:
                keep = None
                if step.between is not None:
                    keep = partial(_keep, stack.enter_context(step.stream), step.between)
                hashes = compute_hashes(step.outlined, spool, on_bytes, decoded, keep)
            contents = step.outlined.manifest.contents
            names |= {contents[index].sha256: digest for index, digest in hashes.items()}
        return names

    def place(self, manifest: Manifest, names: Mapping[bytes, bytes]) -> dict[int, Parts]:
        """Return the parts of a manifest's contents that the patches yield, by index.

        Args:
            manifest: Of the newest version.
            names: By which its contents go, by placeholder.
        """
        yielded = {names[placeholder]: found for placeholder, found in self.parts.items() if placeholder in names}
        return {
            index: yielded[content.sha256]
            for index, content in enumerate(manifest.contents)
            if content.size and content.sha256 in yielded
        }


def _keep(stream: StreamFile, between: Between, index: int, offset: int, data: bytes | bytearray | memoryview) -> None:
    stream.write(between.offset(index) + offset, data)


def _add_up(sizes: Iterable[int]) -> list[int]:
    return list(accumulate(sizes, initial=0))
