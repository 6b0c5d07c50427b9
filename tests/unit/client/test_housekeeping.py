"""What a cancelled download left goes after a day, and nothing else does."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from catsync_core.client.client import Client
from catsync_core.client.device import Device
from catsync_core.client.housekeeping import GRACE, discard_leftovers
from catsync_core.errors import CancelledError
from catsync_core.events import Event, Progress
from catsync_core.plugins import load_plugins
from support.shop import Shop


def open_later(home: Path, seconds: float) -> Device:
    return Device.open(home, load_plugins(), lambda _: None, now=lambda: time.time() + seconds)


@pytest.fixture
def home(tmp_path: Path, shop: Shop) -> Path:
    """A device on which the download of shoes was stopped after some of it had arrived."""
    stop = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and event.done > 1 << 20:  # more than one frame
            stop.set()

    text = random.Random(1).randbytes(3 << 20).hex()  # what does not compress well comes in several frames
    shop.publish(film=text)
    with Client(tmp_path / "home", listener=listen, cancelled=stop) as client:
        client.add(str(shop.repository))
        with pytest.raises(CancelledError):
            client.catalog("shoes").go_offline()
    return tmp_path / "home"


def test_what_a_cancelled_download_left_goes_after_a_day(home: Path) -> None:
    with Client(home) as client:
        assert client.catalog("shoes").info().kept_bytes > 0
        client.catalog("shoes").cancel()
        kept = client.catalog("shoes").info().kept_bytes
        assert kept > 0
    early, late = open_later(home, GRACE - 60), open_later(home, GRACE + 60)
    assert discard_leftovers(early) == []
    assert discard_leftovers(late) == ["shoes"]
    assert not late.store("shoes").root.exists()
    early.close()
    late.close()


def test_what_is_still_wanted_stays(home: Path) -> None:
    late = open_later(home, GRACE + 60)
    assert discard_leftovers(late) == []  # the download is queued
    with Client(home) as client:
        client.catalog("shoes").go_offline()
        assert discard_leftovers(late) == []  # and now it is complete
        client.catalog("shoes").go_online()
    assert discard_leftovers(late) == []  # and now nothing is there
    late.close()
