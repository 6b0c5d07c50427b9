"""The ``http`` backend over TLS."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from catsync_core.errors import CatsyncError, NoConnectionError, RemoteError
from catsync_core.testing.faults import FaultyServer, Stall, Truncate
from catsync_plugins.backend_http import HttpBackend


def https(server: FaultyServer, host: str = "localhost") -> HttpBackend:
    return HttpBackend(f"https://{host}:{urlsplit(server.url).port}")


def read(backend: HttpBackend) -> bytes:
    try:
        return b"".join(backend.read("a.pack", 10, 100))
    finally:
        backend.close()


def test_the_systems_certificates_are_trusted(tls_server: FaultyServer) -> None:
    assert read(https(tls_server)) == bytes(range(10, 110))


def test_an_unknown_certificate_is_refused_for_good(tls_server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(RemoteError, match="no valid certificate: self-signed") as caught:
        read(https(tls_server))
    assert not caught.value.retryable
    assert "clock" in caught.value.hint
    assert tls_server.requests == 0


def test_a_certificate_for_another_name_is_refused(tls_server: FaultyServer) -> None:
    with pytest.raises(RemoteError, match=r"no valid certificate: .*127") as caught:
        read(https(tls_server, "127.0.0.1"))
    assert not caught.value.retryable
    assert tls_server.requests == 0


def test_a_server_that_speaks_no_tls_is_said_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(RemoteError, match="No secure connection") as caught:
            read(HttpBackend(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert not caught.value.retryable


def test_a_handshake_that_is_cut_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(10_000)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(NoConnectionError) as caught:
            read(HttpBackend(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert caught.value.retryable


def test_a_body_that_is_cut_is_noticed(tls_server: FaultyServer) -> None:
    tls_server.plan.add(Truncate(after=50))
    with pytest.raises(NoConnectionError, match="broke off"):
        read(https(tls_server))


@pytest.mark.parametrize("after", [0, 10])
def test_close_ends_running_reads(tls_server: FaultyServer, after: int) -> None:
    fault = Stall(after=after)
    tls_server.plan.add(fault)
    backend = https(tls_server)
    errors: list[CatsyncError] = []

    def wait() -> None:
        try:
            list(backend.read("a.pack", 0, 256))
        except CatsyncError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not tls_server.requests:
        time.sleep(0.001)
    time.sleep(0.05)  # until the answer's first bytes, if any, are read
    backend.close()
    thread.join(5)
    assert not thread.is_alive()
    assert [type(error) for error in errors] == [NoConnectionError]
    assert "closed" in str(errors[0])
    fault.release.set()
