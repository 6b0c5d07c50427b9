"""Whatever lies in the store's files: a typed error or the truth, never anything else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from catsync_core.format.objects import ObjectRef
from catsync_core.store.layout import CatalogStore
from catsync_core.store.pointer import Installed, read_pointer, write_pointer
from catsync_core.store.records import VersionRecord
from catsync_core.store.spool import Spool, bytes_kept

PACK = "a" * 64


@contextmanager
def new_store() -> Iterator[CatalogStore]:
    with tempfile.TemporaryDirectory() as home:
        store = CatalogStore(Path(home), "shoes")
        store.prepare()
        yield store


@settings(deadline=None)  # files are written, and another process may hold up the disk
@given(st.binary(max_size=400))
def test_any_journal_is_read(data: bytes) -> None:
    with new_store() as store:
        folder = store.root / ".catsync/spool"
        folder.mkdir()
        (folder / f"{PACK}.done").write_bytes(data)
        spool = Spool(store)
        assert bytes_kept(store) >= 0
        spool.add(PACK, 3, b"frame")
        assert Spool(store).read(PACK, 3, 5) == b"frame"


@settings(deadline=None)  # files are written, and another process may hold up the disk
@given(st.integers(0, 399), st.integers(0, 255), st.integers(0, 400))
def test_a_spoilt_pointer_is_noticed(at: int, byte: int, cut: int) -> None:
    with new_store() as store:
        record = VersionRecord(3, ObjectRef.of(b"manifest"), ObjectRef.of(b"head"), 1, 2)
        installed = Installed.after(record, record)
        store.version_path(3).mkdir()
        write_pointer(store, installed)
        path = store.root / ".catsync/current"
        whole = path.read_bytes()
        spoilt = bytearray(whole)
        if at < len(spoilt):
            spoilt[at] = byte
        path.write_bytes(spoilt[: max(cut, 1) if cut < 400 else None])
        found = read_pointer(store)
        assert found in (installed, None)
        if path.read_bytes() == whole:
            assert found == installed


class SpoolMachine(RuleBasedStateMachine):
    """The spool against a dictionary, reopened at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.store = CatalogStore(Path(self.home.name), "shoes")
        self.store.prepare()
        self.spool = Spool(self.store)
        self.frames: dict[tuple[str, int], bytes] = {}

    packs = st.sampled_from([PACK, "b" * 64])
    slots = st.integers(0, 5)

    @rule(pack=packs, slot=slots, data=st.binary(min_size=1, max_size=100))
    def add(self, pack: str, slot: int, data: bytes) -> None:
        self.spool.add(pack, slot * 100, data)
        self.frames[pack, slot * 100] = data

    @rule(pack=packs, slot=slots)
    def forget(self, pack: str, slot: int) -> None:
        data = self.frames.pop((pack, slot * 100), b"")
        self.spool.forget(pack, slot * 100, len(data))

    @rule(pack=packs)
    def trim(self, pack: str) -> None:
        self.spool.trim({pack})
        self.frames = {place: data for place, data in self.frames.items() if place[0] == pack}

    @rule()
    def reopen(self) -> None:
        self.spool = Spool(self.store)

    @invariant()
    def holds_the_same(self) -> None:
        assert bytes_kept(self.store) == sum(map(len, self.frames.values()))
        for (pack, offset), data in self.frames.items():
            assert self.spool.read(pack, offset, len(data)) == data

    def teardown(self) -> None:
        self.home.cleanup()


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)
