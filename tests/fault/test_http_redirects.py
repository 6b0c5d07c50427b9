"""Where the ``http`` backend follows a redirect, and what it does not carry there."""

from __future__ import annotations

import math
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest

from catsync_core.errors import RemoteError
from catsync_core.testing.faults import Fault, FaultyServer, Redirect
from catsync_plugins._http_redirect import redirect_target, same_site
from catsync_plugins.backend_http import HttpBackend

PACK = bytes(range(256)) * 100
StartServer = Callable[[Path], FaultyServer]


class Listen(Fault):
    """Notes the credentials of a request."""

    def __init__(self) -> None:
        self.heard: list[str | None] = []

    def mishear(self, headers: Message) -> None:
        self.heard.append(headers["Authorization"])


class ListeningRedirect(Listen):
    """Notes the credentials of a request, and redirects it."""

    def __init__(self, redirect: Redirect) -> None:
        super().__init__()
        self.spoil = redirect.spoil  # type: ignore[method-assign]  # one fault made of two


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    for place in (tmp_path, tmp_path / "new"):
        (place / "a.pack").write_bytes(PACK)
        (place / "index.json").write_bytes(b"{}")
    return tmp_path


@pytest.fixture
def server(folder: Path, faulty_server: StartServer) -> FaultyServer:
    return faulty_server(folder)


@pytest.fixture
def other(folder: Path, faulty_server: StartServer) -> FaultyServer:
    return faulty_server(folder)


def read(backend: HttpBackend) -> bytes:
    return b"".join(backend.read("a.pack", 100, 1000))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_range(server: FaultyServer, other: FaultyServer, status: int) -> None:
    server.plan.add(Redirect(f"{other.url}/new/a.pack", status))
    backend = HttpBackend(server.url)
    assert read(backend) == PACK[100:1100]
    assert other.count(key="new/a.pack", status=206) == 1
    backend.close()


def test_a_relative_redirect_stays_here(server: FaultyServer) -> None:
    server.plan.add(Redirect("new/a.pack"))
    backend = HttpBackend(server.url)
    assert read(backend) == PACK[100:1100]
    assert [served.key for served in server.log] == ["a.pack", "new/a.pack"]
    backend.close()


@pytest.mark.parametrize(("status", "asked_again"), [(301, 1), (308, 1), (302, 3), (307, 3)])
def test_only_a_move_for_good_is_remembered(
    server: FaultyServer, other: FaultyServer, status: int, asked_again: int
) -> None:
    server.plan.add(Redirect(f"{other.url}/new/a.pack", status), times=math.inf)
    backend = HttpBackend(server.url)
    for _ in range(3):
        assert read(backend) == PACK[100:1100]
    assert server.requests == asked_again
    assert other.requests == 3
    backend.close()


def test_a_move_that_began_for_now_is_not_for_good(server: FaultyServer, other: FaultyServer) -> None:
    server.plan.add(Redirect(f"{other.url}/a.pack", 302), times=math.inf)
    other.plan.add(Redirect("/new/a.pack", 301), key="a.pack", times=math.inf)
    backend = HttpBackend(server.url)
    for _ in range(2):
        assert read(backend) == PACK[100:1100]
    assert server.requests == 2
    backend.close()


def test_a_move_to_an_unrelated_name_is_not_remembered(server: FaultyServer) -> None:
    server.plan.add(Redirect("/new/a.pack", 301), key="index.json", times=math.inf)
    backend = HttpBackend(server.url)
    for _ in range(2):
        assert backend.get("index.json", max_length=10**6).body == PACK
    assert server.count(key="index.json") == 2
    backend.close()


def test_five_redirects_are_enough(server: FaultyServer) -> None:
    server.plan.add(Redirect("/a.pack"), times=5)
    backend = HttpBackend(server.url)
    assert read(backend) == PACK[100:1100]
    server.plan.add(Redirect("/a.pack"), times=6)
    with pytest.raises(RemoteError, match="more than 5 times"):
        read(backend)
    assert server.requests == 12
    backend.close()


@pytest.mark.parametrize(
    "target",
    ["ftp://host/x", "file:///etc/passwd", "javascript:alert(1)", "http://[::1/x", "http://h:99999/", "https://"],
)
def test_what_is_no_web_address_is_refused(server: FaultyServer, target: str) -> None:
    server.plan.add(Redirect(target))
    backend = HttpBackend(server.url)
    with pytest.raises(RemoteError, match="no web address"):
        read(backend)
    backend.close()


@pytest.mark.parametrize(
    "target",
    ["http://..", "http://" + "x" * 300 + "/", "http://\xff.invalid/", "http://a b/", "http://127.0.0.1:1/\x01"],
)
def test_a_redirect_into_nowhere_is_no_crash(server: FaultyServer, target: str) -> None:
    server.plan.add(Redirect(target))
    backend = HttpBackend(server.url)
    with pytest.raises(RemoteError):
        read(backend)
    backend.close()


def test_https_is_not_left() -> None:
    with pytest.raises(RemoteError, match="from https to http") as caught:
        redirect_target("https://host/repo/index.json", "http://host/login")
    assert "log in" in caught.value.hint
    assert redirect_target("http://host/index.json", "https://host/x") == "https://host/x"
    assert redirect_target("https://host/index.json", "//other/x") == "https://other/x"


def test_credentials_do_not_travel_to_another_server(server: FaultyServer, other: FaultyServer) -> None:
    first, second = ListeningRedirect(Redirect(f"{other.url}/a.pack")), Listen()
    server.plan.add(first)
    other.plan.add(second)
    backend = HttpBackend(server.url.replace("http://", "http://user:secret@"))
    assert read(backend) == PACK[100:1100]
    assert first.heard == ["Basic dXNlcjpzZWNyZXQ="]
    assert second.heard == [None]
    backend.close()


def test_nor_after_a_move_for_good(server: FaultyServer, other: FaultyServer) -> None:
    listen = Listen()
    server.plan.add(Redirect(f"{other.url}/a.pack", 301))
    other.plan.add(listen, times=2)
    backend = HttpBackend(server.url.replace("http://", "http://user:secret@"))
    read(backend)
    read(backend)
    assert listen.heard == [None, None]
    backend.close()


def test_credentials_stay_on_the_same_server(server: FaultyServer) -> None:
    listen = Listen()
    server.plan.add(Redirect("/new/a.pack", 301))
    server.plan.add(listen, times=2)
    backend = HttpBackend(server.url.replace("http://", "http://user:secret@"))
    read(backend)
    read(backend)
    assert listen.heard == ["Basic dXNlcjpzZWNyZXQ="] * 2
    backend.close()


def test_credentials_in_a_redirect_are_not_used(server: FaultyServer, other: FaultyServer) -> None:
    listen = Listen()
    server.plan.add(Redirect(f"{other.url}/a.pack".replace("http://", "http://user:secret@")))
    other.plan.add(listen)
    backend = HttpBackend(server.url)
    read(backend)
    assert listen.heard == [None]
    backend.close()


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("https://host/a", "https://host/b", True),
        ("https://host/a", "https://HOST:443/b", True),
        ("http://host/a", "https://host/a", True),
        ("http://host:80/a", "https://host:443/a", True),
        ("http://host:8080/a", "https://host/a", False),
        ("https://host/a", "https://host:8443/a", False),
        ("https://host/a", "https://evil.host/a", False),
        ("https://host/a", "https://host.evil/a", False),
        ("https://host/a", "http://host/a", False),
    ],
)
def testsame_site(old: str, new: str, *, same: bool) -> None:
    assert same_site(old, new) is same
