from __future__ import annotations

import msgspec
import pytest

from catsync_core.errors import FormatError
from catsync_core.format.index import CatalogSummary, Index, write_index
from catsync_core.format.objects import INDEX_KEY, ObjectRef
from catsync_core.limits import LIMITS
from catsync_core.publish import commit
from catsync_core.publish.publisher import Publisher
from catsync_core.testing.faults import FaultyBackend
from catsync_core.testing.memory import MemoryBackend
from catsync_core.transfer.repository import Repository
from unit.publish.conftest import Write


@pytest.fixture
def backend() -> FaultyBackend:
    backend = FaultyBackend(MemoryBackend())
    Publisher(backend).init()
    return backend


def read_index(backend: FaultyBackend) -> Index:
    index = Repository(backend).index().index
    assert index is not None
    backend.calls.clear()
    return index


def asked(backend: FaultyBackend) -> list[str]:
    return [key.partition("/")[0] for _, key in backend.calls]


def test_the_newest_head_is_read_from_the_index(backend: FaultyBackend, write: Write) -> None:
    Publisher(backend).publish(write({"a.json": b"one"}), "shoes", note='with "quotes" and ümlauts')
    summary = read_index(backend).catalogs["shoes"]
    head = Repository(backend).newest("shoes", summary)
    assert asked(backend) == []
    assert head == Repository(backend).head(summary.head, "shoes", 1)
    assert head.note == 'with "quotes" and ümlauts'


@pytest.mark.parametrize("text", ["", "{}", "no head at all"])
def test_a_text_that_is_not_the_head_is_not_used(backend: FaultyBackend, write: Write, text: str) -> None:
    Publisher(backend).publish(write({"a.json": b"one"}), "shoes")
    summary = msgspec.structs.replace(read_index(backend).catalogs["shoes"], text=text)
    assert Repository(backend).newest("shoes", summary).version == 1
    assert asked(backend) == ["heads"]


def test_a_text_of_another_catalog_is_refused(backend: FaultyBackend, write: Write) -> None:
    Publisher(backend).publish(write({"a.json": b"one"}), "shoes")
    summary = read_index(backend).catalogs["shoes"]
    with pytest.raises(FormatError, match="is of shoes"):
        Repository(backend).newest("hats", summary)


def test_the_heads_that_were_published_last_stay(
    backend: FaultyBackend, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogs = ["a", "b", "c", "d"]
    for number, catalog in enumerate(catalogs):
        monkeypatch.setattr("catsync_core.publish.publisher.time.time", lambda number=number: 1_000_000_000 + number)
        Publisher(backend).publish(write({"a.json": b"one"}), catalog)
    room = len(read_index(backend).catalogs["a"].text) * 5 // 2
    monkeypatch.setattr(commit, "LIMITS", msgspec.structs.replace(LIMITS, head_texts=room))
    Publisher(backend).publish(write({"a.json": b"two"}), "0")
    index = read_index(backend)
    assert {catalog for catalog, summary in index.catalogs.items() if summary.text} == {"0", "d"}
    monkeypatch.setattr(commit, "LIMITS", msgspec.structs.replace(LIMITS, head_texts=10))
    Publisher(backend).publish(write({"a.json": b"three"}), "0")
    index = read_index(backend)
    assert not any(summary.text for summary in index.catalogs.values())
    for catalog in catalogs:
        assert Repository(backend).newest(catalog, index.catalogs[catalog]).catalog == catalog


def test_an_index_without_texts_is_no_conflict(backend: FaultyBackend, write: Write) -> None:
    """Another publisher may have dropped the text of this catalog meanwhile, to make room for its own."""
    Publisher(backend).publish(write({"a.json": b"one"}), "shoes")
    reply = backend.get(INDEX_KEY, max_length=LIMITS.index_length)
    index = read_index(backend)
    summary = index.catalogs["shoes"]
    bare = msgspec.structs.replace(index, catalogs={"shoes": msgspec.structs.replace(summary, text="")})
    backend.swap(INDEX_KEY, write_index(bare), expected_etag=reply.etag)
    new = CatalogSummary("Shoes", 2, summary.published, 1, 1, ObjectRef.of(b"head"), "")
    assert commit.swap_head(Repository(backend), "shoes", new, summary).catalogs["shoes"] == new
