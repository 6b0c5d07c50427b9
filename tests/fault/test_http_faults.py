"""The ``http`` backend against a real server that misbehaves."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path

import pytest

from catsync_core.backends import stall
from catsync_core.backends.protocol import Reply
from catsync_core.backends.retry import RetryingBackend
from catsync_core.backends.serve import Answer
from catsync_core.errors import (
    AuthorisationError,
    CatsyncError,
    IntegrityError,
    LimitError,
    MissingObjectError,
    NoConnectionError,
    RemoteError,
    ServerError,
)
from catsync_core.limits import Limits
from catsync_core.testing.faults import (
    Drip,
    Endless,
    Fault,
    FaultyServer,
    Field,
    FlipBit,
    IgnoreRange,
    Redirect,
    Reset,
    Stall,
    Status,
    Truncate,
    WebPage,
    WrongRange,
)
from catsync_plugins import _http_connect, _http_watch
from catsync_plugins.backend_http import HttpBackend

PACK = bytes(range(256)) * 2000
INDEX = b'{"serial": 1}'


@pytest.fixture
def server(tmp_path: Path, faulty_server: Callable[[Path], FaultyServer]) -> FaultyServer:
    (tmp_path / "a.pack").write_bytes(PACK)
    (tmp_path / "index.json").write_bytes(INDEX)
    return faulty_server(tmp_path)


@pytest.fixture
def backend(server: FaultyServer) -> Iterator[HttpBackend]:
    backend = HttpBackend(server.url)
    yield backend
    backend.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stall is one after a fraction of a second."""
    limits = Limits(stall_seconds=0.3)
    monkeypatch.setattr(_http_connect, "LIMITS", limits)
    monkeypatch.setattr(_http_watch, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(stall, "LIMITS", limits)


def get(backend: HttpBackend) -> bytes:
    return backend.get("index.json", max_length=1000).body


def read(backend: HttpBackend, offset: int = 1000, length: int = 50_000) -> bytes:
    return b"".join(backend.read("a.pack", offset, length))


def collect(backend: HttpBackend, received: bytearray) -> None:
    for piece in backend.read("a.pack", 1000, 50_000):
        received += piece


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Status(404), MissingObjectError, "no index.json"),
        (Status(410), MissingObjectError, "no index.json"),
        (Status(401), AuthorisationError, "401"),
        (Status(403), AuthorisationError, "403"),
        (Status(407), AuthorisationError, "407"),
        (Status(400), RemoteError, "400"),
        (Status(416), IntegrityError, "shorter"),
        (Status(429), ServerError, "429"),
        (Status(500), ServerError, "500"),
        (Status(503), ServerError, "503"),
        (Status(599, body=bytes(100_000)), ServerError, "599"),
        (Status(511), NoConnectionError, "web page"),
        (Status(206), RemoteError, "makes no sense"),
        (Status(304), RemoteError, "makes no sense"),
        (Status(204), RemoteError, "204"),
        (Status(300), RemoteError, "300"),
        (WebPage(), NoConnectionError, "web page"),
        (WebPage(content_type=""), NoConnectionError, "web page"),
        (WebPage(content_type="application/json"), NoConnectionError, "web page"),
        (Truncate(after=0), NoConnectionError, "broke off"),
        (Truncate(after=5), NoConnectionError, "broke off"),
        (Reset(), NoConnectionError, "broke off"),
        (Reset(after=5), NoConnectionError, "broke off"),
        (Endless(), LimitError, "longer than the 1000 bytes"),
        (Field("Content-Length", "1001"), LimitError, "1001"),
        (Field("Content-Encoding", "gzip"), IntegrityError, "gzip"),
    ],
)
def test_get_fails_with_the_right_error(
    server: FaultyServer, backend: HttpBackend, fault: Fault, error: type[CatsyncError], words: str
) -> None:
    server.plan.add(fault)
    with pytest.raises(error, match=words) as caught:
        get(backend)
    assert type(caught.value) is error
    assert get(backend) == INDEX  # the next request is not affected


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Status(404), MissingObjectError, r"no a\.pack"),
        (Status(503), ServerError, "503"),
        (Status(304), RemoteError, "makes no sense"),
        (WebPage(), NoConnectionError, "web page"),
        (Truncate(after=20_000), NoConnectionError, "broke off"),
        (Reset(after=20_000), NoConnectionError, "broke off"),
        (WrongRange(), IntegrityError, r"bytes 1001-51000/512000 of a\.pack instead of 1000-50999"),
        (WrongRange(shift=-1), IntegrityError, "instead of"),
        (Field("Content-Range", ""), IntegrityError, "no range"),
        (Field("Content-Range", "bytes 1000-50998/512000"), IntegrityError, "instead of"),
        (Field("Content-Range", "bytes 1000-50999,60000-60001/512000"), IntegrityError, "instead of"),
        (Field("Content-Range", "x" * 9000), IntegrityError, "instead of"),
        (Field("Content-Length", "49999"), IntegrityError, "49999 bytes"),
        (Field("Content-Encoding", "br"), IntegrityError, "br"),
    ],
)
def test_read_fails_with_the_right_error(
    server: FaultyServer, backend: HttpBackend, fault: Fault, error: type[CatsyncError], words: str
) -> None:
    server.plan.add(fault)
    received = bytearray()
    with pytest.raises(error, match=words) as caught:
        collect(backend, received)
    assert type(caught.value) is error
    assert PACK[1000:].startswith(received)
    assert read(backend) == PACK[1000:51_000]


def test_what_arrived_before_a_break_is_handed_over(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(Truncate(after=20_000))
    received = bytearray()
    with pytest.raises(NoConnectionError):
        collect(backend, received)
    assert received == PACK[1000:21_000]


def test_a_wrong_bit_is_for_the_hashes_to_find(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(FlipBit(at=7))
    received = read(backend)
    assert [n for n in range(50_000) if received[n] != PACK[1000 + n]] == [7]


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (1000, 50_000), (0, len(PACK) - 1), (len(PACK) - 1, 1)])
def test_a_server_without_ranges_is_listened_to_until_the_range_is_over(
    server: FaultyServer, backend: HttpBackend, offset: int, length: int
) -> None:
    server.plan.add(IgnoreRange(), times=math.inf)
    assert not backend.ignores_ranges
    assert read(backend, offset, length) == PACK[offset : offset + length]
    assert backend.ignores_ranges
    assert server.count(status=200) == 1


def test_a_whole_object_with_status_200_is_no_ignored_range(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(IgnoreRange())
    assert read(backend, 0, len(PACK)) == PACK
    assert not backend.ignores_ranges


def test_a_server_without_ranges_is_cut_off_when_much_remains(tmp_path: Path, server: FaultyServer) -> None:
    large = tmp_path / "large.pack"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    backend = HttpBackend(server.url)
    server.plan.add(IgnoreRange())
    assert b"".join(backend.read("large.pack", 5, 10)) == bytes(10)
    backend.close()
    assert server.bytes_out < 1 << 28


def test_a_short_object_is_noticed_without_ranges_too(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(IgnoreRange())
    with pytest.raises(IntegrityError, match="512000 bytes of the 512001"):
        read(backend, 0, len(PACK) + 1)


def test_an_endless_object_gives_its_range(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(Endless())
    assert read(backend, 1_000_000, 10) == bytes(10)
    assert backend.ignores_ranges


def test_an_object_of_unknown_length_that_ends_early_broke_off(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(Drop())
    with pytest.raises(NoConnectionError, match="broke off"):
        read(backend, 0, len(PACK) + 1)


class Drop(IgnoreRange):
    """The whole object, without a declared length: its end is the connection's."""

    def spoil(self, answer: Answer) -> Answer:
        del answer.headers["Content-Length"]
        answer.headers["Connection"] = "close"
        return answer


def test_an_unchanged_object_does_not_travel(server: FaultyServer, backend: HttpBackend) -> None:
    etag = backend.get("index.json", max_length=1000).etag
    before = server.bytes_out
    for _ in range(10):
        assert not backend.get("index.json", max_length=1000, known_etag=etag).modified
    assert server.count(status=304) == 10
    assert server.bytes_out - before < 10 * 60


@pytest.mark.parametrize("etag", ['W/"weak"', '"strong"', "unquoted", '"with, comma"'])
def test_etags_are_sent_back_as_they_came(server: FaultyServer, backend: HttpBackend, etag: str) -> None:
    class Conditional(Fault):
        asked: str | None = None

        def mishear(self, headers: Message) -> None:
            self.asked = headers["If-None-Match"]

    conditional = Conditional()
    server.plan.add(Field("ETag", etag))
    server.plan.add(conditional)
    assert backend.get("index.json", max_length=1000).etag == etag
    backend.get("index.json", max_length=1000, known_etag=etag)
    assert conditional.asked == etag


@pytest.mark.parametrize("etag", ['"' + "x" * 60_000 + '"', "\x07"])
def test_an_etag_that_cannot_be_sent_back_is_none(server: FaultyServer, backend: HttpBackend, etag: str) -> None:
    server.plan.add(Field("ETag", etag))
    assert backend.get("index.json", max_length=1000) == Reply(INDEX, None)


@pytest.mark.parametrize("head", ["X-Many: 1\r\n" * 200, "X-Long: " + "x" * 100_000 + "\r\n"])
def test_a_head_without_measure_is_refused(server: FaultyServer, backend: HttpBackend, head: str) -> None:
    server.plan.add(Field("X-First", "1\r\n" + head.rstrip()))
    with pytest.raises(NoConnectionError, match="broke off"):
        get(backend)
    assert get(backend) == INDEX


def test_a_server_without_etags_is_always_modified(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(Field("ETag", ""), times=math.inf)
    assert backend.get("index.json", max_length=1000).etag is None


@pytest.mark.parametrize(("field", "seconds"), [("7", 7.0), ("0", 1.0), ("99999", 3600.0), ("soon", None), ("", None)])
def test_retry_after_is_read_and_clamped(
    server: FaultyServer, backend: HttpBackend, field: str, seconds: float | None
) -> None:
    server.plan.add(Status(503, retry_after=field))
    with pytest.raises(ServerError) as caught:
        get(backend)
    assert caught.value.retry_after == seconds


def test_a_login_page_comes_with_advice(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(WebPage())
    with pytest.raises(NoConnectionError) as caught:
        get(backend)
    assert "login" in caught.value.hint


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("after", [0, 5])
def test_silence_is_a_stall(server: FaultyServer, backend: HttpBackend, after: int) -> None:
    fault = Stall(after=after)
    server.plan.add(fault)
    with pytest.raises(NoConnectionError, match="stalled"):
        get(backend)
    fault.release.set()


@pytest.mark.usefixtures("impatient")
def test_drops_are_a_stall(server: FaultyServer, backend: HttpBackend) -> None:
    fault = Drip(seconds=0.05)
    server.plan.add(fault, times=2)
    with pytest.raises(NoConnectionError, match="stalled"):
        get(backend)
    with pytest.raises(NoConnectionError, match="stalled"):
        read(backend)
    fault.release.set()


@pytest.mark.usefixtures("impatient")
def test_a_head_in_drops_is_a_stall() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Padding: ")
                while not done.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        backend = HttpBackend(f"http://127.0.0.1:{listener.getsockname()[1]}")
        try:
            with pytest.raises(NoConnectionError, match="stalled"):
                get(backend)
        finally:
            done.set()
            thread.join()
            backend.close()


def test_a_stall_holds_up_nobody_else(server: FaultyServer, backend: HttpBackend) -> None:
    fault = Stall(after=10)
    server.plan.add(fault, key="a.pack")
    pieces = backend.read("a.pack", 0, 50_000)
    next(pieces)
    assert get(backend) == INDEX
    fault.release.set()
    assert len(b"".join(pieces)) == 50_000 - 10


@pytest.mark.parametrize("after", [0, 10])
def test_close_ends_running_reads(server: FaultyServer, backend: HttpBackend, after: int) -> None:
    fault = Stall(after=after)
    server.plan.add(fault)
    errors: list[CatsyncError] = []

    def wait() -> None:
        try:
            read(backend)
        except CatsyncError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not server.requests:
        time.sleep(0.001)
    time.sleep(0.05)  # until the answer's first bytes, if any, are read
    backend.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(errors) == 1
    assert isinstance(errors[0], NoConnectionError)
    assert "closed" in str(errors[0])
    fault.release.set()


def test_a_closed_backend_sends_nothing(server: FaultyServer, backend: HttpBackend) -> None:
    backend.close()
    with pytest.raises(NoConnectionError, match="closed"):
        get(backend)
    assert server.requests == 0


def test_contradicting_lengths_are_refused(server: FaultyServer, backend: HttpBackend) -> None:
    server.plan.add(Field("Content-Length", "1, 2"))
    with pytest.raises(RemoteError, match="Content-Length"):
        get(backend)
    assert get(backend) == INDEX


def test_one_connection_serves_all_requests_in_turn(
    server: FaultyServer, backend: HttpBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: set[object] = set()
    process = server._tcp.process_request

    def record(request: object, client: object) -> None:
        clients.add(client)
        process(request, client)

    monkeypatch.setattr(server._tcp, "process_request", record)
    server.plan.add(Status(404, body=b"not here"))
    server.plan.add(Status(503, body=b"not now"))
    server.plan.add(Redirect("/index.json"))
    with pytest.raises(MissingObjectError):
        get(backend)
    with pytest.raises(ServerError):
        get(backend)
    etag = backend.get("index.json", max_length=1000).etag
    backend.get("index.json", max_length=1000, known_etag=etag)
    for offset in range(0, 100_000, 10_000):
        read(backend, offset, 10_000)
    assert len(clients) == 1
    assert server.requests == 15


def test_a_server_that_drops_idle_connections_is_no_error(server: FaultyServer, backend: HttpBackend) -> None:
    for _ in range(3):
        server.plan.add(Field("Connection", "close"))
        assert get(backend) == INDEX


def test_with_retries_every_passing_fault_is_survived(server: FaultyServer) -> None:
    backend = RetryingBackend(HttpBackend(server.url), jitter=lambda: 0.0)
    for fault in (Reset(), Truncate(after=30_000), Status(500), Reset(after=70_000), WebPage(), Truncate(after=1)):
        server.plan.add(fault)
    assert b"".join(backend.read("a.pack", 0, len(PACK))) == PACK
    assert server.requests == 7
    backend.close()


def test_a_request_is_short(tmp_path: Path) -> None:
    """Small updates consist of little but requests, so what one costs is a promise."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(10_000))
                connection.sendall(b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        backend = HttpBackend(f"http://127.0.0.1:{port}/repo")
        key = "packs/" + "0" * 64
        with pytest.raises(MissingObjectError):
            list(backend.read(key, 1_000_000, 65_536))
        thread.join()
        backend.close()
    assert set(seen[0].decode().split("\r\n")) == {
        f"GET /repo/{key} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: catsync/0.1",
        "Accept-Encoding: identity",
        "Range: bytes=1000000-1065535",
        "",
    }
    assert len(seen[0]) - len(key) < 150


def test_answers_are_short(server: FaultyServer, backend: HttpBackend) -> None:
    read(backend)
    get(backend)
    assert [served.head for served in server.log] == [pytest.approx(110, abs=20), pytest.approx(65, abs=10)]
