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
from catsync_core.format.table import Table
from catsync_core.plan.forecast import blocks_cost, whole_cost
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
    tables = [pack.table for pack in packs]
    tables += [previous.table(ref) for ref in manifest.packs[len(packs) :]]
    built = []
    for number, old in enumerate(_old_versions(previous, tree, settings)):
        location = scratch / f"{number}.patch"
        try:
            patch = build_patch(location, old, manifest, files, level=settings.patch_level, pool=pool)
        except (MissingObjectError, ContentError):
            continue  # the old version is damaged in the repository: devices that have it go by blocks
        if patch.ref.patch.length < _cost_without(old, manifest, previous, tables):
            built.append(patch)
        else:
            location.unlink()
    return built


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


def _cost_without(old: OldVersion, manifest: Manifest, previous: Previous, tables: Sequence[Table]) -> float:
    """Return about how many bytes a device with the old version fetches when it takes no patch."""
    is_previous = old.manifest.version == previous.manifest.version and bool(old.root)
    cost = float(len(write_manifest(manifest)))
    for content in manifest.contents:
        if content.size and content.sha256 not in old.by_hash:
            table = tables[content.pack]
            whole = whole_cost(content, table)
            blocks = blocks_cost(content, table) if is_previous else None
            cost += whole if blocks is None else min(whole, blocks)
    return cost
