"""Do what is queued, and check what is due, as long as the screen is served: it hosts an agent.

Where an agent runs already, that one checks; jobs are done by whoever comes first.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from catsync_core import Agent, CatsyncError, JobRunner
from catsync_core.errors import LockedError
from catsync_core.events import Listener
from catsync_core.plugins import Plugins

__all__ = ["Worker"]

_AGAIN = 30.0  # seconds between looks at whether the other agent is still there


class Worker:
    """A thread that works for one home. Use it as a context manager.

    Args:
        home: Where catalogs and state lie.
        plugins: Of this process.
        listener: Gets the events of jobs and checks, from several threads.
    """

    def __init__(self, home: Path, plugins: Plugins, listener: Listener) -> None:
        self._home = home
        self._plugins = plugins
        self._listener = listener
        self._stop = threading.Event()
        self._failure: CatsyncError | None = None
        self._thread = threading.Thread(target=self._run, name="catsync-worker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def raise_failure(self) -> None:
        """Raise what ended the work, if something did.

        Raises:
            CatsyncError: such as a configuration that makes no sense.
        """
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._work()
        except CatsyncError as error:
            self._failure = error

    def _work(self) -> None:
        try:
            Agent(self._home, listener=self._listener, plugins=self._plugins).run(self._stop)
        except LockedError:
            with JobRunner(self._home, listener=self._listener, plugins=self._plugins):
                self._stop.wait(_AGAIN)
