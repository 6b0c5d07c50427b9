"""A backend around a backend: the base of everything that adds behaviour without being a backend itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from catsync_core.backends.protocol import Backend, Capabilities, ObjectInfo, Reply

__all__ = ["BackendWrapper", "ending", "find_layer"]

Layer = TypeVar("Layer")


class BackendWrapper:
    """Hands every call on unchanged; a child overrides what it adds to.

    Args:
        inner: The backend that does the work.
    """

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    @property
    def url(self) -> str:
        """As the inner backend's."""
        return self.inner.url

    @property
    def capabilities(self) -> Capabilities:
        """As the inner backend's."""
        return self.inner.capabilities

    @property
    def ignores_ranges(self) -> bool:
        """Whether the backend was seen to send whole objects when asked for ranges: then each is best read once."""
        return bool(getattr(self.inner, "ignores_ranges", False))

    def prepare(self) -> None:
        """Begin what the first request will need, such as to connect, and return at once; raises nothing.

        A backend need not have this method.
        """
        prepare = getattr(self.inner, "prepare", None)
        if prepare is not None:
            prepare()

    def get(self, key: str, *, max_length: int, known_etag: str | None = None) -> Reply:
        """See :meth:`Backend.get`."""
        return self.inner.get(key, max_length=max_length, known_etag=known_etag)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """See :meth:`Backend.read`."""
        return self.inner.read(key, offset, length)

    def put(self, key: str, source: bytes | Path) -> None:
        """See :meth:`Backend.put`."""
        self.inner.put(key, source)

    def swap(self, key: str, body: bytes, *, expected_etag: str | None) -> str:
        """See :meth:`Backend.swap`."""
        return self.inner.swap(key, body, expected_etag=expected_etag)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See :meth:`Backend.list`."""
        return self.inner.list(prefix)

    def delete(self, key: str) -> None:
        """See :meth:`Backend.delete`."""
        self.inner.delete(key)

    def close(self) -> None:
        """See :meth:`Backend.close`."""
        self.inner.close()


def find_layer(backend: Backend, kind: type[Layer]) -> Layer | None:
    """The outermost layer of that kind, or None; such as the :class:`MeteredBackend` inside an opened backend."""
    layer: Backend | None = backend
    while layer is not None:
        if isinstance(layer, kind):
            return layer
        layer = getattr(layer, "inner", None)
    return None


@contextmanager
def ending(pieces: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """End a stream with the block that reads it, finished or not, so that its connection is given back at once."""
    try:
        yield pieces
    finally:
        close = getattr(pieces, "close", None)  # a generator has it, another iterator may not
        if close is not None:
            close()
