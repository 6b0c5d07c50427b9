from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from catsync_core.errors import UsageError
from catsync_plugins._http_connect import ConnectError, explain
from catsync_plugins._http_early import EarlyConnection, connect_early
from catsync_plugins._http_transport import Transport
from catsync_plugins.backend_http import HttpBackend


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Counting(ThreadingHTTPServer):
    connections = 0

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        self.connections += 1
        return super().get_request()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Counting(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def place(server: Counting) -> str:
    return f"http://127.0.0.1:{server.server_port}/index.json"


def ask(transport: Transport, url: str) -> bytes:
    response = transport.request(url, {})
    data = response.read1(100)
    response.close()
    return data


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_the_first_request_takes_the_connection_over_and_keeps_it(server: Counting) -> None:
    early = connect_early(place(server))
    transport = Transport(2, early)
    assert [ask(transport, place(server)) for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1
    assert early is not None
    assert early.take("127.0.0.1", server.server_port) is None, "it belongs to somebody"
    transport.close()


def test_it_is_set_up_as_the_client_sets_up_its_own(server: Counting) -> None:
    transport = Transport(1, connect_early(place(server)))
    response = transport.request(place(server), {})
    assert response._connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    response.close()
    transport.close()


def test_another_server_is_not_given_it(server: Counting) -> None:
    early = EarlyConnection("127.0.0.1", free_port())
    transport = Transport(1, early)
    assert ask(transport, place(server)) == b"ok"
    assert early.take("localhost", server.server_port) is None
    transport.close()


def test_what_could_not_be_connected_is_told_in_the_ordinary_words() -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(ConnectError) as failure:
        Transport(1, connect_early(url)).request(url, {})
    assert explain(failure.value, "shop").message.startswith("No connection to shop: ")


def test_a_server_that_does_not_answer_is_waited_for_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def stay_silent(address: object, *_: object) -> socket.socket:
        calls.append(address)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", stay_silent)
    transport = Transport(1, EarlyConnection("192.0.2.1", 80))
    with pytest.raises(ConnectError) as failure:
        transport.request("http://192.0.2.1/", {})
    assert explain(failure.value, "shop").message == "No connection to shop within 10 seconds"
    assert calls == [(b"192.0.2.1", 80)]


def test_a_connection_that_nobody_took_is_closed(server: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    release, near_ends = threading.Event(), []

    def connect_slowly(*_: object) -> socket.socket:
        release.wait()
        near, far = socket.socketpair()
        near_ends.append((near, far))
        return near

    early = EarlyConnection("127.0.0.1", server.server_port)
    assert early.take("127.0.0.1", server.server_port - 1) is None
    early._thread.join()
    made = early._socket
    early.close()
    assert made is not None
    assert made.fileno() == -1
    monkeypatch.setattr(socket, "create_connection", connect_slowly)
    slow = EarlyConnection("127.0.0.1", server.server_port)
    slow.close()
    release.set()
    slow._thread.join()
    assert near_ends[0][0].fileno() == -1, "it was made when nobody wanted it any more"
    near_ends[0][1].close()


@pytest.mark.parametrize("url", ["http://b\u00fccher.example/", "http://host:99999/", "http:///nothing"])
def test_what_is_not_plain_is_left_to_the_client(url: str) -> None:
    assert connect_early(url) is None


def test_a_proxy_keeps_it_from_being_made(server: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    assert connect_early(place(server)) is None
    monkeypatch.setenv("http_proxy", "socks5://192.0.2.1")
    with pytest.raises(UsageError, match="cannot use"):
        connect_early(place(server))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    early = connect_early(place(server))
    assert early is not None
    early.close()


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the system's settings may name a proxy")
def test_no_http_is_loaded_to_find_that_there_is_no_proxy(server: Counting) -> None:
    program = f"""
import sys
from catsync_plugins._http_early import connect_early
connect_early({place(server)!r}).close()
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"http.client", "urllib.request", "urllib3"} & set(done.stdout.split())


def find_early(backend: HttpBackend) -> EarlyConnection:
    assert backend._transport is not None
    assert backend._transport._early is not None
    return backend._transport._early


def test_a_backend_that_is_prepared_has_connected_before_it_is_asked(server: Counting) -> None:
    backend = HttpBackend(place(server).removesuffix("/index.json"))
    backend.prepare()
    backend.prepare()
    early = find_early(backend)
    early._thread.join()
    assert early._socket is not None
    for _ in range(2):
        assert backend.get("index.json", max_length=10).body == b"ok"
    backend.prepare()
    backend.close()
    assert server.connections == 1


def test_a_backend_that_was_prepared_for_nothing_closes_its_connection(server: Counting) -> None:
    backend = HttpBackend(place(server).removesuffix("/index.json"))
    backend.prepare()
    early = find_early(backend)
    early._thread.join()
    made = early._socket
    backend.close()
    assert made is not None
    assert made.fileno() == -1
    backend.prepare()
    assert find_early(backend) is early
    assert early._socket is None


def test_a_proxy_that_cannot_be_used_is_told_when_something_is_asked(
    server: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://192.0.2.1")
    backend = HttpBackend(place(server).removesuffix("/index.json"))
    backend.prepare()
    with pytest.raises(UsageError, match="cannot use"):
        backend.get("index.json", max_length=10)


def test_a_process_that_has_loaded_nothing_yet_connects_early_and_once(server: Counting) -> None:
    program = f"""
import sys
from catsync_plugins import _http_early, backend_http
make, made = _http_early.connect_early, []
def note(url):
    made.append((url, "http.client" in sys.modules))
    return make(url)
_http_early.connect_early = note
for _ in range(2):
    backend = backend_http.HttpBackend({place(server).removesuffix("/index.json")!r})
    assert backend.get("index.json", max_length=10).body == b"ok"
    backend.close()
assert made == [({place(server).removesuffix("/index.json")!r}, False)], made
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert server.connections == 2, "one by each backend"
