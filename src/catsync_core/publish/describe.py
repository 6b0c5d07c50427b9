"""Write down what a version contains and where it lies."""

from __future__ import annotations

from collections.abc import Sequence

from catsync_core.format.manifest import Content, Entry, Manifest, PackRef
from catsync_core.format.objects import ObjectRef
from catsync_core.publish.layout import NewContent
from catsync_core.publish.pack import BuiltPack
from catsync_core.publish.previous import Previous
from catsync_core.publish.scan import SourceTree

__all__ = ["count_changed", "describe_version", "is_unchanged"]


def describe_version(
    tree: SourceTree, previous: Previous, packs: Sequence[tuple[BuiltPack, Sequence[NewContent]]], version: int
) -> Manifest:
    """Return the manifest: everything lies in the new packs, else where it lay before.

    A file whose content did not change keeps the time that it was published with, so that devices can link it.
    """
    refs: list[PackRef] = []
    places: dict[bytes, tuple[int, int]] = {}
    for built, group in packs:
        for number, content in enumerate(group):
            places[content.file.sha256] = (len(refs), number)
        refs.append(PackRef(built.ref, ObjectRef.of(built.table_data)))
    moved: dict[int, int] = {}
    contents: list[Content] = []
    known: dict[bytes, int] = {}
    entries = [Entry(path, 0, None) for path in tree.empty_folders]
    for file in tree.files:
        if file.sha256 not in known:
            if file.sha256 not in places:
                old = previous.by_hash[file.sha256]
                if old.pack not in moved:
                    moved[old.pack] = len(refs)
                    refs.append(previous.manifest.packs[old.pack])
                places[file.sha256] = (moved[old.pack], old.number)
            known[file.sha256] = len(contents)
            contents.append(Content(file.sha256, file.size, *places[file.sha256]))
        unchanged = file.path in previous.files and previous.files[file.path].sha256 == file.sha256
        mtime = previous.times[file.path] if unchanged else file.mtime
        entries.append(Entry(file.path, mtime, known[file.sha256]))
    entries.sort(key=lambda entry: entry.path.encode())
    return Manifest(previous.manifest.catalog, version, tuple(refs), tuple(contents), tuple(entries))


def is_unchanged(tree: SourceTree, manifest: Manifest) -> bool:
    """Whether a folder is what a version contains: the same paths with the same contents."""
    files = manifest.files()
    return _paths(tree) == _published_paths(manifest) and all(
        files[file.path].sha256 == file.sha256 for file in tree.files
    )


def _paths(tree: SourceTree) -> set[str]:
    return {*(file.path for file in tree.files), *(f"{folder}/" for folder in tree.empty_folders)}


def _published_paths(manifest: Manifest) -> set[str]:
    return {entry.path if entry.content is not None else f"{entry.path}/" for entry in manifest.entries}


def count_changed(tree: SourceTree, previous: Previous) -> int:
    """Return how many files are new or have another content than in the version before."""
    known = previous.files
    return sum(file.path not in known or known[file.path].sha256 != file.sha256 for file in tree.files)
