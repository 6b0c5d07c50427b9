"""One call in a thread of its own, beside other work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Aside"]

_Answer = TypeVar("_Answer")


class Aside(Generic[_Answer]):
    """A call that begins when this is made. One that hangs cannot be ended, only left behind.

    Args:
        call: Any thread may run it.
        name: Of the thread.
    """

    def __init__(self, call: Callable[[], _Answer], name: str) -> None:
        self._call = call
        self._answers: list[_Answer] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def result(self, patience: float | None = None) -> _Answer:
        """Wait for the call, and return what it returned or raise what it raised.

        Args:
            patience: Seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: it takes longer.
        """
        self._thread.join(patience)
        if self._errors:
            raise self._errors[0]
        if not self._answers:
            raise TimeoutError(f"no answer within {patience:g} seconds")
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self._errors.append(error)
