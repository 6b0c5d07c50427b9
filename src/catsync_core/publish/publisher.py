"""The publisher: from a folder to a new version of a catalog in a repository."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import msgspec

from catsync_core.backends.protocol import Backend
from catsync_core.backends.registry import open_backend
from catsync_core.errors import ConflictError, MissingObjectError, UnsupportedError, UsageError
from catsync_core.events import Event, Listener, Phase, Progress, Warned, ignore
from catsync_core.format.head import Head, PatchRef, write_head
from catsync_core.format.history import write_history
from catsync_core.format.index import FORMAT, CatalogSummary, Index, check_catalog_id, write_index
from catsync_core.format.manifest import decompress_manifest, read_manifest, write_manifest
from catsync_core.format.objects import INDEX_KEY, ObjectRef, object_key
from catsync_core.limits import LIMITS
from catsync_core.plugins import load_plugins
from catsync_core.publish.classify import classify
from catsync_core.publish.commit import swap_head, upload
from catsync_core.publish.describe import count_changed, describe_version, is_unchanged
from catsync_core.publish.effort import Effort, Settings
from catsync_core.publish.failures import explain_limits, translate_failures
from catsync_core.publish.history import HISTORY_HEADS, make_history
from catsync_core.publish.layout import NewContent, arrange
from catsync_core.publish.pack import BuiltPack, build_pack
from catsync_core.publish.patches import find_alternative, find_bases, make_patches
from catsync_core.publish.previous import Previous
from catsync_core.publish.scan import ChangedWhilePublishingError, SourceTree, scan
from catsync_core.publish.scan_cache import ScanCache
from catsync_core.transfer.repository import Repository

__all__ = ["PatchTotal", "Publication", "Publisher"]

_SCHEMA = 1
_ATTEMPTS = 3
_PACK_SIZE = 512 << 20
_WORKERS = 2


class PatchTotal(msgspec.Struct, frozen=True):
    """A patch that a publish made.

    Attributes:
        from_version: That it leads from; None for nothing.
        bytes: Its length.
    """

    from_version: int | None
    bytes: int


class Publication(msgspec.Struct, frozen=True):
    """What a publish did.

    Attributes:
        schema: Version of this shape.
        catalog: Id.
        version: The newest version, whether new or not.
        published: False when the folder was as it is in the repository already.
        files: In the version.
        bytes: Of all files.
        changed_files: Files that are new or have other content than in the version before.
        bytes_uploaded: That this publish sent.
        seconds: That it took.
        patches: That lead to the new version.
    """

    schema: int
    catalog: str
    version: int
    published: bool
    files: int
    bytes: int
    changed_files: int
    bytes_uploaded: int
    seconds: float
    patches: tuple[PatchTotal, ...] = ()


class Publisher:
    """Publishes catalogs into one repository.

    Args:
        backend: Where the repository lies.
        cache: Folder for what scans learned; None keeps nothing.
        listener: Gets :class:`~catsync_core.events.Phase` and :class:`~catsync_core.events.Progress`.
    """

    def __init__(self, backend: Backend, *, cache: Path | None = None, listener: Listener = ignore) -> None:
        self._backend = backend
        self._repository = Repository(backend)
        self._cache = cache
        self._listener = listener

    @classmethod
    def open(cls, repository: str | Path, *, cache: Path | None = None, listener: Listener = ignore) -> Publisher:
        """Return a publisher for the repository at a path or URL; nothing is contacted yet.

        Args:
            repository: Its address.
            cache: Folder for what scans learned; None keeps nothing.
            listener: Gets events.

        Raises:
            PluginError: no plugin knows the address.
        """
        return cls(open_backend(repository, load_plugins()), cache=cache, listener=listener)

    def init(self) -> Index:
        """Make an empty repository.

        Raises:
            ConflictError: (remote) there is one already.
        """
        index = Index(FORMAT, secrets.token_hex(16), 1, int(time.time()), {})
        try:
            self._backend.swap(INDEX_KEY, write_index(index), expected_etag=None)
        except ConflictError as error:
            raise ConflictError(
                f"There is a repository at {self._backend.url} already", hint="Publish into it with `catsync publish`"
            ) from error
        return index

    def publish(
        self,
        folder: Path,
        catalog: str,
        *,
        title: str | None = None,
        note: str = "",
        effort: Effort = Effort.DEFAULT,
        patch_from: Collection[int] | None = None,
    ) -> Publication:
        """Publish a folder as the next version of a catalog; does nothing when nothing changed.

        Args:
            folder: The catalog's files.
            catalog: Id.
            title: For people; by default what it was before, else the id.
            note: Words about this version.
            effort: Time against bytes.
            patch_from: Numbers of versions that patches shall begin from, besides the version before; by default those
                that the effort says.

        Raises:
            SourceError: (local) the folder cannot be published as it is.
            NotFoundError: (local) there is no such version that a patch could begin from.
            MissingObjectError: (remote) there is no repository.
            ConflictError: (remote) somebody else published the catalog meanwhile.
        """
        check_catalog_id(catalog)
        _check_words(title, note)
        if not (self._backend.capabilities.write and self._backend.capabilities.swap):
            raise UnsupportedError(f"{self._backend.url} cannot be written to", hint="Publish into the folder itself")
        started = time.monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._publish(
                    folder, catalog, title, note, settings=Settings.of(effort), patch_from=patch_from, started=started
                )
            except ChangedWhilePublishingError:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _publish(
        self,
        folder: Path,
        catalog: str,
        title: str | None,
        note: str,
        *,
        settings: Settings,
        patch_from: Collection[int] | None,
        started: float,
    ) -> Publication:
        index = self._repository.index().index
        if index is None:
            raise MissingObjectError(f"There is no repository at {self._backend.url}")
        before = index.catalogs.get(catalog)
        previous = Previous(self._repository, before.head if before else None, catalog, before.version if before else 0)
        title = title if title is not None else (before.title if before else catalog)
        bases = find_bases(previous, settings, patch_from)
        tree = self._scan(folder, catalog)
        changed = count_changed(tree, previous)
        if before and title == before.title and is_unchanged(tree, previous.manifest):
            return self._report(before, catalog, published=False, changed=0, uploaded=0, started=started)
        with (
            translate_failures(folder),
            tempfile.TemporaryDirectory(prefix="catsync-") as scratch,
            ThreadPoolExecutor(_WORKERS, thread_name_prefix="catsync-compress") as pool,
        ):
            packs = self._build(tree, previous, settings, Path(scratch), pool)
            manifest = describe_version(tree, previous, packs, (before.version if before else 0) + 1)
            data = write_manifest(manifest)
            with explain_limits():
                read_manifest(data)
            self._listener(Phase("publish", catalog, "patch"))
            patches = make_patches(
                Path(scratch),
                tree,
                manifest,
                decompress_manifest(data),
                bases=bases,
                alternative=find_alternative(manifest, len(data), previous, [built for built, _ in packs]),
                settings=settings,
                pool=pool,
                warn=lambda message: self._listener(Warned(catalog, message)),
            )
            tree.check_unchanged()
            uploaded = self._upload(catalog, [built for built, _ in packs])
            uploaded += sum(upload(self._backend, "patches", built.location, built.ref.patch) for built in patches)
        refs = tuple(built.ref for built in patches)
        history, sent = self._upload_history(previous, refs)
        head = Head(
            format=FORMAT,
            catalog=catalog,
            version=manifest.version,
            title=title,
            published=max(int(time.time()), before.published if before else 0),
            files=manifest.total_files(),
            bytes=manifest.total_bytes(),
            manifest=ObjectRef.of(data),
            note=note,
            previous=before.head if before else None,
            patches=refs,
            history=history,
        )
        head_data = write_head(head)
        summary = CatalogSummary(
            title,
            head.version,
            head.published,
            head.files,
            head.bytes,
            ObjectRef.of(head_data),
            head_data.decode(),
        )
        uploaded += sent + upload(self._backend, "manifests", data, head.manifest)
        uploaded += upload(self._backend, "heads", head_data, summary.head)
        self._listener(Phase("publish", catalog, "commit"))
        swap_head(self._repository, catalog, summary, before)
        self._listener(Phase("publish", catalog, "done"))
        done = self._report(summary, catalog, published=True, changed=changed, uploaded=uploaded, started=started)
        totals = (PatchTotal(built.base, built.ref.patch.length) for built in patches)
        return msgspec.structs.replace(done, patches=tuple(totals))

    def _scan(self, folder: Path, catalog: str) -> SourceTree:
        self._listener(Phase("publish", catalog, "scan"))
        name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        cache = ScanCache(self._cache / f"scan-{name}" if self._cache else None)
        tree = scan(folder, cache, _Counter(self._listener, catalog, 0))
        cache.save()
        return tree

    def _build(
        self, tree: SourceTree, previous: Previous, settings: Settings, scratch: Path, pool: Executor
    ) -> list[tuple[BuiltPack, list[NewContent]]]:
        catalog = previous.manifest.catalog
        distinct = {file.sha256: file for file in reversed(tree.files)}
        dying = previous.dying_packs(set(distinct))
        new = [file for sha256, file in distinct.items() if previous.find(sha256, dying) is None]
        new.sort(key=lambda file: file.path)
        total = sum(file.size for file in new)
        self._listener(Phase("publish", catalog, "match", total))
        counter = _Counter(self._listener, catalog, total)
        contents = []
        for content in pool.map(lambda file: classify(file, previous), new):
            contents.append(content)
            counter(content.file.size)
        self._listener(Phase("publish", catalog, "compress", total))
        counter = _Counter(self._listener, catalog, total)
        return [
            (build_pack(scratch / f"{number}.pack", group, settings, pool, counter), group)
            for number, group in enumerate(arrange(contents, _PACK_SIZE))
        ]

    def _upload(self, catalog: str, packs: list[BuiltPack]) -> int:
        total = sum(built.ref.length for built in packs)
        self._listener(Phase("publish", catalog, "upload", total))
        counter = _Counter(self._listener, catalog, total)
        uploaded = 0
        for built in packs:
            uploaded += upload(self._backend, "packs", built.location, built.ref)
            if built.table.signatures is not None:
                uploaded += upload(self._backend, "signatures", built.signatures, built.table.signatures)
            uploaded += upload(self._backend, "tables", built.table_data, ObjectRef.of(built.table_data))
            counter(built.ref.length)
        return uploaded

    def _upload_history(self, previous: Previous, patches: Sequence[PatchRef]) -> tuple[ObjectRef | None, int]:
        """Write the history of the new version; returns what names it, and the bytes that were sent."""
        there = {found.key: found.length for found in self._backend.list("patches/")} if patches else {}
        history = make_history(
            previous.manifest.catalog,
            patches,
            previous.heads(HISTORY_HEADS) if patches else (),
            lambda patch: there.get(object_key("patches", patch)) == patch.length,
        )
        if history is None:
            return None, 0
        data = write_history(history)
        return ObjectRef.of(data), upload(self._backend, "histories", data, ObjectRef.of(data))

    @staticmethod
    def _report(
        summary: CatalogSummary, catalog: str, *, published: bool, changed: int, uploaded: int, started: float
    ) -> Publication:
        return Publication(
            schema=_SCHEMA,
            catalog=catalog,
            version=summary.version,
            published=published,
            files=summary.files,
            bytes=summary.bytes,
            changed_files=changed,
            bytes_uploaded=uploaded,
            seconds=round(time.monotonic() - started, 3),
        )


class _Counter:
    """Turns bytes done into progress events."""

    def __init__(self, listener: Callable[[Event], None], catalog: str, total: int) -> None:
        self._listener = listener
        self._catalog = catalog
        self._total = total
        self._done = 0

    def __call__(self, count: int) -> None:
        self._done += count
        self._listener(Progress("publish", self._catalog, self._done, self._total))


def _check_words(title: str | None, note: str) -> None:
    if title is not None and (not title.strip() or len(title) > LIMITS.title_length):
        raise UsageError(f"The title must have 1 to {LIMITS.title_length} characters")
    if len(note) > LIMITS.note_length:
        raise UsageError(f"The note has {len(note):,} characters; at most {LIMITS.note_length:,} are allowed")
