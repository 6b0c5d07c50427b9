"""What all catalogs of a device share: where things lie, what is remembered, who is told, who is asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from catsync_core.client.sources import Sources
from catsync_core.client.state import State
from catsync_core.events import Event, Listener
from catsync_core.plugins import Plugins
from catsync_core.store.layout import CatalogStore, list_stored
from catsync_core.store.pointer import read_pointer

if TYPE_CHECKING:
    from catsync_core.backends.throttle import Throttle
    from catsync_core.client.notices import Notices
    from catsync_core.client.policies import Policies
    from catsync_core.client.schedules import Schedules
    from catsync_core.config import Config

__all__ = ["Device", "Settings"]


class Settings:
    """The configuration and who acts upon it; read when first needed, for most commands do without.

    Args:
        home: Where the configuration file lies, unless the environment names another one.
        plugins: Offer policies.
        listener: Is told of policies that fail.
        now: The clock, seconds since 1970.
    """

    def __init__(self, home: Path, plugins: Plugins, listener: Listener, now: Callable[[], float]) -> None:
        self._home = home
        self._plugins = plugins
        self._listener = listener
        self._now = now
        self._told: Notices | None = None

    def require_notices(self) -> None:
        """Tell the user's notifiers too from now on. A mistake in their settings is met here and not in a job.

        Raises:
            ConfigError: (local) as :attr:`notices`.
        """
        self._told = self.notices

    def require_all(self) -> None:
        """Meet every mistake in the configuration now: for whoever works where nobody is watching.

        Raises:
            ConfigError: (local) there is one.
        """
        self.require_notices()
        _ = self.policies, self.schedules, self.throttle

    def tell(self, event: Event) -> None:
        """Take an event: hand it to the listener and, where something happens that they are for, to the notifiers."""
        self._listener(event)
        if self._told is not None:
            self._told(event)

    def close(self) -> None:
        """Deliver what notifiers are still to be told."""
        if self._told is not None:
            self._told.close()

    @cached_property
    def config(self) -> Config:
        """What the user configured.

        Raises:
            ConfigError: (local) it makes no sense.
        """
        from catsync_core.config import find_config  # noqa: PLC0415 - as the class says

        return find_config(self._home)

    @cached_property
    def policies(self) -> Policies:
        """The policies that the user enabled.

        Raises:
            ConfigError: (local) one does not exist, or its settings make no sense.
        """
        from catsync_core.client.policies import Policies  # noqa: PLC0415 - as above

        return Policies(self.config, self._plugins, self._now, listener=self._listener)

    @cached_property
    def schedules(self) -> Schedules:
        """When catalogs are checked.

        Raises:
            ConfigError: (local) one does not exist, or its settings make no sense.
        """
        from catsync_core.client.schedules import Schedules  # noqa: PLC0415 - as above

        return Schedules(self.config, self._plugins, listener=self._listener)

    @cached_property
    def notices(self) -> Notices:
        """Whom the user wants to be told.

        Raises:
            ConfigError: (local) a notifier does not exist, or its settings make no sense.
        """
        from catsync_core.client.notices import Notices  # noqa: PLC0415 - as above

        return Notices(self.config, self._plugins, listener=self._listener)

    @cached_property
    def throttle(self) -> Throttle | None:
        """What limits how fast bytes arrive; None where no policy does."""
        if not self.policies.limit_rates:
            return None
        from catsync_core.backends.throttle import Throttle  # noqa: PLC0415 - as above

        return Throttle(self.policies.max_rate)


class Device(msgspec.Struct, frozen=True):
    """One home.

    Attributes:
        home: Where catalogs and state lie.
        state: What is remembered.
        sources: The repositories.
        settings: What is configured.
        plugins: What is installed.
        listener: Gets events.
        cancelled: When it is set, whatever goes on ends; by someone else, or by who looks after a job.
        now: The clock, seconds since 1970.
        owns_settings: Whether the settings end with it; those of a sibling do not.
    """

    home: Path
    state: State
    sources: Sources
    settings: Settings
    plugins: Plugins
    listener: Listener
    cancelled: threading.Event
    now: Callable[[], float]
    owns_settings: bool

    @classmethod
    def open(
        cls,
        home: Path,
        plugins: Plugins,
        listener: Listener,
        *,
        cancelled: threading.Event | None = None,
        now: Callable[[], float] = time.time,
    ) -> Self:
        """Open a home; what is missing is made. Whoever opens it closes it.

        Raises:
            LocalError: (local) its state cannot be used.
        """
        settings = Settings(home, plugins, listener, now)
        return cls._connect(home, plugins, settings, cancelled or threading.Event(), now, owns_settings=True)

    def sibling(self, cancelled: threading.Event) -> Self:
        """Open the same home once more, for another thread, with connections of its own.

        What is limited and who is told is the same: all jobs of a process share one bandwidth and one set of notifiers.
        Close it before this one.

        Args:
            cancelled: As the attribute.

        Raises:
            LocalError: (local) its state cannot be used.
        """
        return self._connect(self.home, self.plugins, self.settings, cancelled, self.now, owns_settings=False)

    @classmethod
    def _connect(
        cls,
        home: Path,
        plugins: Plugins,
        settings: Settings,
        cancelled: threading.Event,
        now: Callable[[], float],
        *,
        owns_settings: bool,
    ) -> Self:
        state = State(home / "state.sqlite3")
        sources = Sources(state, plugins, cancelled=cancelled, throttle=lambda: settings.throttle, now=now)
        return cls(home, state, sources, settings, plugins, settings.tell, cancelled, now, owns_settings)

    def close(self) -> None:
        """Close connections and state, and deliver what notifiers are still to be told."""
        self.sources.close()
        self.state.close()
        if self.owns_settings:
            self.settings.close()

    def store(self, catalog: str) -> CatalogStore:
        """Return a catalog's place."""
        return CatalogStore(self.home, catalog)

    def stored_bytes(self) -> int:
        """Return the bytes of all versions that are in use."""
        pointers = (read_pointer(self.store(catalog)) for catalog in list_stored(self.home))
        return sum(installed.bytes for installed in pointers if installed is not None)
