"""A call in a thread of its own."""

from __future__ import annotations

import threading

import pytest

from catsync_core.client.aside import Aside


def test_it_runs_beside_who_made_it_and_gives_what_it_returns() -> None:
    going = threading.Event()
    aside = Aside(lambda: (going.wait(), threading.current_thread().name), "catsync-test")
    going.set()
    assert aside.result() == (True, "catsync-test")
    assert aside.result() == (True, "catsync-test"), "as often as it is asked for"


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit(3), KeyboardInterrupt()])
def test_what_it_raises_is_raised_where_it_is_waited_for(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        Aside(fail, "catsync-test").result()
    assert caught.value is error


def test_it_is_waited_for_no_longer_than_asked() -> None:
    going = threading.Event()
    aside = Aside(going.wait, "catsync-test")
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 seconds"):
        aside.result(0.01)
    going.set()
    assert aside.result() is True
