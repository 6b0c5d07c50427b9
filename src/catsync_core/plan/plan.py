"""Make the plan: per file keep, copy, blocks or full, with exact totals. A pure function over what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catsync_core.chunking import Delta
from catsync_core.errors import FormatError
from catsync_core.format.manifest import Content, Entry, Manifest
from catsync_core.format.table import Frame, Table
from catsync_core.plan.cover import Cover
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import Action, FilePlan, LocalFile, LocalPart, Part, PatchPart

__all__ = ["Wanted", "blocks_cost", "check_tables", "expected_saving", "find_wanted", "plan_files", "whole_cost"]

_GAMBLE = 0.02  # of a content's stored bytes: what its signature may cost when nobody knows whether blocks help


@dataclass(frozen=True, slots=True)
class Wanted:
    """A content that no local file has.

    Attributes:
        index: Into the manifest's contents.
        path: Of the first entry with this content.
    """

    index: int
    path: str


def find_wanted(manifest: Manifest, inventory: Inventory) -> list[Wanted]:
    """Return the contents that must be fetched, at least in part; each once."""
    wanted: dict[int, Wanted] = {}
    for entry in manifest.entries:
        if entry.content is None or entry.content in wanted:
            continue
        content = manifest.contents[entry.content]
        if content.size and inventory.find_same(entry.path, content.sha256) is None:
            wanted[entry.content] = Wanted(entry.content, entry.path)
    return list(wanted.values())


def check_tables(manifest: Manifest, tables: Mapping[int, Table], wanted: Sequence[Wanted]) -> None:
    """Refuse tables that do not hold what the manifest says.

    Raises:
        FormatError: (content) one of them does not.
    """
    for want in wanted:
        content = manifest.contents[want.index]
        sizes = tables[content.pack].sizes
        if content.number >= len(sizes) or sizes[content.number] != content.size:
            raise FormatError(f"A frame table of {manifest.catalog} does not fit its manifest")


def expected_saving(content: Content, table: Table) -> float:
    """Return about how many bytes block matching would save for a content, its signature paid; 0 or less for none.

    Where the publisher had nothing to compare with, nobody knows whether blocks help, and only a small signature is
    worth the gamble.
    """
    shape = table.shapes.get(content.number)
    if shape is None:
        return 0.0
    whole, known = whole_cost(content, table), blocks_cost(content, table)
    if known is not None:
        return whole - known
    return whole - shape.length if shape.length < _GAMBLE * whole else 0.0


def blocks_cost(content: Content, table: Table) -> float | None:
    """Return about how many bytes a content takes on a device that has the version before; None when it is not known.

    The publisher laid the blocks that the version before lacks into fine frames in front of the content's coarse ones.
    """
    start, size = table.starts[content.number], content.size
    first, *_ = table.coarse_over(start, size)
    fresh = [frame for frame in table.fine if frame.offset < first.offset and _overlap(frame, start, size)]
    if not fresh or content.number not in table.shapes:
        return None
    share = sum(frame.length * _overlap(frame, start, size) / frame.size for frame in fresh)
    return share + table.shapes[content.number].length


def whole_cost(content: Content, table: Table) -> float:
    """Return about how many bytes a content takes when it is fetched whole: its share of the frames that hold it."""
    start, size = table.starts[content.number], content.size
    return sum(frame.length * _overlap(frame, start, size) / frame.size for frame in table.coarse_over(start, size))


def _overlap(frame: Frame, start: int, size: int) -> int:
    return sum(max(min(begin + length, start + size) - max(begin, start), 0) for begin, length in frame.ranges)


def plan_files(
    manifest: Manifest,
    inventory: Inventory,
    tables: Mapping[int, Table],
    deltas: Mapping[int, tuple[Delta, Sequence[LocalFile]]],
    patched: Mapping[int, tuple[Part, ...]],
) -> tuple[FilePlan, ...]:
    """Decide for every entry how it comes about.

    Args:
        manifest: The version to build.
        inventory: What is here.
        tables: Of the packs that wanted contents lie in, by index into the manifest's packs.
        deltas: For contents that were matched: what was found, and in which files.
        patched: For contents that a patch yields: their parts.
    """
    wanted = {want.index for want in find_wanted(manifest, inventory)} - patched.keys()
    covers = {pack: Cover(manifest.packs[pack].pack, table) for pack, table in tables.items()}
    for pack, cover in covers.items():
        here = [index for index in wanted if manifest.contents[index].pack == pack]
        for index in here:
            if index not in deltas:
                cover.take_whole(manifest.contents[index].number)
        cover.choose(
            (manifest.contents[index].number, deltas[index][0].missing) for index in sorted(here) if index in deltas
        )
    recipes = {
        index: tuple(_parts(content, covers[content.pack], deltas.get(index)))
        for index, content in ((index, manifest.contents[index]) for index in wanted)
    }
    recipes |= patched
    return tuple(_plan_entry(entry, manifest, inventory, recipes) for entry in manifest.entries)


def _plan_entry(
    entry: Entry, manifest: Manifest, inventory: Inventory, recipes: dict[int, tuple[Part, ...]]
) -> FilePlan:
    if entry.content is None:
        return FilePlan(entry, 0, None)
    content = manifest.contents[entry.content]
    same = inventory.find_same(entry.path, content.sha256)
    if same is not None:
        kept = same.path == entry.path and inventory.is_installed(same)
        return FilePlan(entry, content.size, Action.KEEP if kept else Action.COPY, same)
    if not content.size:
        return FilePlan(entry, 0, Action.FULL)
    # The first entry with this content is built from its parts; the others are copies of that one.
    parts = recipes.pop(entry.content, None)
    if parts is None:
        return FilePlan(entry, content.size, Action.COPY)
    return FilePlan(entry, content.size, _action(parts), None, parts)


def _action(parts: Sequence[Part]) -> Action:
    if any(isinstance(part, PatchPart) for part in parts):
        return Action.PATCH
    return Action.BLOCKS if any(isinstance(part, LocalPart) for part in parts) else Action.FULL


def _parts(content: Content, cover: Cover, found: tuple[Delta, Sequence[LocalFile]] | None) -> list[Part]:
    if found is None:
        return list(cover.parts(content.number, ((0, content.size),)))
    delta, bases = found
    placed: list[tuple[int, Part]] = [
        (copy.target, LocalPart(bases[copy.basis].location, copy.offset, copy.length)) for copy in delta.copies
    ]
    for begin, length in delta.missing:
        at = begin
        for part in cover.parts(content.number, ((begin, length),)):
            placed.append((at, part))
            at += part.length
    placed.sort(key=lambda pair: pair[0])
    return [part for _, part in placed]
