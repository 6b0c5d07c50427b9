from __future__ import annotations

import os
from pathlib import Path

import pytest

from catsync_core.errors import LocalError
from catsync_plugins.web.access import LINK_SECONDS, SESSION_SECONDS, Access, load_key, make_link_token

SESSIONS, LINKS, OTHER = b"s" * 32, b"l" * 32, b"o" * 32
NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access(SESSIONS, LINKS, clock)


def test_a_link_gives_a_session_that_is_known(access: Access) -> None:
    session = access.redeem(make_link_token(LINKS, NOW))
    assert session is not None
    assert access.knows(session)


def test_a_link_works_once(access: Access) -> None:
    token = make_link_token(LINKS, NOW)
    assert access.redeem(token)
    assert access.redeem(token) is None
    assert access.redeem(make_link_token(LINKS, NOW))


def test_a_link_of_another_run_is_refused(access: Access) -> None:
    assert access.redeem(make_link_token(OTHER, NOW)) is None


def test_a_session_is_no_link_and_a_link_no_session(access: Access) -> None:
    token = make_link_token(LINKS, NOW)
    session = access.redeem(token)
    assert session is not None
    assert access.redeem(session) is None
    assert not access.knows(make_link_token(LINKS, NOW))


def test_links_and_sessions_end(access: Access, clock: Clock) -> None:
    late = make_link_token(LINKS, NOW)
    session = access.redeem(make_link_token(LINKS, NOW))
    assert session is not None
    clock.now = NOW + LINK_SECONDS
    assert access.redeem(late) is None
    clock.now = NOW + SESSION_SECONDS - 1
    assert access.knows(session)
    clock.now += 1
    assert not access.knows(session)


def test_a_session_goes_on_after_the_server_was_started_anew(access: Access, clock: Clock) -> None:
    session = access.redeem(make_link_token(LINKS, NOW))
    assert session is not None
    assert Access(SESSIONS, OTHER, clock).knows(session)


@pytest.mark.parametrize("change", ["", "x", "1800000000.x.y", "é", "." * 300, "nan.x." + "0" * 64])
def test_nonsense_is_no_session(access: Access, change: str) -> None:
    assert not access.knows(change)
    assert access.redeem(change) is None


def test_no_character_of_a_token_can_be_changed(access: Access) -> None:
    token = make_link_token(LINKS, NOW)
    for place in range(len(token)):
        other = "0" if token[place] != "0" else "1"
        assert access.redeem(token[:place] + other + token[place + 1 :]) is None


def test_a_key_is_kept_and_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_key_that_others_could_read_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = load_key(path)
    path.chmod(0o644)
    assert load_key(path) != key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_broken_key_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_key(path)
    path.write_bytes(b"short")
    assert len(load_key(path)) == 32


def test_a_key_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be"):
        load_key(tmp_path / "file" / "key")
