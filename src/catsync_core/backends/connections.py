"""A TCP server with a thread for each connection and a bound on their number, and an end to all of them at once."""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import threading
from typing import Any

__all__ = ["BoundedServer"]


class BoundedServer(socketserver.ThreadingTCPServer):
    """Accepts connections until there are as many as it may have; a further one is closed at once.

    Args:
        address: Host and port to listen at.
        handler: Answers what comes over a connection.
        most: Connections at a time.

    Raises:
        OSError: the address cannot be listened at.
    """

    allow_reuse_address = os.name != "nt"  # on Windows it would let two servers share a port
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler], most: int) -> None:
        self.most = most
        self._open: set[socket.socket] = set()
        self._guarding = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Answer a connection in a thread of its own, or close it."""
        with self._guarding:
            full = len(self._open) >= self.most
            if not full:
                self._open.add(request)
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in the base class
        """End a connection, which then counts no longer."""
        with self._guarding:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Take a broken connection for the client's matter; anything else is a bug, which the base class prints."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Stop listening, and cut all connections."""
        with self._guarding:
            connections = tuple(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has just ended by itself
                continue
        super().server_close()
