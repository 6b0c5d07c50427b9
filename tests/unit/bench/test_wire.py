from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
from bench._traffic import Traffic
from bench._wire import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

GET = b"GET /a HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9\r\n\r\n"


def read_all(end: socket.socket) -> bytes:
    return b"".join(iter(lambda: end.recv(1 << 16), b""))


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers each connection with two bytes for every one it got, after the client's end."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(read_all(connection) * 2)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def ask(port: int, message: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        return read_all(client)


def test_relay_passes_everything_on_and_counts_both_directions(echo: int) -> None:
    with Relay(echo, http=False) as relay:
        message = bytes(range(256)) * 4096
        assert ask(relay.port, message) == message * 2
        assert relay.take() == Traffic(sent=1 << 20, received=2 << 20, connections=1)


def test_take_starts_a_new_count(echo: int) -> None:
    with Relay(echo, http=True) as relay:
        ask(relay.port, GET + GET)
        ask(relay.port, GET)
        assert relay.take() == Traffic(3 * len(GET), 6 * len(GET), requests=3, connections=2)
        assert relay.take() == Traffic()


def test_connections_at_the_same_time_are_all_counted(echo: int) -> None:
    with Relay(echo, http=True) as relay:
        clients = [threading.Thread(target=ask, args=(relay.port, GET)) for _ in range(16)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert relay.take() == Traffic(16 * len(GET), 32 * len(GET), requests=16, connections=16)


def test_take_does_not_return_a_count_that_may_still_grow(echo: int) -> None:
    with Relay(echo, http=False) as relay, socket.create_connection(("127.0.0.1", relay.port)) as client:
        client.sendall(b"x")
        with pytest.raises(TimeoutError, match="1 connections"):
            relay.take(timeout=0.2)


def test_a_client_that_leaves_early_is_no_error(echo: int) -> None:
    with Relay(echo, http=False) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as client:
            client.sendall(b"x" * 100)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # close with a reset
        traffic = relay.take()
        assert traffic.connections == 1
        assert traffic.sent in {0, 100}  # the reset may overtake the bytes


def test_a_server_that_is_gone_closes_the_client(echo: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Relay(port, http=False) as relay:
        assert ask(relay.port, b"") == b""
        assert relay.take() == Traffic(connections=1)
