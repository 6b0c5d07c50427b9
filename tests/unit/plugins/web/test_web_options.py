from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from catsync_core.errors import LocalError, UsageError
from catsync_plugins.web.access import Access
from catsync_plugins.web.options import Options
from catsync_plugins.web.presence import Presence
from catsync_plugins.web.server import listen_at

TLS = Options(certificate="desk.pem", key="desk-key.pem")


@pytest.mark.parametrize(
    "options",
    [
        Options(host="0.0.0.0"),  # noqa: S104 - that is what is refused
        Options(host="192.0.2.7"),
        Options(host="::"),
        Options(certificate="desk.pem"),
        Options(key="desk-key.pem"),
        replace(TLS, host="0.0.0.0"),  # noqa: S104 - likewise
    ],
)
def test_84_what_would_let_others_listen_in_is_refused(options: Options) -> None:
    with pytest.raises(UsageError):
        options.check()


@pytest.mark.parametrize(
    ("options", "hosts"),
    [
        (Options(), ("127.0.0.1:80", "localhost:80")),
        (Options(host="::1"), ("[::1]:80", "localhost:80")),
        (Options(host="localhost"), ("localhost:80",)),
        (replace(TLS, host="192.0.2.7"), ("192.0.2.7:80",)),
        (replace(TLS, host="0.0.0.0", names=("Desk.example",)), ("desk.example:80",)),  # noqa: S104 - with TLS
    ],
)
def test_its_names_are_those_by_which_it_can_be_reached(options: Options, hosts: tuple[str, ...]) -> None:
    options.check()
    assert options.hosts(80) == hosts


def test_84_a_port_that_is_taken_is_passed_over_unless_it_was_asked_for() -> None:
    with listen_at("127.0.0.1", 0, 0) as taken:
        port = taken.getsockname()[1]
        with listen_at("127.0.0.1", None, port) as other:
            assert other.getsockname()[1] != port
        with pytest.raises(LocalError, match=f"port {port}"):
            listen_at("127.0.0.1", port, 0)


def test_who_comes_second_finds_the_first(tmp_path: Path) -> None:
    with Presence(tmp_path) as first:
        assert first.other == ""
        first.announce("http://127.0.0.1:8769")
        with Presence(tmp_path) as second:
            address, _, token = second.other.partition("/#token=")
            assert address == "http://127.0.0.1:8769"
            assert Access(b"s" * 32, first.key, time.time).redeem(token)
        note = tmp_path / "ui.json"
        assert note.stat().st_mode & 0o777 == 0o600
        assert json.loads(note.read_bytes())["origin"] == "http://127.0.0.1:8769"
    assert not note.exists()
    with Presence(tmp_path) as third:
        assert third.other == ""


def test_one_that_is_just_opening_cannot_be_opened_yet(tmp_path: Path) -> None:
    with Presence(tmp_path), pytest.raises(LocalError, match="just opening"), Presence(tmp_path):
        pass
