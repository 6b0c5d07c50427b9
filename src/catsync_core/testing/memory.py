"""A backend in memory: the whole protocol and nothing around it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from catsync_core.backends.protocol import Capabilities, ObjectInfo, Reply, check_key
from catsync_core.errors import ConflictError, IntegrityError, LimitError, MissingObjectError, NoConnectionError

__all__ = ["MemoryBackend"]


class MemoryBackend:
    """Holds its objects in a dictionary. Thread-safe.

    Args:
        objects: What it holds at first.
        piece: Bytes per piece of a stream.
    """

    def __init__(self, objects: dict[str, bytes] | None = None, *, piece: int = 64 * 1024) -> None:
        self.objects = dict(objects or {})
        self.url = "memory://test"
        self.capabilities = Capabilities(write=True, swap=True)
        self._piece = piece
        self._changed: dict[str, float] = {}
        self._lock = threading.Lock()
        self._closed = False

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """See :meth:`Backend.get`."""
        body = self._body(key)
        if len(body) > max_length:
            raise LimitError(f"{key} has {len(body)} bytes, more than the {max_length} allowed")
        etag = _etag(body)
        return Reply(b"", etag, modified=False) if etag == known_etag else Reply(body, etag)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """See :meth:`Backend.read`."""
        body = self._body(key)[offset : offset + length]
        for start in range(0, len(body), self._piece):
            if self._closed:
                raise NoConnectionError(f"{self.url} was closed")
            yield body[start : start + self._piece]
        if len(body) < length:
            raise IntegrityError(f"{key} ends {length - len(body)} bytes before byte {offset + length}")

    def put(self, key: str, source: bytes | Path) -> None:
        """See :meth:`Backend.put`."""
        body = source if isinstance(source, bytes) else source.read_bytes()
        with self._lock:
            self._store(key, body)

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        """See :meth:`Backend.swap`."""
        with self._lock:
            current = self.objects.get(check_key(key))
            if (None if current is None else _etag(current)) != expected_etag:
                raise ConflictError(f"{key} was changed by someone else")
            self._store(key, body)
        return _etag(body)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See :meth:`Backend.list`."""
        with self._lock:
            found = [(key, len(body)) for key, body in self.objects.items() if key.startswith(prefix)]
        for key, length in found:
            yield ObjectInfo(key, length, self._changed.get(key, 0.0))

    def delete(self, key: str) -> None:
        """See :meth:`Backend.delete`."""
        with self._lock:
            self.objects.pop(check_key(key), None)

    def close(self) -> None:
        """See :meth:`Backend.close`."""
        self._closed = True

    def _body(self, key: str) -> bytes:
        if self._closed:
            raise NoConnectionError(f"{self.url} was closed")
        try:
            return self.objects[check_key(key)]
        except KeyError:
            raise MissingObjectError(f"There is no {key} at {self.url}") from None

    def _store(self, key: str, body: bytes) -> None:
        self.objects[check_key(key)] = body
        self._changed[key] = time.time()


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
