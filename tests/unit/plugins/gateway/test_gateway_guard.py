from __future__ import annotations

import socket
from email.message import Message

import pytest

from catsync_core import FileInfo
from catsync_plugins.gateway.guard import Guard, Refusal, read_target
from catsync_plugins.gateway.listing import Folder, catalogs_page, folder_page
from catsync_plugins.gateway.media_types import DEFAULT, media_type
from catsync_plugins.gateway.server import TimedInput

GUARD = Guard(8770, ("http://shop.example:3000",))


def headers(*fields: tuple[str, str]) -> Message:
    message = Message()
    for name, value in fields:
        message[name] = value
    return message


def refuse(*fields: tuple[str, str]) -> int:
    with pytest.raises(Refusal) as caught:
        GUARD.check(headers(*fields))
    return caught.value.status


HERE = ("Host", "127.0.0.1:8770")


@pytest.mark.parametrize("host", ["127.0.0.1:8770", "localhost:8770", "LocalHost:8770"])
def test_its_own_names_are_let_through(host: str) -> None:
    GUARD.check(headers(("Host", host)))


@pytest.mark.parametrize(
    "host", ["evil.example:8770", "127.0.0.1", "127.0.0.1:8771", "localhost.evil.example:8770", "0.0.0.0:8770", ""]
)
def test_other_hosts_are_misdirected(host: str) -> None:
    assert refuse(("Host", host)) == 421


def test_no_host_and_two_hosts_are_refused() -> None:
    assert refuse() == 400
    assert refuse(HERE, HERE) == 400


def test_the_default_port_need_not_be_named() -> None:
    Guard(80).check(headers(("Host", "localhost")))


def test_a_body_is_refused() -> None:
    assert refuse(HERE, ("Content-Length", "5")) == 400
    assert refuse(HERE, ("Transfer-Encoding", "chunked")) == 400
    GUARD.check(headers(HERE, ("Content-Length", "0")))


def test_another_site_may_only_link() -> None:
    site = ("Sec-Fetch-Site", "cross-site")
    assert refuse(HERE, site, ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")) == 403
    assert refuse(HERE, site, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")) == 403
    assert refuse(HERE, site, ("Origin", "http://other.example")) == 403
    GUARD.check(headers(HERE, site, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")))
    GUARD.check(headers(HERE, site, ("Origin", "http://shop.example:3000")))
    for other in ("same-site", "same-origin", "none"):
        GUARD.check(headers(HERE, ("Sec-Fetch-Site", other)))


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/", ("", "")),
        ("/shoes", ("shoes", "")),
        ("/shoes/", ("shoes", "")),
        ("/shoes/a/b%20c.txt?v=1", ("shoes", "a/b c.txt")),
        ("/shoes/gro%CC%88%C3%9Fe", ("shoes", "größe")),
        ("/shoes/a/", ("shoes", "a/")),
        ("/shoes/..a/.b", ("shoes", "..a/.b")),
    ],
)
def test_a_target_names_catalog_and_path(target: str, found: tuple[str, str]) -> None:
    assert read_target(target) == found


@pytest.mark.parametrize(
    "target",
    [
        "",
        "shoes",
        "http://127.0.0.1:8770/shoes",
        "*",
        "//shoes",
        "/shoes//a",
        "/shoes/../secret",
        "/shoes/..",
        "/../shoes",
        "/./shoes",
        "/shoes/%2e%2e/secret",
        "/shoes/%2E%2E%2Fsecret",
        "/shoes/a%2Fb",
        "/shoes/a%5Cb",
        "/shoes/a\\b",
        "/shoes/a%00b",
        "/shoes/a%0d%0ab",
        "/shoes/a%",
        "/shoes/a%zz",
        "/shoes/%FF",
        "/%2e%2e/shoes",
        "/..%2fshoes",
        "/shoes/%c0%ae%c0%ae/secret",
    ],
)
def test_paths_that_no_catalog_can_have_are_refused(target: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_target(target)
    assert caught.value.status in {400, 404}


def test_pages_escape_what_others_named() -> None:
    name = '"><script>alert(1)</script>&.txt'
    page = folder_page(Folder("shoes", 1, "<b>", (name,), (FileInfo(f"<b>/{name}", 5, 0),)))
    page += catalogs_page([("shoes", name)])
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert 'href="/shoes/%3Cb%3E/%22%3E%3Cscript%3E' in page


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.MP4", "video/mp4"),
        ("a/b.html", "text/html; charset=utf-8"),
        ("a.json/b", DEFAULT),
        ("b", DEFAULT),
        ("a.exe", DEFAULT),
        ("json", DEFAULT),
    ],
)
def test_types_go_by_the_extension(path: str, kind: str) -> None:
    assert media_type(path) == kind


def test_a_client_that_sends_slowly_runs_out_of_time() -> None:
    now = 0.0
    ours, theirs = socket.socketpair()
    with ours, theirs:
        source = TimedInput(ours, 30.0, clock=lambda: now)
        for _ in range(3):
            now += 10 if now else 9
            theirs.send(b"G")
            assert source.readinto(bytearray(5)) == 1
        now += 1
        theirs.send(b"G")
        with pytest.raises(TimeoutError):
            source.readinto(bytearray(5))
        source.restart()
        assert source.readinto(bytearray(5)) == 1
