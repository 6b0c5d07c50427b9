"""Of which parts the wanted contents are made: of blocks where that is cheaper, else whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catsync_core.chunking import Delta
from catsync_core.format.manifest import Content
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Table
from catsync_core.plan.cover import Cover
from catsync_core.plan.model import LocalFile, LocalPart, Part
from catsync_core.plan.requests import Tariff

__all__ = ["Match", "find_recipes"]

Match = tuple[Delta, Sequence[LocalFile]]
"""What block matching found of a content, and in which files."""


def find_recipes(
    pack: ObjectRef, table: Table, wanted: Mapping[int, Content], matches: Mapping[int, Match], tariff: Tariff
) -> dict[int, tuple[Part, ...]]:
    """Return the parts of the contents that are wanted of a pack.

    What is fetched for them never costs more than fetching all of them whole.

    Args:
        pack: The pack.
        table: Its table.
        wanted: The contents, by index into the manifest's contents.
        matches: Of those that were matched.
        tariff: What fetching costs.
    """
    whole = Cover(pack, table, {content.number: None for content in wanted.values()})
    matched = {index: matches[index] for index in wanted if index in matches}
    if matched:
        missing = {
            content.number: matched[index][0].missing if index in matched else None for index, content in wanted.items()
        }
        cover = Cover(pack, table, missing)
        if tariff.cost(cover.all_parts()) <= tariff.cost(whole.all_parts()):
            return {index: _parts(content, cover, matched.get(index)) for index, content in wanted.items()}
    return {index: _parts(content, whole, None) for index, content in wanted.items()}


def _parts(content: Content, cover: Cover, match: Match | None) -> tuple[Part, ...]:
    placed = list(cover.parts(content.number))
    if match is not None:
        delta, bases = match
        placed += (
            (copy.target, LocalPart(str(bases[copy.basis].location), copy.offset, copy.length)) for copy in delta.copies
        )
        placed.sort(key=lambda pair: pair[0])
    return tuple(part for _, part in placed)
