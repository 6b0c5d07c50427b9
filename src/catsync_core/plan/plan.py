"""Make the plan: per file keep, copy, blocks or full, with exact totals. A pure function over what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from catsync_core.errors import FormatError
from catsync_core.format.manifest import Entry, Manifest
from catsync_core.format.table import Table
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import Action, FilePlan, LocalPart, Part, PatchPart
from catsync_core.plan.recipes import Match, find_recipes
from catsync_core.plan.requests import Tariff

__all__ = ["Wanted", "check_tables", "find_wanted", "plan_files"]


class Wanted(msgspec.Struct, frozen=True):
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


def plan_files(
    manifest: Manifest,
    inventory: Inventory,
    tables: Mapping[int, Table],
    *,
    matches: Mapping[int, Match],
    patched: Mapping[int, tuple[Part, ...]],
    tariff: Tariff,
) -> tuple[FilePlan, ...]:
    """Decide for every entry how it comes about.

    Args:
        manifest: The version to build.
        inventory: What is here.
        tables: Of the packs that wanted contents lie in, by index into the manifest's packs.
        matches: Of contents that were matched.
        patched: For contents that a patch yields: their parts.
        tariff: What fetching costs.
    """
    wanted = sorted({want.index for want in find_wanted(manifest, inventory)} - patched.keys())
    recipes = dict(patched)
    for pack, table in tables.items():
        contents = {index: manifest.contents[index] for index in wanted if manifest.contents[index].pack == pack}
        recipes |= find_recipes(manifest.packs[pack].pack, table, contents, matches, tariff)
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
