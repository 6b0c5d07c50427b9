from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

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
from catsync_core.testing.faults import (
    Endless,
    Fault,
    FaultPlan,
    FaultyBackend,
    FaultyServer,
    FlipBit,
    Redirect,
    Reset,
    Stall,
    Status,
    Truncate,
    WebPage,
    WrongRange,
)
from catsync_core.testing.memory import MemoryBackend
from catsync_plugins.backend_http import HttpBackend

BODY = random.Random(7).randbytes(5000)


@pytest.fixture
def faulty() -> FaultyBackend:
    return FaultyBackend(MemoryBackend({"a": BODY}, piece=700))


def outcome(backend: FaultyBackend | HttpBackend) -> tuple[bytes, type[CatsyncError] | None]:
    received = bytearray()
    try:
        for piece in backend.read("a", 100, 3000):
            received += piece
    except CatsyncError as error:
        return bytes(received), type(error)
    return bytes(received), None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(),
        Truncate(),
        Truncate(after=1000),
        FlipBit(at=1234),
        Status(404),
        Status(410),
        Status(401),
        Status(403),
        Status(429),
        Status(500),
        Status(503),
        Status(400),
        WebPage(),
        WrongRange(),
        Stall(after=10, seconds=0.01),
        Stall(seconds=0.01),
    ],
)
def test_the_double_fails_like_the_real_thing(tmp_path: Path, faulty: FaultyBackend, fault: Fault) -> None:
    (tmp_path / "a").write_bytes(BODY)
    with FaultyServer(tmp_path) as server:
        real = HttpBackend(server.url)
        server.plan.add(fault)
        faulty.plan.add(fault)
        assert outcome(faulty) == outcome(real)
        real.close()


def test_a_reset_ends_with_an_error(faulty: FaultyBackend) -> None:
    faulty.plan.add(Reset(after=1000))
    assert outcome(faulty) == (BODY[100:1100], NoConnectionError)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Status(404), MissingObjectError),
        (Status(403), AuthorisationError),
        (Status(503), ServerError),
        (Redirect("/b"), RemoteError),
        (WebPage(), NoConnectionError),
        (Reset(), NoConnectionError),
        (Truncate(after=4999), NoConnectionError),
        (Endless(), LimitError),
        (WrongRange(), IntegrityError),
    ],
)
def test_get_fails(faulty: FaultyBackend, fault: Fault, error: type[CatsyncError]) -> None:
    faulty.plan.add(fault)
    with pytest.raises(error):
        faulty.get("a", max_length=5000)
    assert faulty.get("a", max_length=5000).body == BODY
    assert faulty.calls == [("get", "a"), ("get", "a")]


def test_retry_after_is_handed_on(faulty: FaultyBackend) -> None:
    faulty.plan.add(Status(503, retry_after="9"))
    with pytest.raises(ServerError) as caught:
        faulty.get("a", max_length=5000)
    assert caught.value.retry_after == 9.0


def test_a_refused_change_does_not_happen(faulty: FaultyBackend) -> None:
    faulty.plan.add(Status(503), times=3)
    for change in (
        lambda: faulty.put("b", b"x"),
        lambda: faulty.swap("b", b"x", expected_etag=None),
        lambda: faulty.delete("a"),
    ):
        with pytest.raises(ServerError):
            change()
    assert [info.key for info in faulty.list()] == ["a"]


@pytest.mark.parametrize("fault", [Reset(), Truncate(), Truncate(after=2)])
def test_a_change_whose_answer_gets_lost_did_happen(faulty: FaultyBackend, fault: Fault) -> None:
    faulty.plan.add(fault)
    with pytest.raises(NoConnectionError):
        faulty.put("b", b"x")
    assert faulty.get("b", max_length=1).body == b"x"


def test_the_plan_is_followed_in_order() -> None:
    plan = FaultPlan()
    first, packs, rest = Status(500), Status(404), Status(503)
    plan.add(packs, key="packs/", times=2)
    plan.add(first)
    plan.add(rest, times=math.inf)
    taken = [plan.take(key) for key in ("index.json", "packs/a", "index.json", "packs/b", "packs/c")]
    assert taken == [first, packs, rest, packs, rest]
    plan.clear()
    answer = Answer(200)
    assert plan.take("packs/a").spoil(answer) is answer
