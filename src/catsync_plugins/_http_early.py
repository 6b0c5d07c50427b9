"""A connection that is made while the HTTP client is still being loaded.

A command's first request has to load Python's HTTP client, which is work, and to look up the server's name and to shake
hands with it, which is waiting. So the latter is begun first, and the client takes the connection over.
"""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

from catsync_plugins._http_proxy import find_proxy

__all__ = ["CONNECT_SECONDS", "PORTS", "EarlyConnection", "connect_early"]

CONNECT_SECONDS = 10.0
PORTS = {"http": 80, "https": 443}


class EarlyConnection:
    """One TCP connection, made by a thread of its own. Thread-safe.

    Args:
        host: Name or address.
        port: Of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._lock = threading.Lock()
        self._over = False
        self._socket: socket.socket | None = None
        self._late = False
        self._thread = threading.Thread(target=self._connect, name="catsync-http-early", daemon=True)
        self._thread.start()

    def take(self, host: str, port: int) -> socket.socket | None:
        """Wait until the connection is made, and hand it over to whom it belongs from now on.

        Args:
            host: Where it must lead.
            port: Likewise.

        Returns:
            None where it does not lead there, could not be made, or has been taken.

        Raises:
            TimeoutError: (remote) the server did not answer in time, and would not if asked once more.
        """
        if (host, port) != self._address:
            return None
        self._thread.join()
        with self._lock:
            found, self._socket = self._socket, None
            late, self._late = self._late, False
        if late:
            raise TimeoutError(f"no answer within {CONNECT_SECONDS:.0f} seconds")
        return found

    def close(self) -> None:
        """Close the connection unless it has been taken; does not wait for it."""
        with self._lock:
            self._over = True
            found, self._socket = self._socket, None
        if found is not None:
            found.close()

    def _connect(self) -> None:
        try:
            host, port = self._address
            # As bytes: of text, Python would first see whether it must be encoded, and load what that takes.
            made = socket.create_connection((host.encode(), port), CONNECT_SECONDS)  # type: ignore[arg-type]  # it takes either
        except TimeoutError:
            self._late = True
            return
        except OSError:
            return  # whoever wanted it connects in the ordinary way, which finds the words for what is wrong
        with self._lock:
            if not self._over:
                self._socket = made
                return
        made.close()


def connect_early(url: str) -> EarlyConnection | None:
    """Begin to connect to the server of a URL; None where a proxy is on the way, or its name is not plain ASCII.

    Raises:
        UsageError: (local) a proxy is set that cannot be used.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except ValueError:
        return None  # that is no port, as will be told when it is needed
    if not host or not host.isascii() or find_proxy(parts):
        return None
    return EarlyConnection(host, port)
