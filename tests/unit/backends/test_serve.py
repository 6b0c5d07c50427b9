from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from catsync_core.backends import serve as module
from catsync_core.backends.serve import Served, Server, serve
from catsync_core.errors import LocalError, NotFoundError

BODY = bytes(range(256)) * 4


@pytest.fixture
def log() -> list[Served]:
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / "packs").mkdir(parents=True)
    (folder / "packs" / "a.pack").write_bytes(BODY)
    (folder / "index.json").write_bytes(b"{}")
    (folder / ".catsync").mkdir()
    (folder / ".catsync" / "lock").write_bytes(b"")
    (folder / "README.TXT").write_bytes(b"no key")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


@pytest.fixture
def server(folder: Path, log: list[Served]) -> Iterator[Server]:
    with serve(folder, on_request=log.append) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[HTTPConnection]:
    connection = connect(server)
    yield connection
    connection.close()


def connect(server: Server) -> HTTPConnection:
    parts = urlsplit(server.url)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=10)


def ask(client: HTTPConnection, path: str, method: str = "GET", **fields: str) -> tuple[HTTPResponse, bytes]:
    client.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    answer = client.getresponse()
    return answer, answer.read()


def raw(server: Server, request: bytes) -> bytes:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_objects_are_served_whole(client: HTTPConnection) -> None:
    answer, body = ask(client, "/packs/a.pack")
    assert (answer.status, body) == (200, BODY)
    assert {name for name, _ in answer.getheaders()} == {"Content-Length", "ETag"}


@pytest.mark.parametrize(
    ("field", "start", "stop"), [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=1000-5000", 1000, 1024)]
)
def test_ranges_are_served(client: HTTPConnection, field: str, start: int, stop: int) -> None:
    answer, body = ask(client, "/packs/a.pack", Range=field)
    assert (answer.status, body) == (206, BODY[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"


def test_a_range_outside_is_refused(client: HTTPConnection) -> None:
    answer, body = ask(client, "/packs/a.pack", Range="bytes=1024-")
    assert (answer.status, body, answer.headers["Content-Range"]) == (416, b"", "bytes */1024")


@pytest.mark.parametrize("field", ["bytes=0-1,4-5", "lines=1-2", "nonsense"])
def test_other_ranges_are_ignored(client: HTTPConnection, field: str) -> None:
    assert ask(client, "/packs/a.pack", Range=field)[1] == BODY


def test_an_unchanged_object_is_not_sent(client: HTTPConnection) -> None:
    etag = ask(client, "/index.json")[0].headers["ETag"]
    for field in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer, body = ask(client, "/index.json", If_None_Match=field)
        assert (answer.status, body, answer.headers["ETag"]) == (304, b"", etag)
    assert ask(client, "/index.json", If_None_Match='"other"')[1] == b"{}"


@pytest.mark.parametrize("size", [2, 2 * 1024 * 1024])
def test_the_etag_changes_with_the_object(client: HTTPConnection, folder: Path, size: int) -> None:
    path = folder / "index.json"
    path.write_bytes(bytes(size))
    os.utime(path, ns=(1, 1))
    etag = ask(client, "/index.json")[0].headers["ETag"]
    assert ask(client, "/index.json")[0].headers["ETag"] == etag
    path.write_bytes(b"1" * size)
    assert ask(client, "/index.json")[0].headers["ETag"] != etag


def test_a_small_object_has_another_etag_even_within_a_clock_tick(client: HTTPConnection, folder: Path) -> None:
    etags = set()
    for body in (b"{1}", b"{2}"):
        (folder / "index.json").write_bytes(body)
        os.utime(folder / "index.json", ns=(1, 1))
        etags.add(ask(client, "/index.json")[0].headers["ETag"])
    assert len(etags) == 2


def test_if_range_guards_against_a_change(client: HTTPConnection) -> None:
    etag = ask(client, "/packs/a.pack")[0].headers["ETag"]
    assert ask(client, "/packs/a.pack", Range="bytes=0-9", If_Range=etag)[0].status == 206
    assert ask(client, "/packs/a.pack", Range="bytes=0-9", If_Range='"other"')[0].status == 200


def test_head_sends_no_body(client: HTTPConnection) -> None:
    answer, body = ask(client, "/packs/a.pack", "HEAD")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", "1024")
    assert ask(client, "/packs/a.pack")[1] == BODY


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/packs",
        "/packs/",
        "/missing",
        "/README.TXT",
        "/.catsync/lock",
        "/../secret",
        "/packs/../../secret",
        "/%2e%2e/secret",
        "/packs/%2e%2e/%2e%2e/secret",
        "/..%2fsecret",
        "//etc/passwd",
        "/packs//a.pack",
        "/packs%00/a.pack",
        "/packs\\a.pack",
        "/C:/secret",
    ],
)
def test_nothing_but_objects_is_served(server: Server, path: str) -> None:
    answer = raw(server, f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_lead_nowhere(client: HTTPConnection, folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "inside").symlink_to(folder / "index.json")
    for path in ("/link", "/folder/secret", "/inside"):
        assert ask(client, path)[0].status == 404
    os.mkfifo(folder / "pipe")
    assert ask(client, "/pipe")[0].status == 404


def test_queries_and_absolute_urls_name_the_same_object(server: Server) -> None:
    for target in ("/index.json?x=1", "http://any.host/index.json"):
        assert raw(server, f"GET {target} HTTP/1.0\r\n\r\n".encode()).endswith(b"{}")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"POST /index.json HTTP/1.1", b"501"),
        (b"PUT /index.json HTTP/1.1", b"501"),
        (b"nonsense", b"400"),
        (b"GET /index.json HTTP/9.9", b"505"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1", b"414"),
    ],
)
def test_other_requests_are_refused_and_end_the_connection(server: Server, request_line: bytes, status: bytes) -> None:
    answer = raw(server, request_line + b"\r\nContent-Length: 3\r\n\r\nabc" + b"GET /index.json HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_that_nobody_reads_is_not_taken_for_a_request(server: Server) -> None:
    smuggled = b"GET /packs/a.pack HTTP/1.1\r\n\r\n"
    for field in (b"Content-Length: %d" % len(smuggled), b"Transfer-Encoding: chunked"):
        answer = raw(server, b"GET /index.json HTTP/1.1\r\n" + field + b"\r\n\r\n" + smuggled)
        assert answer.count(b"HTTP/1.1") == 1
        assert b"Connection: close" in answer


def test_connections_are_kept_alive(client: HTTPConnection) -> None:
    ask(client, "/index.json")
    first = client.sock
    for _ in range(3):
        ask(client, "/missing")
        ask(client, "/packs/a.pack", Range="bytes=0-9")
    assert client.sock is first


def test_requests_are_reported(client: HTTPConnection, server: Server, log: list[Served]) -> None:
    ask(client, "/packs/a.pack", Range="bytes=0-9")
    ask(client, "/missing")
    server.close()
    (head, _), (missing, _) = [(served.head, served) for served in log]
    assert log == [Served("packs/a.pack", 206, head, 10), Served("missing", 404, missing, 0)]
    assert head < 130
    assert missing < 50


def test_a_slow_client_holds_up_nobody(server: Server, client: HTTPConnection, folder: Path) -> None:
    with (folder / "packs" / "large.pack").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    slow = [connect(server) for _ in range(8)]
    for connection in slow:
        connection.request("GET", "/packs/large.pack")  # and never reads
    silent = [socket.create_connection((slow[0].host, slow[0].port)) for _ in range(8)]
    assert ask(client, "/index.json")[1] == b"{}"
    for connection in slow:
        connection.close()
    for quiet in silent:
        quiet.close()


def test_there_is_a_bound_on_connections(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._tcp, "most", 2)
    parts = urlsplit(server.url)
    held = [connect(server) for _ in range(2)]
    for connection in held:
        assert ask(connection, "/index.json")[1] == b"{}"
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as refused:
        assert refused.recv(1) == b""
    held[0].close()
    deadline = time.monotonic() + 10
    while raw_or_nothing(server) != b"{}":
        assert time.monotonic() < deadline
    held[1].close()


def raw_or_nothing(server: Server) -> bytes:
    try:
        return raw(server, b"GET /index.json HTTP/1.0\r\n\r\n")[-2:]
    except OSError:
        return b""


def test_an_idle_connection_is_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.RequestHandler, "timeout", 0.05)
    with serve(folder) as server:
        parts = urlsplit(server.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as idle:
            assert idle.recv(1) == b""


def test_close_cuts_connections_and_frees_the_port(folder: Path) -> None:
    before = threading.active_count()
    with serve(folder) as server:
        client = connect(server)
        ask(client, "/index.json")
        port = urlsplit(server.url).port
    assert client.sock is not None
    assert client.sock.recv(1) == b""
    client.close()
    with serve(folder, port=port or 0) as again:
        assert again.url == server.url
    deadline = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < deadline


def test_a_file_that_shrinks_meanwhile_ends_the_connection(
    client: HTTPConnection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_pieces", lambda file, start, stop: iter([b"short"]))
    client.request("GET", "/packs/a.pack")
    answer = client.getresponse()
    assert answer.read(5) == b"short"
    assert answer.read(1) == b""


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_works(folder: Path) -> None:
    try:
        server = serve(folder, "::1")
    except LocalError:
        pytest.skip("no IPv6 loopback here")
    with server:
        assert server.url.startswith("http://[::1]:")
        client = connect(server)
        assert ask(client, "/index.json")[1] == b"{}"
        client.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        serve(tmp_path / "nowhere")


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_cannot_be_listened_at_is_named(folder: Path, host: str, port: int) -> None:
    with pytest.raises(LocalError, match="Cannot listen"):
        serve(folder, host, port)


def test_a_port_in_use_is_named(folder: Path, server: Server) -> None:
    with pytest.raises(LocalError, match="in use"):
        serve(folder, port=urlsplit(server.url).port or 0)
