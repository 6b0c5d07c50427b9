from __future__ import annotations

import threading
from pathlib import Path

import pytest

from catsync_core.errors import LocalError, NotFoundError, UsageError
from catsync_core.store.layout import CatalogStore
from catsync_core.store.spool import Spool, bytes_kept

ONE, TWO = "1" * 64, "2" * 64


def test_frames_survive(store: CatalogStore) -> None:
    spool = Spool(store)
    spool.add(ONE, 1_000_000, b"far")
    spool.add(ONE, 0, b"near")
    spool.add(TWO, 5, bytearray(b"other"))
    for kept in (spool, Spool(store)):
        assert kept.has(ONE, 0, 4)
        assert not kept.has(ONE, 0, 3)
        assert not kept.has(ONE, 1, 3)
        assert not kept.has("3" * 64, 0, 4)
        assert kept.read(ONE, 1_000_000, 3) == b"far"
        assert kept.read(ONE, 0, 4) == b"near"
        assert kept.read(TWO, 5, 5) == b"other"
        assert bytes_kept(store) == 12


def test_what_is_not_kept_is_not_read(store: CatalogStore) -> None:
    spool = Spool(store)
    spool.add(ONE, 0, b"near")
    for offset, length in ((0, 3), (4, 4)):
        with pytest.raises(NotFoundError, match="is not kept"):
            spool.read(ONE, offset, length)
    part = store.root / f".catsync/spool/{ONE}.part"
    part.write_bytes(b"ne")  # a power cut lost the rest
    with pytest.raises(NotFoundError, match="is not kept"):
        spool.read(ONE, 0, 4)


def test_a_damaged_frame_is_forgotten_and_kept_again(store: CatalogStore) -> None:
    spool = Spool(store)
    spool.add(ONE, 0, b"bad!")
    spool.add(ONE, 4, b"good")
    spool.forget(ONE, 0, 4)
    spool.forget(ONE, 0, 4)
    for kept in (spool, Spool(store)):
        assert not kept.has(ONE, 0, 4)
        assert bytes_kept(store) == 4
    spool.add(ONE, 0, b"fine")
    assert Spool(store).read(ONE, 0, 4) == b"fine"


def test_counting_what_is_kept_changes_nothing_for_whoever_writes(store: CatalogStore) -> None:
    Spool(store).add(ONE, 0, b"frame")
    done = store.root / f".catsync/spool/{ONE}.done"
    torn = done.read_bytes() + b"half a record"
    done.write_bytes(torn)
    assert bytes_kept(store) == 5
    assert done.read_bytes() == torn


def test_a_torn_journal_loses_only_its_end(store: CatalogStore) -> None:
    spool = Spool(store)
    for number in range(5):
        spool.add(ONE, number * 10, b"frame")
    done = store.root / f".catsync/spool/{ONE}.done"
    whole = done.read_bytes()
    assert len(whole) == 100
    for cut in range(101):
        done.write_bytes(whole[:cut])
        torn = Spool(store)
        assert [torn.has(ONE, number * 10, 5) for number in range(5)] == [
            cut >= 20 * (number + 1) for number in range(5)
        ]
        torn.add(ONE, 500, b"after")  # stands in line with the records before it
        assert Spool(store).has(ONE, 500, 5)
        assert Spool(store).has(ONE, 0, 5) == (cut >= 20)


def test_packs_are_trimmed_and_cleared(store: CatalogStore) -> None:
    spool = Spool(store)
    spool.add(ONE, 0, b"one")
    spool.add(TWO, 0, b"two!")
    spool.trim({TWO})
    assert not spool.has(ONE, 0, 3)
    assert bytes_kept(store) == 4
    spool.clear()
    assert bytes_kept(store) == 0
    assert list((store.root / ".catsync/spool").iterdir()) == []


def test_a_sparse_file_takes_no_more_than_its_frames(store: CatalogStore) -> None:
    Spool(store).add(ONE, 1 << 32, b"x")
    found = (store.root / f".catsync/spool/{ONE}.part").stat()
    assert found.st_size == (1 << 32) + 1
    if found.st_blocks * 512 > 1 << 20:
        pytest.skip("this file system has no sparse files")


def test_only_packs_can_be_named(store: CatalogStore) -> None:
    for name in ("../../x", "", "A" * 64):
        with pytest.raises(UsageError):
            Spool(store).add(name, 0, b"")


def test_a_planted_link_is_refused(store: CatalogStore) -> None:
    victim = store.home / "victim"
    victim.write_text("untouched")
    (store.root / ".catsync/spool").mkdir()
    (store.root / f".catsync/spool/{ONE}.part").symlink_to(victim)
    with pytest.raises(LocalError, match="Could not write"):
        Spool(store).add(ONE, 0, b"evil")
    assert victim.read_text() == "untouched"


def test_many_threads_add(store: CatalogStore) -> None:
    spool = Spool(store)

    def work(part: int) -> None:
        for number in range(50):
            spool.add(ONE, (part * 50 + number) * 8, b"%08d" % (part * 50 + number))

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Spool(store)
    assert all(again.read(ONE, number * 8, 8) == b"%08d" % number for number in range(200))


def test_few_files_stay_open_and_none_after_closing(store: CatalogStore) -> None:
    def count() -> int:
        return sum(1 for _ in Path("/dev/fd").iterdir())

    spool = Spool(store)
    spool.add(ONE, 0, b"frame")
    spool.close()
    before = count()
    for number in range(30):
        spool.add(f"{number:064}", 0, b"frame")
    assert count() <= before + 16
    assert all(spool.read(f"{number:064}", 0, 5) == b"frame" for number in range(30))
    spool.close()
    assert count() == before
    assert spool.read(f"{29:064}", 0, 5) == b"frame"
