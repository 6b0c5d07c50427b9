"""Which patches a new version gets: from the version before, from some older ones, and from nothing.

A patch is only published where it is smaller than what the same device would fetch without it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

from catsync_core.errors import ContentError, MissingObjectError
from catsync_core.format.manifest import Content, Manifest, write_manifest
from catsync_core.format.table import SignatureShape
from catsync_core.publish.alternative import Alternative
from catsync_core.publish.draft import OldVersion
from catsync_core.publish.effort import Settings
from catsync_core.publish.pack import BuiltPack
from catsync_core.publish.patch import BuiltPatch, build_patch, root_of
from catsync_core.publish.previous import Previous
from catsync_core.publish.scan import SourceTree, read_range

__all__ = ["make_patches"]


def make_patches(
    scratch: Path,
    tree: SourceTree,
    manifest: Manifest,
    previous: Previous,
    packs: Sequence[BuiltPack],
    *,
    settings: Settings,
    pool: Executor,
) -> list[BuiltPatch]:
    """Build the patches that lead to a new version and are worth having.

    Args:
        scratch: Folder to write them into.
        tree: The new version's folder.
        manifest: What it contains.
        previous: The version before.
        packs: The new version's new packs.
        settings: Levels, distances.
        pool: Compresses.
    """
    files = {file.sha256: file for file in tree.files}
    alternative = _find_alternative(manifest, previous, packs)
    built = []
    for number, old in enumerate(_old_versions(previous, tree, settings)):
        location = scratch / f"{number}.patch"
        try:
            patch = build_patch(location, old, manifest, files, level=settings.patch_level, pool=pool)
            pays = _pays(patch.ref.patch.length, old, alternative)
        except (MissingObjectError, ContentError):
            continue  # the old version is damaged in the repository: devices that have it go by blocks
        if pays:
            built.append(patch)
        else:
            location.unlink()
    return built


def _find_alternative(manifest: Manifest, previous: Previous, packs: Sequence[BuiltPack]) -> Alternative:
    tables = [pack.table for pack in packs]
    tables += [previous.table(ref) for ref in manifest.packs[len(packs) :]]

    def read_signature(pack: int, shape: SignatureShape) -> bytes:
        if pack < len(packs):
            return packs[pack].signatures[shape.offset : shape.offset + shape.length]
        return previous.read_signature(tables[pack], shape)

    return Alternative(manifest, len(write_manifest(manifest)), tables, read_signature)


def _pays(length: int, old: OldVersion, alternative: Alternative) -> bool:
    """Whether a patch is smaller than what devices fetch without it."""
    return length < alternative.least(old) or length < alternative.measure(old)


def _old_versions(previous: Previous, tree: SourceTree, settings: Settings) -> Iterator[OldVersion]:
    here = {file.sha256: file for file in tree.files}
    for version in previous.history(settings.distances):
        reading = threading.Lock()

        def read(
            content: Content,
            offset: int,
            length: int,
            version: Previous = version,
            reading: threading.Lock = reading,
        ) -> Iterable[bytes]:
            if content.sha256 in here:
                return read_range(here[content.sha256], offset, length)
            with reading:
                return list(version.read(content, offset, length))

        yield OldVersion(version.manifest, read, root_of(version.manifest))
    if settings.solid:
        yield OldVersion(Manifest(previous.manifest.catalog, 0, (), (), ()), lambda *_: (), "")
