"""Which patches a new version gets: from the version before, from some older ones, and from nothing.

A patch is only published where it is smaller than what the same device would fetch without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import msgspec

from catsync_core.errors import CatsyncError, ContentError, MissingObjectError, NotFoundError, UsageError
from catsync_core.format.manifest import Content, Manifest
from catsync_core.format.table import SignatureShape
from catsync_core.limits import LIMITS
from catsync_core.publish.alternative import Alternative
from catsync_core.publish.draft import OldVersion
from catsync_core.publish.effort import Settings
from catsync_core.publish.pack import BuiltPack
from catsync_core.publish.patch import BuiltPatch, build_patch
from catsync_core.publish.previous import Previous
from catsync_core.publish.scan import SourceFile, SourceTree, read_range

__all__ = ["Base", "find_alternative", "find_bases", "make_patches"]

_AT_ONCE = 16 << 20  # bytes of an old version that are read while other threads wait


class Base(msgspec.Struct, frozen=True):
    """A version that a patch shall begin from.

    Attributes:
        version: What it contains.
        asked: Somebody asked for it, and is told what goes wrong with it.
    """

    version: Previous
    asked: bool


def find_bases(previous: Previous, settings: Settings, patch_from: Collection[int] | None) -> list[Base]:
    """Return the published versions that patches shall begin from, the newest first.

    Args:
        previous: The version before the new one.
        settings: How many versions back patches begin, where nothing else is asked for.
        patch_from: Numbers of the versions that are asked for besides the version before; None for the usual ones.

    Raises:
        NotFoundError: (local) there never was one of them.
        UsageError: (local) they are more than a head can name.
        MissingObjectError: (remote) one that is asked for is gone.
        ContentError: (content) one that is asked for is damaged.
    """
    newest = previous.manifest.version
    if patch_from is None:
        usual = previous.older({newest + 1 - distance for distance in settings.distances})
        return [Base(version, asked=False) for version in _while_readable(usual)]
    for number in patch_from:
        if not 1 <= number <= newest:
            raise NotFoundError(
                f"{previous.manifest.catalog} has no version {number} that a patch could begin from",
                hint=f"Its versions are 1 to {newest}" if newest else "It has none yet",
            )
    left = {newest, *patch_from} - {0}
    if len(left) >= LIMITS.patches:
        raise UsageError(f"At most {LIMITS.patches - 1} patches can lead to one version, and {len(left)} are asked for")
    bases: list[Base] = []
    try:
        for version in previous.older(left):
            bases.append(Base(version, asked=version.manifest.version in patch_from))
            left.remove(version.manifest.version)
    except (MissingObjectError, ContentError) as error:
        _explain(error, max(left), previous.manifest.catalog)
        raise
    return bases


def make_patches(
    scratch: Path,
    tree: SourceTree,
    manifest: Manifest,
    plain: bytes,
    *,
    bases: Sequence[Base],
    alternative: Alternative,
    settings: Settings,
    pool: Executor,
    warn: Callable[[str], None],
) -> list[BuiltPatch]:
    """Build the patches that lead to a new version and are worth having.

    Args:
        scratch: Folder to write them into.
        tree: The new version's folder.
        manifest: What it contains.
        plain: The manifest's bytes before compression.
        bases: The versions that they shall begin from.
        alternative: What devices fetch without them.
        settings: Levels; whether there shall be one from nothing.
        pool: Compresses.
        warn: Told, in a sentence, which patch is not published.

    Raises:
        MissingObjectError: (remote) content of a version that was asked for is gone.
        ContentError: (content) likewise, it is damaged.
    """
    files = {file.sha256: file for file in tree.files}
    olds = [(_old_version(base.version, files), base.asked) for base in bases]
    if settings.solid:
        olds.append((OldVersion(Manifest(manifest.catalog, 0, (), (), ()), lambda *_: (), b""), False))
    built = []
    for old, asked in olds:
        number = old.manifest.version
        location = scratch / f"{number}.patch"
        try:
            patch = build_patch(location, old, manifest, plain, files, level=settings.patch_level, pool=pool)
            pays = _pays(patch.ref.patch.length, old, alternative)
        except (MissingObjectError, ContentError) as error:
            if asked:
                _explain(error, number, manifest.catalog)
                raise
            continue  # the old version is damaged in the repository: devices that have it go by blocks
        if pays:
            built.append(patch)
        else:
            location.unlink()
            if asked:
                warn(f"A patch from version {number} is not published: devices fetch less without it")
    return built


def find_alternative(manifest: Manifest, length: int, previous: Previous, packs: Sequence[BuiltPack]) -> Alternative:
    """Return what devices fetch of a new version that take no patch.

    Args:
        manifest: What it contains.
        length: Of the manifest as it travels, bytes.
        previous: The version before.
        packs: The new version's new packs.
    """
    tables = [pack.table for pack in packs]
    tables += [previous.table(ref) for ref in manifest.packs[len(packs) :]]

    def read_signature(pack: int, shape: SignatureShape) -> bytes:
        if pack < len(packs):
            return packs[pack].signatures[shape.offset : shape.offset + shape.length]
        return previous.read_signature(tables[pack], shape)

    return Alternative(manifest, length, tables, read_signature)


def _pays(length: int, old: OldVersion, alternative: Alternative) -> bool:
    """Whether a patch is smaller than what devices fetch without it."""
    return length < alternative.manifest_length or length < alternative.least(old) or length < alternative.measure(old)


def _old_version(base: Previous, here: Mapping[bytes, SourceFile]) -> OldVersion:
    reading = threading.Lock()

    def read(contents: Sequence[Content], offset: int, length: int) -> Iterator[bytes]:
        for file, group in groupby(contents, key=lambda content: here.get(content.sha256)):
            row = list(group)
            size = min(sum(content.size for content in row) - offset, length)
            if file is not None:
                yield from read_range(file, offset, size)
            else:
                for start in range(offset, offset + size, _AT_ONCE):
                    with reading:  # what one thread reads, others find decoded
                        pieces = list(base.read(row, start, min(_AT_ONCE, offset + size - start)))
                    yield from pieces
            offset, length = 0, length - size

    return OldVersion(base.manifest, read, base.plain_manifest())


def _while_readable(versions: Iterator[Previous]) -> Iterator[Previous]:
    """Yield versions until one is lost: where nobody asked for it, publishing does without."""
    with suppress(MissingObjectError, ContentError):
        yield from versions


def _explain(error: CatsyncError, number: int, catalog: str) -> None:
    error.message = f"Version {number} of {catalog} cannot be read, so no patch can begin from it ({error.message})"
    error.hint = "Nothing was published. Leave that version out of --patch-from, or restore the repository"
