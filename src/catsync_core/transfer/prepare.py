"""Make a plan for one version: fetch the tables and signatures that it needs, match old files, decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import msgspec

from catsync_core.chunking import BasisError, Delta, match
from catsync_core.errors import ContentError, MissingObjectError
from catsync_core.format.manifest import Content, Manifest
from catsync_core.format.table import SignatureShape, Table
from catsync_core.plan.forecast import forecast_saving
from catsync_core.plan.local import Inventory
from catsync_core.plan.model import LocalFile, Part, Piece, Plan, Request, Via
from catsync_core.plan.plan import Wanted, check_tables, find_wanted, plan_files
from catsync_core.plan.recipes import Match
from catsync_core.plan.requests import Link, Tariff, find_pieces, signature_requests
from catsync_core.transfer.fetch import Kept, fetch_requests
from catsync_core.transfer.repository import Repository
from catsync_core.transfer.signatures import read_signature

__all__ = ["Preparation"]


class Preparation(msgspec.Struct):
    """Plans one version; keeps what it fetched, so that planning again costs nothing.

    Attributes:
        repository: Where the version lies.
        manifest: What it contains.
        inventory: What is here.
        link: What is known of the way to the backend.
        via: Which ways the plan may take.
        patched: Parts of contents that a patch yields, by index into the manifest's contents.
        warn: Told, in a sentence, why something will cost more than it should.
    """

    repository: Repository
    manifest: Manifest
    inventory: Inventory
    link: Callable[[], Link]
    via: Via = Via.AUTO
    warn: Callable[[str], None] = lambda _: None
    patched: dict[int, tuple[Part, ...]] = msgspec.field(default_factory=dict)
    _tables: dict[int, Table] = msgspec.field(default_factory=dict)
    _matches: dict[int, Match] = msgspec.field(default_factory=dict)
    _whole: set[int] = msgspec.field(default_factory=set)  # of which no blocks were found, or wrong ones

    def plan(self, from_version: int | None, is_kept: Callable[[Piece], bool]) -> Plan:
        """Return the plan.

        Args:
            from_version: The installed version; None for none.
            is_kept: Whether an earlier attempt left a piece here.

        Raises:
            RemoteError: (remote) tables or signatures cannot be fetched.
            ContentError: (content) they are not what they should be.
        """
        wanted = [want for want in find_wanted(self.manifest, self.inventory) if want.index not in self.patched]
        packs = sorted({self.manifest.contents[want.index].pack for want in wanted} - self._tables.keys())
        tables = self.repository.tables([self.manifest.packs[pack] for pack in packs])
        self._tables |= zip(packs, tables, strict=True)
        check_tables(self.manifest, self._tables, wanted)
        link = self.link()
        tariff = Tariff(link.gap, is_kept)
        if self.via is not Via.FULL:
            self._match(wanted, tariff, link.detour)
        files = plan_files(
            self.manifest,
            self.inventory,
            self._tables,
            matches=self._matches,
            patched=self.patched,
            tariff=tariff,
        )
        parts = [part for file in files for part in file.parts]
        kept = sum(piece.length for piece in find_pieces(parts)[0] if is_kept(piece))
        return Plan(self.manifest, from_version, files, tariff.requests(parts), kept)

    def distrust(self, index: int) -> None:
        """Plan a content in the next plainer way: its patch, else its blocks, did not make up the right file."""
        if self.patched.pop(index, None) is not None:
            return
        self._matches.pop(index, None)
        self._whole.add(index)

    def _match(self, wanted: Sequence[Wanted], tariff: Tariff, detour: int) -> None:
        tried = self._matches.keys() | self._whole
        matchable = {
            want.index: want for want in wanted if want.index not in tried and self.inventory.find_bases(want.path)
        }
        by_pack: dict[int, dict[int, Content]] = {}
        for want in wanted:
            content = self.manifest.contents[want.index]
            by_pack.setdefault(content.pack, {})[want.index] = content
        for pack, contents in by_pack.items():
            table, candidates = self._tables[pack], sorted(contents.keys() & matchable.keys())
            forecast = forecast_saving(self.manifest.packs[pack].pack, table, contents, candidates, tariff)
            if forecast.saving > detour:
                self._match_in_pack(table, [matchable[index] for index in forecast.asked], tariff)

    def _match_in_pack(self, table: Table, asked: Sequence[Wanted], tariff: Tariff) -> None:
        contents = [self.manifest.contents[want.index] for want in asked]
        shapes = [table.shapes[content.number] for content in contents]
        try:
            hashes = self._fetch_signatures(signature_requests(table, shapes, tariff.gap), shapes)
        except (MissingObjectError, ContentError) as error:
            # Signatures only save bytes: without them everything can still be fetched whole.
            self.warn(f"{error.message}; changed files are fetched whole")
            self._whole.update(want.index for want in asked)
            return
        for want, content, shape, data in zip(asked, contents, shapes, hashes, strict=True):
            bases = self.inventory.find_bases(want.path)
            delta = _match_files(shape, content.size, data, bases)
            if delta is not None and delta.copies:
                self._matches[want.index] = (delta, bases)
            else:
                self._whole.add(want.index)

    def _fetch_signatures(self, requests: Sequence[Request], shapes: Sequence[SignatureShape]) -> list[bytes]:
        kept = Kept()
        fetch_requests(self.repository.backend, requests, kept, lambda _: None)
        found = {piece.offset: data for piece, data in kept.items()}
        return [found[shape.offset] for shape in shapes]


def _match_files(shape: SignatureShape, size: int, hashes: bytes, bases: Sequence[LocalFile]) -> Delta | None:
    """Match a content against old files; None when one of them is gone, shortened or unreadable by now."""
    with ExitStack() as stack:
        try:
            streams = [stack.enter_context(basis.location.open("rb")) for basis in bases]
            return match(read_signature(shape, size, hashes), streams)
        except (OSError, BasisError):
            return None  # a basis only saves bytes, and what is damaged here is fetched whole
