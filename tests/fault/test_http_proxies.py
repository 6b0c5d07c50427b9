"""The ``http`` backend through proxies that the environment names."""

from __future__ import annotations

import http.server
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from catsync_core.errors import AuthorisationError, NoConnectionError, UsageError
from catsync_core.testing.faults import FaultyServer
from catsync_plugins.backend_http import HttpBackend

CERTIFICATE = Path(__file__).parent / "localhost.pem"

StartServer = Callable[[Path], FaultyServer]


class Proxy(http.server.ThreadingHTTPServer):
    """A forward proxy as small as can be; it notes what it is asked for."""

    daemon_threads = True

    def __init__(self, login: str = "") -> None:
        self.login = login
        self.asked: list[str] = []
        self.target: tuple[str, int] | None = None
        super().__init__(("127.0.0.1", 0), ProxyHandler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def admit(self) -> bool:
        self.server.asked.append(f"{self.command} {self.path}")
        if self.server.login and self.headers["Proxy-Authorization"] != self.server.login:
            self.send_response_only(407)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        return True

    def do_GET(self) -> None:
        if not self.admit():
            return
        parts = urlsplit(self.path)
        upstream = HTTPConnection(*(self.server.target or (parts.hostname or "", parts.port or 80)))
        fields = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        upstream.request("GET", parts.path, headers=fields)
        answer = upstream.getresponse()
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        upstream.close()

    def do_CONNECT(self) -> None:
        if not self.admit():
            return
        with socket.create_connection(self.server.target or ("127.0.0.1", 9)) as upstream:
            self.send_response_only(200)
            self.end_headers()
            ends = [self.connection, upstream]
            while True:
                for end in select.select(ends, [], [], 5)[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    (upstream if end is self.connection else self.connection).sendall(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Print nothing."""


@pytest.fixture
def start_proxy() -> Iterator[Callable[[str], Proxy]]:
    started: list[Proxy] = []

    def start(login: str = "") -> Proxy:
        proxy = Proxy(login)
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.shutdown()
        proxy.server_close()


@pytest.fixture
def server(tmp_path: Path, faulty_server: StartServer) -> FaultyServer:
    (tmp_path / "a.pack").write_bytes(bytes(range(256)))
    return faulty_server(tmp_path)


def read(url: str) -> bytes:
    backend = HttpBackend(url)
    try:
        return b"".join(backend.read("a.pack", 10, 100))
    finally:
        backend.close()


def port_of(server: FaultyServer) -> int:
    return urlsplit(server.url).port or 0


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_environment_names_the_proxy(
    server: FaultyServer,
    start_proxy: Callable[[], Proxy],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    scheme: str,
) -> None:
    proxy = start_proxy()
    monkeypatch.setenv(variable, f"{scheme}{proxy.address}")
    assert read(server.url) == bytes(range(10, 110))
    assert proxy.asked == [f"GET {server.url}/a.pack"]


def test_the_proxy_resolves_names(
    server: FaultyServer, start_proxy: Callable[[], Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_proxy()
    proxy.target = ("127.0.0.1", port_of(server))
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    assert read("http://inside.invalid/") == bytes(range(10, 110))


@pytest.mark.parametrize("exception", ["127.0.0.1", "*", "localhost, 127.0.0.1"])
def test_no_proxy_is_heeded(
    server: FaultyServer, start_proxy: Callable[[], Proxy], monkeypatch: pytest.MonkeyPatch, exception: str
) -> None:
    proxy = start_proxy()
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", exception)
    assert read(server.url) == bytes(range(10, 110))
    assert proxy.asked == []


def test_the_proxy_for_https_is_not_for_http(
    server: FaultyServer, start_proxy: Callable[[], Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_proxy()
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    assert read(server.url) == bytes(range(10, 110))
    assert proxy.asked == []


def test_https_goes_through_a_tunnel(
    tls_server: FaultyServer, start_proxy: Callable[[], Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_proxy()
    proxy.target = ("127.0.0.1", port_of(tls_server))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    assert read("https://localhost/") == bytes(range(10, 110))
    assert proxy.asked == ["CONNECT localhost:443"]


@pytest.mark.parametrize("url", ["http://inside.invalid/", "https://localhost/"])
def test_the_proxy_gets_its_login(
    server: FaultyServer,
    tls_server: FaultyServer,
    start_proxy: Callable[[str], Proxy],
    monkeypatch: pytest.MonkeyPatch,
    url: str,
) -> None:
    proxy = start_proxy("Basic dXNlcjpzZWNyZXQ=")
    proxy.target = ("127.0.0.1", port_of(tls_server if url.startswith("https") else server))
    for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, f"http://user:secret@{proxy.address}")
    assert read(url) == bytes(range(10, 110))


@pytest.mark.parametrize("url", ["http://inside.invalid/", "https://localhost/"])
def test_a_login_that_is_missing_is_said_to_be(
    start_proxy: Callable[[str], Proxy], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    proxy = start_proxy("Basic dXNlcjpzZWNyZXQ=")
    for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, f"http://user:wrong@{proxy.address}")
    with pytest.raises(AuthorisationError) as caught:
        read(url)
    assert "wrong" not in str(caught.value)


def test_a_proxy_that_cannot_get_there_is_quoted(
    start_proxy: Callable[[], Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_proxy()
    monkeypatch.setattr(ProxyHandler, "do_CONNECT", lambda handler: handler.send_error(502))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    with pytest.raises(NoConnectionError, match=r"The proxy on the way to .* answered 502"):
        read("https://shop.example.org")


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_what_is_no_proxy_is_named_as_the_reason(greeting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(greeting)

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(NoConnectionError, match="proxy"):
            read("https://shop.example.org")
        thread.join()


def test_http_goes_through_a_proxy_that_is_reached_over_tls(
    server: FaultyServer, start_proxy: Callable[[], Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_proxy()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("HTTP_PROXY", f"https://localhost:{proxy.server_port}")
    assert read(server.url) == bytes(range(10, 110))
    assert proxy.asked == [f"GET {server.url}/a.pack"]


def test_https_through_a_proxy_that_is_reached_over_tls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "https://user:secret@127.0.0.1:9")
    with pytest.raises(UsageError, match=r"https://127\.0\.0\.1:9") as caught:
        read("https://shop.example.org")
    assert "http://" in caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:99999", "http://127.0.0.1:port", "http://:3128", "http://[::1"])
def test_a_proxy_without_a_place_is_refused(server: FaultyServer, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(UsageError, match="proxy"):
        read(server.url)
    assert server.requests == 0


def test_a_proxy_that_is_down_is_named_as_the_reason(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(NoConnectionError, match="proxy"):
        read(server.url)
    assert server.requests == 0


def test_a_proxy_of_another_kind_is_refused(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@127.0.0.1:9")
    with pytest.raises(UsageError, match="socks5") as caught:
        read(server.url)
    assert "secret" not in str(caught.value)
