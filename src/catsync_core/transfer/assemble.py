"""Build a version in staging: link what is kept, write what was fetched, every file verified as it is written.

Frames are decoded ahead on another thread while this one hashes and writes, or that one builds large files as well. A
frame that several files need is decoded once, for files are written in the order in which their content lies in packs.
"""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from catsync_core.errors import DamagedError, IntegrityError, LocalError
from catsync_core.plan.model import Action, FilePlan, FramePart, LocalFile, PatchPart, Piece, Plan, RawPart
from catsync_core.store.layout import STAGING, CatalogStore
from catsync_core.store.spool import Spool
from catsync_core.store.tree import Known, StagingTree
from catsync_core.transfer.fetch import Fetching
from catsync_core.transfer.frame_cache import Decoded, FrameCache
from catsync_core.transfer.parts import BadPieceError, PartSource
from catsync_core.transfer.sharing import Count, build_files

__all__ = ["DamagedPartsError", "assemble_version"]

_AT_ONCE = 512  # files that are linked between two reports of progress


class DamagedPartsError(IntegrityError):
    """Fetched pieces or local blocks did not make up the files that they should; they must be fetched again.

    Args:
        message: What happened.
        pieces: Pieces that are damaged.
        contents: Contents whose parts, each plausible, did not make up the right file.
        files: Local files that are not what they seemed to be.
    """

    def __init__(self, message: str, *, pieces: set[Piece], contents: set[int], files: set[LocalFile]) -> None:
        super().__init__(message)
        self.pieces = pieces
        self.contents = contents
        self.files = files


def assemble_version(
    plan: Plan,
    store: CatalogStore,
    staging: StagingTree,
    spool: Spool,
    on_bytes: Callable[[int], None],
    *,
    fetching: Fetching | None = None,
    decoded: FrameCache[Decoded] | None = None,
) -> int:
    """Bring all files of a plan into staging; returns the bytes that were written.

    Files that an earlier attempt completed are not written again.

    Args:
        plan: What to do.
        store: The catalog's place.
        staging: Where to.
        spool: Holds the fetched pieces.
        on_bytes: Called with the bytes of each piece of a file that is done.
        fetching: Brings the pieces meanwhile; None when all of them are in the spool.
        decoded: Holds frames that were decoded before.

    Raises:
        RemoteError: (remote) the fetching failed.
        DamagedPartsError: (content) with what must be fetched again. Everything else is done.
        LocalError: (local) something cannot be read or written.
    """
    assembly = _Assembly(plan, store, staging, on_bytes)
    assembly.make_folders()
    assembly.build_files(spool, fetching, decoded)
    assembly.link_files()
    assembly.check()
    assembly.copy_files()
    return assembly.written


class _Assembly:
    def __init__(self, plan: Plan, store: CatalogStore, staging: StagingTree, on_bytes: Callable[[int], None]) -> None:
        self.written = 0
        self._counting = threading.Lock()
        self._plan = plan
        self._contents = plan.manifest.contents
        self._staging = staging
        self._folder = store.root / STAGING / str(plan.manifest.version)
        self._on_bytes = on_bytes
        self._pieces: set[Piece] = set()
        self._wrong: set[int] = set()
        self._lost: set[LocalFile] = set()

    def make_folders(self) -> None:
        for file in self._plan.files:
            if file.entry.content is None:
                self._staging.make_directory(file.entry.path)

    def build_files(self, spool: Spool, fetching: Fetching | None, decoded: FrameCache[Decoded] | None) -> None:
        """Write what is made of parts, and empty files."""
        files = sorted((file for file in self._plan.files if _is_built(file)), key=_place)
        self._staging.expect(file.size for file in files)
        parts = (part for file in files for part in file.parts)
        with closing(PartSource(spool, parts, fetching, decoded)) as source:
            build_files(
                files,
                lambda file, count: self._build_file(file, source, count),
                lend=source.lend,
                is_ready=lambda file: source.is_at_hand(file.parts),
                on_bytes=self._on_bytes,
            )

    def link_files(self) -> None:
        """Link or copy what is on this device already: many at once what can be linked, one by one what is left."""
        known = [file for file in self._plan.files if file.source is not None]
        for start in range(0, len(known), _AT_ONCE):
            some = known[start : start + _AT_ONCE]
            linked = self._link_all(some)
            self._on_bytes(sum(file.size for file in some if file.entry.path in linked))
            for file in some:
                if file.entry.path not in linked:
                    self._take_over(file)

    def _link_all(self, files: Sequence[FilePlan]) -> set[str]:
        return self._staging.link_all(
            Known(file.entry.path, file.source.location, file.size, file.entry.mtime)
            for file in files
            if file.source is not None and not self._is_there(file.entry.path)
        )

    def _take_over(self, file: FilePlan) -> None:
        if file.source is None:
            return
        try:
            self._link_file(file, file.source.location)
        except LocalError as error:
            if not isinstance(error, DamagedError) and _is_plain(file.source.location):
                raise  # it is the new file that cannot be made
            self._lost.add(file.source)

    def check(self) -> None:
        if self._pieces or self._wrong or self._lost:
            raise DamagedPartsError(
                f"{len(self._pieces) + len(self._wrong) + len(self._lost)} parts"
                f" of {self._plan.manifest.catalog} are damaged",
                pieces=self._pieces,
                contents=self._wrong,
                files=self._lost,
            )

    def copy_files(self) -> None:
        """Link or copy further files with a content that was built above."""
        built = {file.entry.content: self._folder / file.entry.path for file in self._plan.files if file.parts}
        for file in self._plan.files:
            if file.action is Action.COPY and file.source is None:
                self._link_file(file, built[file.entry.content])

    def _build_file(self, file: FilePlan, source: PartSource, count: Count) -> None:
        path, index = file.entry.path, file.entry.content
        if index is None or self._is_there(path):
            count(file.size)
            return
        sha256, mtime = self._contents[index].sha256, file.entry.mtime
        try:
            with self._staging.create(path, size=file.size, sha256=sha256, mtime=mtime) as out:
                for data in (data for part in file.parts for data in source.read(part)):
                    out.write(data)
                    count(len(data))
        except BadPieceError as error:
            self._pieces.add(error.piece)
        except IntegrityError:
            self._wrong.add(index)
        else:
            with self._counting:
                self.written += file.size

    def _link_file(self, file: FilePlan, location: Path) -> None:
        path, index = file.entry.path, file.entry.content
        if index is not None and not self._is_there(path):
            sha256, mtime = self._contents[index].sha256, file.entry.mtime
            linked = self._staging.link(path, location, size=file.size, sha256=sha256, mtime=mtime)
            self.written += linked.written
        self._on_bytes(file.size)

    def _is_there(self, path: str) -> bool:
        """Whether an earlier attempt completed a file: one before a restart, or one before parts were fetched again."""
        return self._staging.existing(path) is not None


def _is_built(file: FilePlan) -> bool:
    return bool(file.parts) or (file.action is Action.FULL and not file.size)


def _is_plain(location: Path) -> bool:
    try:
        return stat.S_ISREG(location.lstat().st_mode)
    except OSError:
        return False


def _place(file: FilePlan) -> tuple[str, int, int]:
    for part in file.parts:
        if isinstance(part, FramePart):
            return (part.pack.sha256, part.frame.offset, part.start)
        if isinstance(part, PatchPart):
            return (part.patch.sha256, part.frame.offset, part.start)
        if isinstance(part, RawPart):
            return (part.pack.sha256, part.offset, 0)
    return ("", 0, 0)
