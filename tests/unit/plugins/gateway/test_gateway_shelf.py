from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from catsync_core import Client
from catsync_core.errors import NoConnectionError, NotFoundError
from catsync_plugins.gateway.shelf import Shelf

KNOWN = ("boots", "shoes")


class Device:
    """A client whose catalog ``shoes`` is in a repository that does not answer before it is let to."""

    def __init__(self) -> None:
        self.tried = 0
        self.asking = threading.Event()
        self.answer = threading.Event()

    def catalog(self, catalog: str) -> Any:  # noqa: ANN401 - what stands in for a catalog
        if catalog not in KNOWN:
            raise NotFoundError(f"There is no catalog {catalog}")
        return _Catalog(self, catalog)


class _Catalog:
    def __init__(self, device: Device, name: str) -> None:
        self._device = device
        self._name = name

    def open_version(self, *, max_age: float) -> str:
        assert max_age > 0
        if self._name == "boots":
            return "boots 1"
        self._device.tried += 1
        self._device.asking.set()
        assert self._device.answer.wait(30)
        raise NoConnectionError("No answer")


def test_a_slow_repository_is_asked_once_for_all_who_wait_and_delays_nobody_else() -> None:
    device = Device()
    times = iter(range(1000))
    begun = threading.Semaphore(0)

    def clock() -> float:
        begun.release()
        return float(next(times))

    shelf = Shelf(cast("Client", device), clock)
    failed: list[bool] = []

    def open_shoes() -> None:
        with pytest.raises(NoConnectionError):
            shelf.open("shoes")
        failed.append(True)

    threads = [threading.Thread(target=open_shoes) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert device.asking.wait(30)
    assert str(shelf.open("boots")) == "boots 1"
    for _ in range(5):  # the four have looked at the clock, and so has this thread
        assert begun.acquire(timeout=30)
    device.answer.set()
    for thread in threads:
        thread.join()
    assert (len(failed), device.tried) == (4, 1)
    with pytest.raises(NoConnectionError):
        shelf.open("shoes")
    assert device.tried == 2


def test_unknown_catalogs_leave_nothing_behind() -> None:
    shelf = Shelf(cast("Client", Device()))
    for number in range(100):
        with pytest.raises(NotFoundError):
            shelf.open(f"x{number}")
    assert shelf._places == {}
