from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from bench._shape import FAST, LOOPBACK, SLOW, Profile, ShapedLane
from bench._traffic import Traffic
from bench._wire import Relay
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Every time limit here is a lower bound: a busy machine makes a link slower, never faster.


def test_bytes_pass_at_the_rate_and_arrive_after_the_delay() -> None:
    lane = ShapedLane(rate=1000, delay=0.5)
    assert lane.enter(100, now=7.0) == pytest.approx((7.1, 7.6))
    assert lane.enter(200, now=7.0) == pytest.approx((7.3, 7.8))  # behind the first ones, whosever they are


def test_what_an_idle_lane_did_not_carry_is_lost() -> None:
    lane = ShapedLane(rate=1000, delay=0.5)
    lane.enter(100, now=0.0)
    assert lane.enter(100, now=50.0) == pytest.approx((50.1, 50.6))


def test_nothing_arrives_before_what_entered_earlier() -> None:
    lane = ShapedLane(rate=1000, delay=0.5)
    passed, arrives = lane.enter(100, now=1.0)
    assert lane.enter(0, now=1.0) == (passed, arrives)  # an end waits too


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(0, 3)), min_size=1, max_size=30))
def test_a_lane_never_carries_more_than_its_rate_nor_less_than_it_could(steps: list[tuple[int, float]]) -> None:
    lane = ShapedLane(rate=1000, delay=0.25)
    now, total, idle, free = 0.0, 0, 0.0, 0.0
    for size, pause in steps:
        now += pause
        idle += max(0.0, now - free)
        total += size
        free, arrives = lane.enter(size, now)
        assert free == pytest.approx(total / 1000 + idle)
        assert arrives == pytest.approx(free + 0.25)


def test_profiles_are_those_that_the_page_names() -> None:
    assert (FAST.rate, FAST.round_trip) == (20_000_000, 0.04)
    assert (SLOW.rate, SLOW.round_trip) == (2_000_000, 0.2)
    assert LOOPBACK.lay().round_trip == 0


def read_all(end: socket.socket) -> bytes:
    return b"".join(iter(lambda: end.recv(1 << 16), b""))


def echo(connection: socket.socket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def greet(connection: socket.socket) -> None:
    connection.sendall(b"hello")


def flood(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(bytes(1 << 22))


@pytest.fixture
def relay_to() -> Iterator[Callable[[Callable[[socket.socket], None], Profile], Relay]]:
    """Starts a server that does one thing with each connection, and a relay to it over a link."""
    listeners: list[socket.socket] = []
    relays: list[Relay] = []

    def answer(act: Callable[[socket.socket], None], connection: socket.socket) -> None:
        with connection:
            try:
                act(connection)
            except ConnectionError:  # a client that left
                return

    def listen(act: Callable[[socket.socket], None], listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(act, connection), daemon=True).start()

    def start(act: Callable[[socket.socket], None], profile: Profile) -> Relay:
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=listen, args=(act, listeners[-1]), daemon=True).start()
        relays.append(Relay(listeners[-1].getsockname()[1], http=False))
        relays[-1].link = profile.lay()
        return relays[-1].__enter__()

    yield start
    for relay in relays:
        relay.__exit__()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def connect(relay: Relay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.port))


def test_a_shaped_relay_passes_everything_on_and_counts_it(relay_to: Callable[..., Relay]) -> None:
    relay = relay_to(echo, Profile("p", rate=400e6, round_trip=0.01))
    message = bytes(range(256)) * 2048

    def send(client: socket.socket) -> None:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)

    with connect(relay) as client:
        threading.Thread(target=send, args=(client,)).start()
        assert read_all(client) == message
    assert relay.take() == Traffic(1 << 19, 1 << 19, connections=1)


def test_a_connection_costs_a_round_trip_and_every_exchange_another(relay_to: Callable[..., Relay]) -> None:
    relay = relay_to(echo, Profile("p", rate=1e9, round_trip=0.1))
    began = time.monotonic()
    with connect(relay) as client:
        for exchanges in (1, 2):
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            assert time.monotonic() - began >= 0.1 * (1 + exchanges)


def test_a_server_that_speaks_first_is_heard_after_two_round_trips(relay_to: Callable[..., Relay]) -> None:
    relay = relay_to(greet, Profile("p", rate=1e9, round_trip=0.1))
    began = time.monotonic()
    with connect(relay) as client:
        assert client.recv(5) == b"hello"
    assert time.monotonic() - began >= 0.2


def test_parallel_connections_share_the_rate(relay_to: Callable[..., Relay]) -> None:
    relay = relay_to(echo, Profile("p", rate=8 * 400_000, round_trip=0.0))

    def ask() -> None:
        with connect(relay) as client:
            client.sendall(bytes(20_000))
            client.shutdown(socket.SHUT_WR)
            assert len(read_all(client)) == 20_000

    clients = [threading.Thread(target=ask) for _ in range(4)]
    began = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert time.monotonic() - began >= 80_000 / 400_000
    assert relay.take().bytes == 160_000


def test_what_a_client_left_behind_does_not_hold_the_link(relay_to: Callable[..., Relay]) -> None:
    relay = relay_to(flood, Profile("p", rate=8 * 100_000, round_trip=0.02))  # 42 seconds' worth
    with connect(relay) as client:
        client.sendall(b"x")
        client.recv(1)
    assert 1 < relay.take(timeout=20).received < 1 << 20


def test_a_link_can_be_replaced_for_the_connections_to_come(relay_to: Callable[..., Relay]) -> None:
    relay = relay_to(echo, Profile("p", rate=1e9, round_trip=0.05))
    relay.link = LOOPBACK.lay()
    with connect(relay) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    relay.take()
    relay.link = Profile("p", rate=1e9, round_trip=0.1).lay()
    began = time.monotonic()
    with connect(relay) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    assert time.monotonic() - began >= 0.2
