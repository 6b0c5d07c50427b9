"""Fixtures for pytest, there as soon as catsync is installed.

Nothing is imported before a test asks for it, because this module loads with every pytest run in the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from catsync_core.testing.faults import FaultyBackend, FaultyServer
    from catsync_core.testing.memory import MemoryBackend

__all__ = ["faulty_backend", "faulty_server", "memory_backend"]

pytest.register_assert_rewrite("catsync_core.testing.conformance")


@pytest.fixture
def memory_backend() -> MemoryBackend:
    """An empty backend in memory."""
    from catsync_core.testing.memory import MemoryBackend  # noqa: PLC0415 - see the module

    return MemoryBackend()


@pytest.fixture
def faulty_backend(memory_backend: MemoryBackend) -> FaultyBackend:
    """The backend in memory, with a plan of faults around it."""
    from catsync_core.testing.faults import FaultyBackend  # noqa: PLC0415 - see the module

    return FaultyBackend(memory_backend)


@pytest.fixture
def faulty_server() -> Iterator[Callable[[Path], FaultyServer]]:
    """Starts web servers for directories, with a plan of faults each; they stop with the test."""
    from catsync_core.testing.faults import FaultyServer  # noqa: PLC0415 - see the module

    with ExitStack() as servers:
        yield lambda directory: servers.enter_context(FaultyServer(directory))
