"""What other sites, other programs and slow clients may try; numbers are those of the design's list of attacks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pytest

from catsync_plugins.web import application, server
from catsync_plugins.web.files import read_static
from catsync_plugins.web.rows import Row
from support.screen import Screen

PATHS = ["/", "/app.js", "/style.css", "/nothing", "/api/rows", "/api/stream", "/api/session"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.localdomain:{port}", "127.0.0.1.evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""],
)
def test_79_other_hosts_are_refused_everywhere(screen: Screen, path: str, host: str) -> None:
    assert screen.ask("GET", path, Host=host.format(port=screen.port)).status == 403


def raw(screen: Screen, text: str) -> bytes:
    with screen.connect() as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_79_no_host_and_two_hosts_are_refused(screen: Screen) -> None:
    assert raw(screen, "GET / HTTP/1.0\n\n").split()[1] in {b"400", b"403"}
    here = f"127.0.0.1:{screen.port}"
    assert raw(screen, f"GET / HTTP/1.1\nHost: {here}\nHost: {here}\n\n").split()[1] in {b"400", b"403"}


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}"])
def test_79_its_own_names_are_let_through(screen: Screen, host: str) -> None:
    assert screen.ask("GET", "/", Host=host.format(port=screen.port)).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=application/json"}, 415),
        ({"Content_Type": None}, 415),
        ({"Cookie": None}, 401),
        ({"Cookie": "catsync-{port}=1999999999.x.00"}, 401),
        ({"Cookie": "\x01="}, 401),
    ],
)
def test_80_a_command_from_elsewhere_is_refused(screen: Screen, headers: dict[str, str | None], status: int) -> None:
    fields = {name: value and value.format(port=screen.port) for name, value in headers.items()}
    assert screen.ask("POST", "/api/command", screen.offline(), **fields).status == status
    assert screen.device.commands == []


@pytest.mark.parametrize("path", ["/api/command", "/api/check", "/api/add", "/api/changes", "/api/session"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_80_only_a_post_does_anything(screen: Screen, path: str, method: str) -> None:
    reply = screen.ask(method, f"{path}?name=offline&catalog=shoes&revision=1")
    assert reply.status in {400, 404, 405}
    assert "access-control-allow-origin" not in reply.headers
    assert screen.device.commands == []
    assert screen.device.checks == []


def test_80_a_get_with_a_body_is_refused(screen: Screen) -> None:
    here = f"127.0.0.1:{screen.port}"
    assert b" 400 " in raw(screen, f"GET / HTTP/1.1\nHost: {here}\nContent-Length: 3\nConnection: close\n\nabc")[:20]


def test_80_what_the_user_commands_is_done(screen: Screen) -> None:
    assert screen.ask("POST", "/api/command", screen.offline()).status == 202
    assert [command.name for command in screen.device.commands] == ["offline"]


@pytest.mark.parametrize("path", ["/api/rows", "/api/stream", "/api/catalogs/shoes"])
def test_81_nothing_is_told_without_a_session(stranger: Screen, path: str) -> None:
    assert stranger.ask("GET", path).status == 401
    assert stranger.ask("GET", f"{path}?token={stranger.token()}").status == 401


@pytest.mark.parametrize("token", ["", "wrong", "1999999999.x.00", 7, None])
def test_81_a_wrong_link_opens_no_session(stranger: Screen, token: object) -> None:
    reply = stranger.ask("POST", "/api/session", {"token": token})
    assert reply.status in {400, 401}
    assert "set-cookie" not in reply.headers


def test_81_a_link_opens_one_session_only(stranger: Screen) -> None:
    token = stranger.token()
    assert stranger.ask("POST", "/api/session", {"token": token}).status == 204
    assert stranger.ask("POST", "/api/session", {"token": token}).status == 401


def test_81_a_session_is_for_this_server_and_no_script(stranger: Screen) -> None:
    reply = stranger.ask("POST", "/api/session", {"token": stranger.token()})
    name, *attributes = reply.headers["set-cookie"].lower().split("; ")
    assert name.startswith(f"catsync-{stranger.port}=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(attributes)


def test_81_nothing_is_written_to_the_log(
    screen: Screen, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    screen.ask("POST", "/api/session", {"token": screen.token()})
    raw(screen, "NONSENSE\n\n")
    screen.ask("GET", "/api/rows")
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def test_82_no_page_runs_what_is_not_its_own(screen: Screen) -> None:
    for path in PATHS[:4]:
        reply = screen.ask("GET", path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"


def test_82_no_script_or_style_stands_in_the_page_itself() -> None:
    page = read_static()["index.html"].decode()
    assert page.count("<script") == page.count('<script type="module" src="')
    assert "<style" not in page
    assert " style=" not in page
    assert " on" not in page.replace(" on ", "")


@pytest.mark.parametrize("name", sorted(name for name in read_static() if name.endswith(".js")))
def test_82_no_script_makes_markup_of_text(name: str) -> None:
    script = read_static()[name].decode()
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"):
        assert sink not in script, f"{name} uses {sink}"


def test_83_connections_beyond_the_limit_are_closed(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 8)
    held = [screen.connect() for _ in range(8)]
    with screen.connect() as further:
        further.settimeout(30)
        assert closed(further)
    for connection in held:
        connection.close()
    reply = None
    while reply is None:  # the server hears of closed connections one by one
        try:
            reply = screen.ask("GET", "/")
        except OSError:
            continue
    assert reply.status == 200


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_83_a_request_whose_head_does_not_end_is_cut_off(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    with screen.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert closed(connection)
    assert screen.ask("GET", "/").status == 200


def test_83_a_long_head_is_refused(screen: Screen) -> None:
    here = f"127.0.0.1:{screen.port}"
    assert raw(screen, f"GET / HTTP/1.1\nHost: {here}\nX: {'x' * 70_000}").startswith((b"HTTP/1.1 4", b""))
    assert screen.ask("GET", "/").status == 200


@pytest.mark.parametrize("length", ["1000000000", "65537", "-1", "x"])
def test_83_a_long_body_is_refused_before_it_is_read(screen: Screen, length: str) -> None:
    here = f"127.0.0.1:{screen.port}"
    head = f"POST /api/command HTTP/1.1\nHost: {here}\nCookie: {screen.cookie}\nContent-Type: application/json\n"
    assert raw(screen, f"{head}Content-Length: {length}\n\n")[:12] in {b"HTTP/1.1 413", b"HTTP/1.1 400"}


def test_83_a_body_of_unknown_length_is_refused(screen: Screen) -> None:
    here = f"127.0.0.1:{screen.port}"
    head = f"POST /api/command HTTP/1.1\nHost: {here}\nCookie: {screen.cookie}\nContent-Type: application/json\n"
    assert raw(screen, f"{head}Transfer-Encoding: chunked\n\n")[:12] == b"HTTP/1.1 413"


def test_83_a_body_that_comes_slowly_is_refused(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "BODY_SECONDS", 0.05)
    here = f"127.0.0.1:{screen.port}"
    head = f"POST /api/command HTTP/1.1\nHost: {here}\nCookie: {screen.cookie}\nContent-Type: application/json\n"
    assert raw(screen, f"{head}Content-Length: 50\n\n{{")[:12] == b"HTTP/1.1 408"
    assert screen.device.commands == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 60_000,
        {"revision": None},
        {"name": "format-disk"},
        {"catalog": 1},
        {"revision": "1"},
        {"surprise": 1},
    ],
)
def test_83_nonsense_is_refused(screen: Screen, body: bytes | dict[str, object]) -> None:
    whole = body if isinstance(body, bytes) else screen.offline() | body
    assert screen.ask("POST", "/api/command", whole).status == 400
    assert screen.device.commands == []


@pytest.mark.parametrize("path", ["/../access.py", "/%2e%2e/access.py", "/static/app.js", "//etc/passwd", "/app.js/"])
def test_only_the_pages_own_files_are_served(screen: Screen, path: str) -> None:
    assert screen.ask("GET", path).status == 404


def test_85_a_stale_page_cannot_command_a_changed_state(screen: Screen) -> None:
    before = screen.offline()
    screen.device.change("shoes", label="downloading", mode="offline")
    screen.feed.look_now()
    reply = screen.ask("POST", "/api/command", before)
    assert reply.status == 409
    assert reply.json["code"] == "stale"
    assert reply.json["row"]["label"] == "downloading"
    assert screen.device.commands == []
    current = before | {"revision": reply.json["row"]["revision"]}
    assert screen.ask("POST", "/api/command", current).status == 202


def read_event(stream: BinaryIO) -> Any:  # noqa: ANN401 - whatever the server says
    while not (line := stream.readline()).startswith(b"data: "):
        assert line
    return json.loads(line[6:])


@contextmanager
def open_stream(screen: Screen) -> Iterator[BinaryIO]:
    with screen.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(open_request(screen))
        yield stream


def test_85_a_stream_begins_with_everything_and_goes_on_with_what_changes(screen: Screen) -> None:
    with open_stream(screen) as stream:
        first = read_event(stream)
        assert first["whole"]
        assert [row["id"] for row in first["rows"]] == ["shoes"]
        screen.device.change("shoes", title="Boots")
        second = read_event(stream)
        assert [row["title"] for row in second["rows"]] == ["Boots"]
        assert not second["whole"]
        assert second["device"] is None


def test_83_a_page_that_reads_nothing_holds_nobody_up(screen: Screen) -> None:
    with screen.connect() as sleeper:
        sleeper.sendall(open_request(screen))
        for turn in range(50):
            screen.device.show(*(many_rows(turn)))
            screen.feed.look_now()
        assert screen.ask("GET", "/api/rows").status == 200


def many_rows(turn: int) -> list[Row]:
    return [Row(f"catalog-{number}", f"Title {turn} {'x' * 500}", "online", "online") for number in range(200)]


def open_request(screen: Screen) -> bytes:
    return f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{screen.port}\r\nCookie: {screen.cookie}\r\n\r\n".encode()
