"""What every backend must do, as pytest classes for the authors of backends.

A backend that can be written to needs one fixture::

    class TestMyBackend(BackendConformance):
        @pytest.fixture
        def backend(self):
            return MyBackend(...)  # empty

A read-only one inherits :class:`ReadConformance` and offers :data:`OBJECTS` through a fixture ``populated``.
"""

# ruff: noqa: S101, D102 - these are tests: assert is what they do, and their names say what they check
from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from catsync_core.backends.protocol import Backend
from catsync_core.errors import (
    ConflictError,
    IntegrityError,
    LimitError,
    MissingObjectError,
    UnsupportedError,
    UsageError,
)

__all__ = ["OBJECTS", "BackendConformance", "ReadConformance"]

LARGE = random.Random(1).randbytes(700_001)  # noqa: S311 - test data
OBJECTS = {
    "index.json": b'{"format": 1}',
    "heads/empty": b"",
    "packs/0123456789abcdef.pack": LARGE,
    "packs/small.pack": bytes(range(256)),
}
"""What a populated backend holds, by key."""
PACK = "packs/0123456789abcdef.pack"
BAD_KEYS = ["", "/index.json", "../index.json", "packs/../index.json", ".hidden", "a//b", "Big", "a b", "a\\b", "a\0"]


def read_all(backend: Backend, key: str, offset: int, length: int) -> bytes:
    """Read a range to its end."""
    return b"".join(backend.read(key, offset, length))


class ReadConformance:
    """Reading."""

    @pytest.fixture
    def populated(self) -> Backend:
        """A backend that holds :data:`OBJECTS`; to be overridden."""
        raise NotImplementedError

    @pytest.mark.parametrize("key", OBJECTS)
    def test_get_returns_the_object(self, populated: Backend, key: str) -> None:
        reply = populated.get(key, max_length=len(OBJECTS[key]))
        assert reply.body == OBJECTS[key]
        assert reply.modified

    def test_get_with_the_known_etag_returns_no_body(self, populated: Backend) -> None:
        etag = populated.get("index.json", max_length=1000).etag
        if etag is None:
            pytest.skip("this backend has no etags")
        reply = populated.get("index.json", max_length=1000, known_etag=etag)
        assert (reply.body, reply.etag, reply.modified) == (b"", etag, False)

    def test_get_with_another_etag_returns_the_object(self, populated: Backend) -> None:
        reply = populated.get("index.json", max_length=1000, known_etag='"other"')
        assert (reply.body, reply.modified) == (OBJECTS["index.json"], True)

    def test_get_refuses_what_is_too_long(self, populated: Backend) -> None:
        with pytest.raises(LimitError, match=r"index\.json"):
            populated.get("index.json", max_length=len(OBJECTS["index.json"]) - 1)

    @pytest.mark.parametrize("key", ["missing", "packs", "packs/missing.pack", "index.json/below"])
    def test_missing_objects_are_missing(self, populated: Backend, key: str) -> None:
        with pytest.raises(MissingObjectError, match=key):
            populated.get(key, max_length=1000)
        with pytest.raises(MissingObjectError, match=key):
            read_all(populated, key, 0, 1)

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_what_is_no_key_is_refused(self, populated: Backend, key: str) -> None:
        with pytest.raises(UsageError):
            populated.get(key, max_length=1000)
        with pytest.raises(UsageError):
            read_all(populated, key, 0, 1)

    @pytest.mark.parametrize(
        ("offset", "length"),
        [(0, 1), (0, len(LARGE)), (1, len(LARGE) - 1), (len(LARGE) - 1, 1), (65_536, 65_536), (99_999, 500_000)],
    )
    def test_read_returns_exactly_the_range(self, populated: Backend, offset: int, length: int) -> None:
        assert read_all(populated, PACK, offset, length) == LARGE[offset : offset + length]

    @pytest.mark.parametrize(("offset", "length"), [(0, 257), (250, 7), (256, 1), (10_000, 1)])
    def test_read_beyond_the_end_is_an_error(self, populated: Backend, offset: int, length: int) -> None:
        with pytest.raises(IntegrityError, match=r"small\.pack"):
            read_all(populated, "packs/small.pack", offset, length)

    def test_an_abandoned_read_leaves_the_backend_usable(self, populated: Backend) -> None:
        for _ in range(20):
            pieces = populated.read(PACK, 0, len(LARGE))
            assert LARGE.startswith(next(pieces))
            del pieces
        assert read_all(populated, PACK, 5, 10) == LARGE[5:15]

    def test_threads_read_at_the_same_time(self, populated: Backend) -> None:
        def read(start: int) -> bool:
            return read_all(populated, PACK, start, 50_000) == LARGE[start : start + 50_000]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(0, 640_000, 10_000)))

    def test_url_is_one(self, populated: Backend) -> None:
        assert "://" in populated.url

    def test_without_the_capability_changes_are_refused(self, populated: Backend) -> None:
        attempts: list[Callable[[], object]] = []
        if not populated.capabilities.write:
            attempts += [
                lambda: populated.put("packs/new", b"x"),
                lambda: populated.delete("index.json"),
            ]
        if not populated.capabilities.swap:
            attempts.append(lambda: populated.swap("index.json", b"x", expected_etag=None))
        for attempt in attempts:
            with pytest.raises(UnsupportedError) as caught:
                attempt()
            assert caught.value.hint
        assert populated.get("index.json", max_length=1000).body == OBJECTS["index.json"]

    def test_close_can_be_called_twice(self, populated: Backend) -> None:
        populated.get("index.json", max_length=1000)
        populated.close()
        populated.close()


class BackendConformance(ReadConformance):
    """Reading and writing."""

    @pytest.fixture
    def backend(self) -> Backend:
        """An empty backend; to be overridden."""
        raise NotImplementedError

    @pytest.fixture
    def populated(self, backend: Backend) -> Backend:
        """The backend, with :data:`OBJECTS` put into it."""
        for key, body in OBJECTS.items():
            backend.put(key, body)
        return backend

    def test_put_replaces(self, populated: Backend) -> None:
        before = populated.get("index.json", max_length=1000).etag
        populated.put("index.json", b"new")
        after = populated.get("index.json", max_length=1000)
        assert after.body == b"new"
        assert after.etag != before or before is None

    def test_put_takes_a_file(self, backend: Backend, tmp_path: Path) -> None:
        source = tmp_path / "Source File"
        source.write_bytes(LARGE)
        backend.put(PACK, source)
        assert read_all(backend, PACK, 0, len(LARGE)) == LARGE
        assert source.read_bytes() == LARGE

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_what_is_no_key_is_not_written(self, backend: Backend, key: str) -> None:
        with pytest.raises(UsageError):
            backend.put(key, b"x")
        with pytest.raises(UsageError):
            backend.delete(key)
        assert list(backend.list()) == []

    def test_list_finds_all_objects_with_their_lengths(self, populated: Backend) -> None:
        found = {info.key: info.length for info in populated.list()}
        assert found == {key: len(body) for key, body in OBJECTS.items()}
        assert all(info.modified > 1e9 for info in populated.list())

    @pytest.mark.parametrize("prefix", ["packs/", "packs", "packs/0", "pa", "index.json", "none", "packs/small.pack"])
    def test_list_heeds_the_prefix(self, populated: Backend, prefix: str) -> None:
        assert {info.key for info in populated.list(prefix)} == {key for key in OBJECTS if key.startswith(prefix)}

    def test_delete_removes(self, populated: Backend) -> None:
        populated.delete("packs/small.pack")
        with pytest.raises(MissingObjectError):
            populated.get("packs/small.pack", max_length=1000)
        populated.delete("packs/small.pack")
        populated.delete("never/was")
        assert len(list(populated.list())) == len(OBJECTS) - 1

    def test_swap_creates_only_what_is_not_there(self, backend: Backend) -> None:
        self.require_swap(backend)
        etag = backend.swap("index.json", b"one", expected_etag=None)
        assert backend.get("index.json", max_length=1000).etag == etag
        with pytest.raises(ConflictError):
            backend.swap("index.json", b"two", expected_etag=None)
        assert backend.get("index.json", max_length=1000).body == b"one"

    def test_swap_replaces_only_the_expected(self, backend: Backend) -> None:
        self.require_swap(backend)
        first = backend.swap("index.json", b"one", expected_etag=None)
        second = backend.swap("index.json", b"two", expected_etag=first)
        with pytest.raises(ConflictError):
            backend.swap("index.json", b"three", expected_etag=first)
        assert backend.get("index.json", max_length=1000).body == b"two"
        assert backend.get("index.json", max_length=1000).etag == second

    def test_swap_does_not_create_what_was_expected_to_be_there(self, backend: Backend) -> None:
        self.require_swap(backend)
        with pytest.raises(ConflictError):
            backend.swap("index.json", b"one", expected_etag='"gone"')
        assert list(backend.list()) == []

    def test_of_racing_swaps_one_wins(self, backend: Backend) -> None:
        self.require_swap(backend)
        backend.swap("index.json", b"0", expected_etag=None)

        def count_up(times: int) -> None:
            while times:
                reply = backend.get("index.json", max_length=1000)
                try:
                    backend.swap("index.json", b"%d" % (int(reply.body) + 1), expected_etag=reply.etag)
                except ConflictError:
                    continue
                times -= 1

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(count_up, [3] * 8))
        assert backend.get("index.json", max_length=1000).body == b"24"

    def require_swap(self, backend: Backend) -> None:
        """Skip the test when the backend cannot swap, as it says itself."""
        if not backend.capabilities.swap:
            pytest.skip("this backend cannot swap")
