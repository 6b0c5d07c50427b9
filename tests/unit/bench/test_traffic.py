from __future__ import annotations

import pytest
from bench._traffic import MessageCounter, Traffic
from hypothesis import given
from hypothesis import strategies as st

GET = b"GET /a HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9\r\n\r\n"
PUT = b"PUT /b HTTP/1.1\r\ncontent-LENGTH:  10\r\n\r\n\r\n\r\nGET /x"  # the body looks like more
BARE = b"HTTP/1.1 304 Not Modified\r\n\r\n"


@given(st.lists(st.sampled_from([GET, PUT, BARE]), max_size=8), st.data())
def test_messages_and_bodies_are_counted_however_the_stream_is_cut(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    counter = MessageCounter()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        counter.feed(stream[start:end])
    assert (counter.messages, counter.body) == (len(messages), 10 * messages.count(PUT))


def test_a_message_counts_only_when_its_head_is_complete() -> None:
    counter = MessageCounter()
    counter.feed(GET[:-1])
    assert counter.messages == 0
    counter.feed(GET[-1:])
    assert counter.messages == 1


@pytest.mark.parametrize("arrived", [0, 3, 10])
def test_of_a_body_that_was_cut_off_what_came_counts(arrived: int) -> None:
    counter = MessageCounter()
    counter.feed(PUT[: len(PUT) - 10 + arrived])
    assert counter.body == arrived


def test_traffic_adds_up() -> None:
    total = Traffic(1, 2, 3, 4, 5) + Traffic(10, 20, 30, 40, 50)
    assert total == Traffic(11, 22, 33, 44, 55)
    assert total.bytes == 33
