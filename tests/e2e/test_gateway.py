"""The gateway, through real sockets, over an offline and an online catalog."""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from catsync_core import Client
from catsync_core.testing.faults import FaultyServer, FlipBit, Reset
from catsync_plugins.gateway.server import Gateway
from support.command_line import CommandLine
from support.players import player_ranges
from support.shop import Shop

RED = bytes(range(256)) * 400
RED_ETAG = f'"{hashlib.sha256(RED).hexdigest()}"'
ORIGIN = "http://shop.example:3000"


class Browser:
    """Asks the gateway."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc

    def ask(self, target: str, method: str = "GET", *, host: str = "", **fields: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(self.host, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host or self.host)
            for name, value in fields.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def status(self, target: str, method: str = "GET", **fields: str) -> int:
        return self.ask(target, method, **fields)[0].status

    def body(self, target: str, **fields: str) -> bytes:
        return self.ask(target, **fields)[1]


@pytest.fixture
def device(tmp_path: Path, server: FaultyServer) -> CommandLine:
    """Another process's view of the same home."""
    catsync = CommandLine(tmp_path / "device")
    catsync.run("add", server.url)
    return catsync


@pytest.fixture
def gateway(device: CommandLine) -> Iterator[Gateway]:
    with Client(device.home) as client, Gateway(client, origins=(ORIGIN,)) as gateway:
        yield gateway


@pytest.fixture
def browser(gateway: Gateway) -> Browser:
    return Browser(gateway.url)


@pytest.fixture(params=["online", "offline"])
def mode(request: pytest.FixtureRequest, device: CommandLine) -> str:
    if request.param == "offline":
        device.run("offline", "shoes")
    return str(request.param)


def test_a_file_is_served_as_it_was_published(mode: str, browser: Browser) -> None:
    answer, body = browser.ask("/shoes/images/red.jpg")
    assert (answer.status, body) == (200, RED)
    assert answer.headers["ETag"] == RED_ETAG
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Catsync-Version"] == "1"
    assert browser.body("/shoes/prices.json") == b'{"red": 10}'


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=102000-", 102000, 102400), ("bytes=-7", 102393, 102400),
     ("bytes=5-999999999", 5, 102400)],
)  # fmt: skip
def test_a_range_is_served(mode: str, browser: Browser, asked: str, start: int, stop: int) -> None:
    answer, body = browser.ask("/shoes/images/red.jpg", Range=asked)
    assert (answer.status, body) == (206, RED[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(RED)}"
    assert answer.headers["Content-Length"] == str(stop - start)


def test_a_range_outside_is_refused(mode: str, browser: Browser) -> None:
    answer, _ = browser.ask("/shoes/images/red.jpg", Range="bytes=102400-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(RED)}")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=9-5", "nonsense"])
def test_what_is_no_single_range_gets_everything(browser: Browser, asked: str) -> None:
    answer, body = browser.ask("/shoes/images/red.jpg", Range=asked)
    assert (answer.status, body) == (200, RED)


@pytest.mark.parametrize(("tag", "status"), [(RED_ETAG, 206), ('"other"', 200), (f"W/{RED_ETAG}", 200)])
def test_if_range_compares_strongly(browser: Browser, tag: str, status: int) -> None:
    assert browser.status("/shoes/images/red.jpg", Range="bytes=0-1", If_Range=tag) == status


@pytest.mark.parametrize("tag", [RED_ETAG, f"W/{RED_ETAG}", f'"other", {RED_ETAG}', "*"])
def test_what_the_client_has_is_not_sent(mode: str, browser: Browser, server: FaultyServer, tag: str) -> None:
    answer, body = browser.ask("/shoes/images/red.jpg", If_None_Match=tag)
    assert (answer.status, body, answer.headers["ETag"]) == (304, b"", RED_ETAG)
    assert browser.status("/shoes/images/red.jpg", If_None_Match='"other"') == 200


def test_head_tells_and_fetches_nothing(browser: Browser, server: FaultyServer) -> None:
    answer, body = browser.ask("/shoes/images/red.jpg", "HEAD", Range="bytes=0-1")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", str(len(RED)))
    assert server.count(key="packs/") == server.count(key="tables/") == 0


def test_content_cannot_act_in_a_browser(mode: str, browser: Browser, shop: Shop) -> None:
    answer, _ = browser.ask("/shoes/images/red.jpg")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-same-origin;")
    assert "allow-scripts" not in policy
    assert "script-src 'none'" in policy
    assert f"frame-ancestors 'self' http://127.0.0.1:* http://localhost:* {ORIGIN}" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-site"


def test_a_pdf_is_left_to_its_viewer(browser: Browser, shop: Shop, device: CommandLine) -> None:
    (shop.folder / "sheet.pdf").write_bytes(b"%PDF-1.7")
    shop.publish()
    device.run("check")
    answer, body = browser.ask("/shoes/sheet.pdf")
    assert (answer.headers["Content-Type"], body) == ("application/pdf", b"%PDF-1.7")
    assert "sandbox" not in answer.headers["Content-Security-Policy"]
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]


def test_folders_and_catalogs_are_listed(mode: str, browser: Browser) -> None:
    page = browser.body("/shoes/").decode()
    assert '<a href="/shoes/images">images/</a>' in page
    assert '<a href="/shoes/prices.json">prices.json</a>' in page
    assert '<a href="/shoes">Schuhe 2026, Größen</a>' in browser.body("/").decode()
    folder = json.loads(browser.body("/shoes/images", Accept="application/json"))
    assert [file["path"] for file in folder["files"]] == ["images/red.jpg"]
    assert (folder["catalog"], folder["version"], folder["folders"]) == ("shoes", 1, [])
    catalogs = json.loads(browser.body("/", Accept="application/json"))
    assert catalogs["catalogs"] == [{"catalog": "shoes", "title": "Schuhe 2026, Größen"}]


@pytest.mark.parametrize(
    "target",
    ["/boots/a", "/boots", "/shoes/nothing", "/shoes/prices.json/", "/shoes/image", "/shoes/.catsync/current",
     "/shoes/../x", "/shoes/%2e%2e/%2e%2e/state.sqlite3", "/state.sqlite3", "/%2e%2e/state.sqlite3"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(mode: str, browser: Browser, target: str) -> None:
    answer, body = browser.ask(target)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"SQLite" not in body


@pytest.mark.parametrize(
    "target", ["/shoes/a%2Fb", "/shoes/a%5cb", "/shoes/a%00", "/shoes/%", "/shoes/%ff", "/shoes\\x"]
)
def test_malformed_paths_are_refused(browser: Browser, target: str) -> None:
    assert browser.status(target) == 400


def test_other_hosts_sites_and_methods_are_refused(browser: Browser) -> None:
    assert browser.status("/shoes/prices.json", host="evil.example") == 421
    assert browser.status("/shoes/prices.json", host=f"evil.example:{browser.host.partition(':')[2]}") == 421
    assert browser.status("/shoes/prices.json", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="image") == 403
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        answer, _ = browser.ask("/shoes/prices.json", method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert browser.status("/shoes/prices.json", Content_Length="3") == 400
    assert browser.status("/shoes/" + "a" * 70_000) == 414
    assert browser.status("/shoes/prices.json", Big="a" * 70_000) == 431


def test_an_allowed_app_may_read(browser: Browser) -> None:
    answer, _ = browser.ask("/shoes/prices.json", Origin=ORIGIN, Sec_Fetch_Site="cross-site")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    assert answer.headers["Vary"] == "Origin"
    other, _ = browser.ask("/shoes/prices.json", Origin="http://other.example")
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_switch_by_another_process_is_seen(browser: Browser, device: CommandLine, server: FaultyServer) -> None:
    assert browser.body("/shoes/images/red.jpg") == RED
    device.run("offline", "shoes")
    server.forget()
    assert browser.body("/shoes/images/red.jpg") == RED
    assert server.requests == 0
    device.run("online", "shoes", "--yes")
    server.forget()
    assert browser.body("/shoes/prices.json") == b'{"red": 10}'


def test_an_update_by_another_process_is_seen(mode: str, browser: Browser, device: CommandLine, shop: Shop) -> None:
    before, _ = browser.ask("/shoes/prices.json")
    shop.publish(prices='{"red": 11}')
    device.run("update" if mode == "offline" else "check", "shoes")
    answer, body = browser.ask("/shoes/prices.json", If_None_Match=before.headers["ETag"])
    assert (answer.status, body, answer.headers["Catsync-Version"]) == (200, b'{"red": 11}', "2")


def test_a_running_response_keeps_its_version(mode: str, browser: Browser, device: CommandLine, shop: Shop) -> None:
    films = [Random(number).randbytes(12_000_000) for number in range(4)]
    for number, film in enumerate(films):
        (shop.folder / "film.mp4").write_bytes(film)
        shop.publish()
        device.run("update" if mode == "offline" else "check", "shoes")
        if number == 0:
            connection = HTTPConnection(browser.host, timeout=30)
            connection.request("GET", "/shoes/film.mp4")
            answer = connection.getresponse()
            begun = answer.read(1000)
    assert begun + answer.read() == films[0]
    connection.close()
    assert browser.body("/shoes/film.mp4", Range="bytes=0-99") == films[3][:100]


def test_eight_read_at_once(mode: str, browser: Browser, shop: Shop, device: CommandLine) -> None:
    film = Random(5).randbytes(4_000_000)
    (shop.folder / "film.mp4").write_bytes(film)
    shop.publish()
    device.run("update" if mode == "offline" else "check", "shoes")
    together = threading.Barrier(8)
    results: dict[int, bool] = {}

    def read(number: int) -> None:
        together.wait()
        start = number * 400_000
        results[number] = browser.body("/shoes/film.mp4", Range=f"bytes={start}-") == film[start:]

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(8), True)


def test_without_a_connection_the_client_is_told_to_come_again(
    browser: Browser, device: CommandLine, server: FaultyServer
) -> None:
    server.plan.add(Reset(), key="", times=1000)
    answer, body = browser.ask("/shoes/prices.json")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Length"] == str(len(body))


def test_damage_is_told_and_never_served(browser: Browser, server: FaultyServer) -> None:
    server.plan.add(FlipBit(3), key="packs/", times=1000)
    answer, body = browser.ask("/shoes/images/red.jpg")
    assert answer.status == 502
    assert b"damaged" in body


def test_damage_in_the_middle_cuts_the_answer(
    browser: Browser, server: FaultyServer, shop: Shop, device: CommandLine
) -> None:
    film = Random(5).randbytes(3_000_000)
    (shop.folder / "film.mp4").write_bytes(film)
    shop.publish()
    device.run("check")
    browser.body("/shoes/film.mp4", Range="bytes=0-9")
    server.plan.add(FlipBit(900_000), key="packs/", times=1000)
    connection = HTTPConnection(browser.host, timeout=30)
    connection.request("GET", "/shoes/film.mp4")
    with pytest.raises(http.client.IncompleteRead) as caught:
        connection.getresponse().read()
    connection.close()
    assert film.startswith(caught.value.partial)


def test_a_damaged_local_copy_is_told(browser: Browser, device: CommandLine) -> None:
    device.run("offline", "shoes")
    file = Path(device.run("path", "shoes", "prices.json").stdout.strip())
    file.chmod(0o644)
    file.write_text("short")
    answer, body = browser.ask("/shoes/prices.json")
    assert answer.status == 502
    assert b"catsync repair shoes" in body


def test_a_connection_is_kept_for_the_next_request(browser: Browser) -> None:
    connection = HTTPConnection(browser.host, timeout=30)
    for method in ("GET", "HEAD", "GET"):
        connection.request(method, "/shoes/prices.json")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"" if method == "HEAD" else b'{"red": 10}')
        assert connection.sock is not None
    connection.close()


@pytest.mark.parametrize("size", [64_000_000, pytest.param(500_000_000, marks=pytest.mark.long)])
def test_a_player_fetches_little_more_than_it_asks_for(
    browser: Browser, device: CommandLine, shop: Shop, server: FaultyServer, size: int
) -> None:
    random = Random(7)
    film = b"".join(random.randbytes(1_000_000) for _ in range(size // 1_000_000))
    (shop.folder / "film.mp4").write_bytes(film)
    shop.publish()
    device.run("check")
    server.forget()
    asked, jumps = 0, 12 * size // 64_000_000
    for start, stop in player_ranges(size, seed=3, jumps=jumps):
        assert browser.body("/shoes/film.mp4", Range=f"bytes={start}-{stop - 1}") == film[start:stop]
        asked += stop - start
    assert server.bytes_out <= 1.2 * asked


def test_the_command_serves_until_it_is_stopped(device: CommandLine) -> None:
    process = device.start("gateway", "--port", "0")
    assert process.stdout is not None
    browser = Browser(process.stdout.readline().decode().strip())
    assert browser.body("/shoes/prices.json") == b'{"red": 10}'
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"Stopped." in messages


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "192.0.2.1", "localhost"])  # noqa: S104 - it is refused
def test_no_other_address_is_listened_at(device: CommandLine, host: str) -> None:
    result = device.run("gateway", "--host", host, code=2)
    assert "listens at 127.0.0.1 only" in result.stderr


def test_what_is_no_origin_is_refused(device: CommandLine) -> None:
    for origin in ("*", "null", "http://a/path", "shop.example"):
        device.run("gateway", "--allow-origin", origin, code=2)


def test_a_port_that_is_taken_is_told(device: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = device.run("gateway", "--port", taken.getsockname()[1], code=1)
    assert "Choose another --port" in result.stderr
