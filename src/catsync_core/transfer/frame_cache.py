"""Keeps the decoded frames that were used last, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Decoded", "FrameCache"]

Key = tuple[str, int]
Decoded = bytes | bytearray

_Data = TypeVar("_Data", bytes, Decoded)

_CAPACITY = 16 << 20


class FrameCache(Generic[_Data]):
    """Decoded frames by pack and offset; the least recently used go first. Thread-safe.

    Args:
        capacity: Bytes to keep, by default 16 MiB; the newest frame stays even when it alone is larger.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self._capacity = _CAPACITY if capacity is None else capacity
        self._frames: OrderedDict[Key, _Data] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def __contains__(self, key: Key) -> bool:
        return key in self._frames

    def get(self, key: Key) -> _Data | None:
        """Return a frame that is kept."""
        with self._lock:
            data = self._frames.get(key)
            if data is not None:
                self._frames.move_to_end(key)
            return data

    def drop(self, key: Key) -> None:
        """Forget a frame, if it is kept."""
        with self._lock:
            self._forget(key)

    def put(self, key: Key, data: _Data) -> None:
        """Keep a frame."""
        with self._lock:
            self._forget(key)  # another thread may have fetched it too
            self._frames[key] = data
            self._size += len(data)
            while self._size > self._capacity and len(self._frames) > 1:
                _, dropped = self._frames.popitem(last=False)
                self._size -= len(dropped)

    def _forget(self, key: Key) -> None:
        data = self._frames.pop(key, None)
        if data is not None:
            self._size -= len(data)
