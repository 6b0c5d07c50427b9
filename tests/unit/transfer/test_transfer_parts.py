from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from catsync_core.format.frames import Codec, compress, seal
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame
from catsync_core.plan.model import FramePart, LocalPart, Part, PatchPart, RawPart
from catsync_core.store.layout import CatalogStore
from catsync_core.store.spool import Spool
from catsync_core.transfer import parts
from catsync_core.transfer.parts import PartSource, _count_workers
from catsync_core.transfer.repository import decode_frame

OBJECT = ObjectRef("0" * 64, 1)
OF_PACK = FramePart(OBJECT, None, 0, 1)  # type: ignore[arg-type]  # its kind alone counts here
OF_PATCH = PatchPart(OBJECT, None, None, 0, 1)  # type: ignore[arg-type]  # likewise
PATIENCE = 10  # seconds, where a failing test would wait for ever


@pytest.mark.parametrize(("cores", "of_pack", "of_patch"), [(None, 1, 2), (1, 1, 2), (2, 1, 2), (3, 2, 2), (16, 2, 2)])
def test_a_core_is_left_to_who_hashes_and_writes(
    cores: int | None, of_pack: int, of_patch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert _count_workers([]) == _count_workers([OF_PACK]) == of_pack
    assert _count_workers([OF_PACK, OF_PATCH]) == of_patch


class Pack:
    """A pack whose frames are in a spool."""

    def __init__(self, spool: Spool, texts: list[bytes]) -> None:
        self.texts = texts
        self.parts: list[FramePart] = []
        offset = 0
        for text in texts:
            stored = compress(text, 3, checksum=False)
            spool.add(OBJECT.sha256, offset, stored)
            frame = Frame(offset, len(stored), Codec.ZSTD, ((0, len(text)),), seal(stored))
            self.parts.append(FramePart(OBJECT, frame, 0, len(text)))
            offset += len(stored)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    store = CatalogStore(tmp_path / "home", "shoes")
    store.prepare()
    return Spool(store)


@pytest.fixture
def pack(spool: Spool) -> Pack:
    random = Random(1)
    return Pack(spool, [random.randbytes(500).hex().encode() for _ in range(40)])


@pytest.fixture
def decoded_on(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """Return the names of the threads that decoded a frame, by its offset."""
    found: dict[int, list[str]] = {}
    decode = decode_frame

    def note(frame: Frame, stored: bytes, what: str) -> bytes:
        found.setdefault(frame.offset, []).append(threading.current_thread().name)
        return decode(frame, stored, what)

    monkeypatch.setattr(parts, "decode_frame", note)
    return found


def read(source: PartSource, part: Part) -> bytes:
    return b"".join(source.read(part))


def test_frames_are_decoded_ahead_and_once(spool: Spool, pack: Pack, decoded_on: dict[int, list[str]]) -> None:
    with closing(PartSource(spool, [*pack.parts, *pack.parts])) as source:
        assert [read(source, part) for part in pack.parts for _ in range(2)] == [
            text for text in pack.texts for _ in range(2)
        ]
    assert [len(names) for names in decoded_on.values()] == [1] * len(pack.parts)
    assert any(name.startswith("catsync-decode") for names in decoded_on.values() for name in names)


def test_who_reads_decodes_while_the_other_threads_are_lent(
    spool: Spool, pack: Pack, decoded_on: dict[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    release = threading.Event()
    with closing(PartSource(spool, pack.parts)) as source:
        lent = source.lend(lambda: None if release.wait(PATIENCE) else pytest.fail("was waited for"))
        assert [read(source, part) for part in pack.parts] == pack.texts
        release.set()
        lent.result()
    here = threading.current_thread().name
    assert list(decoded_on.values()) == [[here]] * len(pack.parts)


def test_several_threads_read_frames_in_any_order(spool: Spool, pack: Pack) -> None:
    wrong: list[int] = []

    def work(seed: int) -> None:
        order = list(range(len(pack.parts)))
        Random(seed).shuffle(order)
        wrong.extend(index for index in order if read(source, pack.parts[index]) != pack.texts[index])

    with closing(PartSource(spool, [part for part in pack.parts for _ in range(4)])) as source:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not source._ahead
        assert source._ahead_bytes == 0
    assert not wrong


def test_what_another_thread_has_read_is_not_decoded_ahead(
    spool: Spool, pack: Pack, decoded_on: dict[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_AHEAD", 0)
    with closing(PartSource(spool, pack.parts)) as source:
        assert read(source, pack.parts[5]) == pack.texts[5]
        monkeypatch.setattr(parts, "_AHEAD", 8 << 20)
        assert read(source, pack.parts[0]) == pack.texts[0]
    assert len(decoded_on[pack.parts[5].frame.offset]) == 1


def test_patches_are_not_at_hand_for_another_thread(spool: Spool, pack: Pack) -> None:
    local, raw = LocalPart("file", 0, 1), RawPart(OBJECT, 0, 1)
    with closing(PartSource(spool, [])) as source:
        assert source.is_at_hand([local, raw, *pack.parts])
        assert not source.is_at_hand([local, OF_PATCH])
