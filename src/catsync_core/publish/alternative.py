"""What a device fetches that takes no patch: the publisher plans for it, as it will, with the same functions."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from catsync_core.chunking import match
from catsync_core.format.manifest import Content, Manifest
from catsync_core.format.table import SignatureShape, Table
from catsync_core.plan.forecast import forecast_saving, whole_cost
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import LocalFile
from catsync_core.plan.plan import Wanted, find_wanted
from catsync_core.plan.recipes import Match, find_recipes
from catsync_core.plan.requests import Link, Tariff, signature_requests
from catsync_core.publish.draft import OldVersion
from catsync_core.transfer.signatures import read_signature

__all__ = ["Alternative"]

_IN_MEMORY = 16 << 20
_NOWHERE = Path()  # where old files lie on a device; nothing here asks

ReadSignature = Callable[[int, SignatureShape], bytes]
"""Takes the index of a pack and which part of its signature object; returns that part."""


class Alternative:
    """The way by blocks to a version, for devices that have another one whole and nothing else.

    Args:
        manifest: The version.
        length: Of its manifest as it travels, bytes.
        tables: Of its packs.
        read: Reads signatures.
    """

    def __init__(self, manifest: Manifest, length: int, tables: Sequence[Table], read: ReadSignature) -> None:
        self._manifest = manifest
        self.manifest_length = length
        """What every device fetches that takes no patch, bytes."""
        self._tables = tables
        self._read = read
        # How much a request is worth to a device nobody knows here: the less, the fewer bytes it fetches.
        self._tariff = Tariff(Link(0.0, 1.0, 1).gap, lambda _: False)

    def least(self, old: OldVersion) -> float:
        """Return bytes that no device with an old version does without; this takes no time."""
        inventory = _take_stock(old)
        wanted = find_wanted(self._manifest, inventory)
        contents = [self._manifest.contents[want.index] for want in wanted if not self._has_basis(want, inventory)]
        return self._metadata(wanted) + sum(whole_cost(content, self._tables[content.pack]) for content in contents)

    def measure(self, old: OldVersion) -> int:
        """Return the bytes that a device with an old version fetches; its files are read for that.

        Raises:
            ContentError: (content) the old version is damaged in the repository.
            MissingObjectError: (remote) a part of it is gone.
        """
        inventory = _take_stock(old)
        wanted = find_wanted(self._manifest, inventory)
        by_pack: dict[int, dict[int, Wanted]] = defaultdict(dict)
        for want in wanted:
            by_pack[self._manifest.contents[want.index].pack][want.index] = want
        packs = (self._measure_pack(pack, wants, inventory, old) for pack, wants in by_pack.items())
        return self._metadata(wanted) + sum(packs)

    def _metadata(self, wanted: Sequence[Wanted]) -> int:
        packs = {self._manifest.contents[want.index].pack for want in wanted}
        return self.manifest_length + sum(self._manifest.packs[pack].table.length for pack in packs)

    def _has_basis(self, want: Wanted, inventory: Inventory) -> bool:
        content = self._manifest.contents[want.index]
        return content.number in self._tables[content.pack].shapes and bool(inventory.find_bases(want.path))

    def _measure_pack(self, pack: int, wants: Mapping[int, Wanted], inventory: Inventory, old: OldVersion) -> int:
        """Return what a pack takes: with signatures or without, since it depends on the line whether they are asked."""
        table, ref = self._tables[pack], self._manifest.packs[pack].pack
        contents = {index: self._manifest.contents[index] for index in wants}
        matchable = [index for index, want in wants.items() if self._has_basis(want, inventory)]
        asked = forecast_saving(ref, table, contents, matchable, self._tariff).asked
        whole = self._fetched(pack, contents, {})
        if not asked:
            return whole
        shapes = [table.shapes[contents[index].number] for index in asked]
        matches = {
            index: self._match(contents[index], shape, inventory.find_bases(wants[index].path), old)
            for index, shape in zip(asked, shapes, strict=True)
        }
        signatures = sum(request.length for request in signature_requests(table, shapes, self._tariff.gap))
        return min(whole, signatures + self._fetched(pack, contents, matches))

    def _fetched(self, pack: int, contents: Mapping[int, Content], matches: Mapping[int, Match]) -> int:
        ref = self._manifest.packs[pack].pack
        recipes = find_recipes(ref, self._tables[pack], contents, matches, self._tariff)
        parts = (part for recipe in recipes.values() for part in recipe)
        return sum(request.length for request in self._tariff.requests(parts))

    def _match(self, content: Content, shape: SignatureShape, bases: Sequence[LocalFile], old: OldVersion) -> Match:
        signature = read_signature(shape, content.size, self._read(content.pack, shape))
        with ExitStack() as stack:
            streams = []
            for basis in bases:
                stream = stack.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
                for data in old.read_span(*old.span(old.paths[basis.path])):
                    stream.write(data)
                stream.seek(0)
                streams.append(cast("BinaryIO", stream))
            return match(signature, streams), bases


def _take_stock(old: OldVersion) -> Inventory:
    contents = old.manifest.contents
    return Inventory(
        LocalFile(path, _NOWHERE, contents[index].size, 0, contents[index].sha256) for path, index in old.paths.items()
    )
