"""What a job has used of a backend, and how fast that is."""

from __future__ import annotations

from catsync_core.backends.metering import MeteredBackend
from catsync_core.backends.wrapper import find_layer
from catsync_core.plan.requests import Link
from catsync_core.transfer.repository import Repository

__all__ = ["Usage", "measure_link"]


class Usage:
    """Bytes and requests over a backend since this object was made.

    Args:
        repository: Over whose backend.
    """

    def __init__(self, repository: Repository) -> None:
        self._meter = find_layer(repository.backend, MeteredBackend)
        self._requests = self._meter.requests if self._meter else 0
        self._bytes = self._meter.bytes_received if self._meter else 0

    @property
    def requests(self) -> int:
        """Requests since then."""
        return self._meter.requests - self._requests if self._meter else 0

    @property
    def bytes_received(self) -> int:
        """Bytes of bodies since then."""
        return self._meter.bytes_received - self._bytes if self._meter else 0


def measure_link(repository: Repository) -> Link:
    """Return what is known of the way to a repository."""
    connections = repository.backend.capabilities.connections
    meter = find_layer(repository.backend, MeteredBackend)
    return Link(meter.round_trip, meter.bandwidth, connections) if meter else Link(0.0, 1.0, connections)
