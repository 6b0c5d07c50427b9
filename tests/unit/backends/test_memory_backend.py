from __future__ import annotations

import pytest

from catsync_core.backends.protocol import Backend
from catsync_core.errors import NoConnectionError
from catsync_core.testing.conformance import BackendConformance
from catsync_core.testing.faults import FaultyBackend
from catsync_core.testing.memory import MemoryBackend


class TestMemoryBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()

    def test_a_closed_one_is_out_of_reach(self) -> None:
        backend = MemoryBackend({"a": bytes(300)}, piece=100)
        pieces = backend.read("a", 0, 300)
        next(pieces)
        backend.close()
        with pytest.raises(NoConnectionError):
            next(pieces)
        with pytest.raises(NoConnectionError):
            backend.get("a", max_length=300)


class TestFaultyBackendWithoutFaults(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return FaultyBackend(MemoryBackend())
