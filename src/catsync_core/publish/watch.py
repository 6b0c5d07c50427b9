"""Publish a folder again whenever it has changed and settled, for as long as somebody wants that.

Nothing is lost: a round forgets the changes so far only when it begins to look at the folder, and whatever is reported
from then on leads to another round. A round that fails for a passing reason is repeated.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NoReturn, Protocol

from catsync_core.errors import CatsyncError, ConflictError, DiskFullError, MissingObjectError, ServerError, SourceError
from catsync_core.publish.publisher import Publication
from catsync_core.publish.scan import ChangedWhilePublishingError
from catsync_core.publish.settle import Settling

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "LOOK_EVERY", "SETTLE", "Observed", "watch"]

SETTLE = 2.0
"""Seconds without a change after which a folder counts as settled, unless somebody says otherwise."""
LOOK_EVERY = 60.0
"""Seconds without a report after which the folder itself is looked at."""
FIRST_PAUSE = 5.0
"""Seconds after the first failure in a row; each further one doubles them."""
LONGEST_PAUSE = 300.0

_PASSING = (ConflictError, DiskFullError)  # not for a command that ends, but for one that can wait


class Observed(Protocol):
    """What tells of changes; see :class:`~catsync_core.publish.changes.Changes`."""

    def wait(self, seconds: float) -> bool:
        """Wait for a change."""

    def look(self) -> bool:
        """Return whether there was a change that nobody reported."""

    def follow(self) -> None:
        """Go on watching, from what is there now."""


def watch(
    publish: Callable[[], Publication],
    changes: Observed,
    *,
    settle: float = SETTLE,
    on_published: Callable[[Publication], None],
    on_failed: Callable[[CatsyncError, float | None], None],
    clock: Callable[[], float] = time.monotonic,
) -> NoReturn:
    """Publish at once, and then each time that the folder has changed and settled.

    Args:
        publish: Publishes the folder as it is.
        changes: Of the folder.
        settle: Seconds without a change after which it counts as settled.
        on_published: Told of each round that succeeded, also where nothing was to be published.
        on_failed: Told of each round that failed, and in how many seconds it is repeated at the earliest; None: when
            something changes.
        clock: Seconds, monotonic.

    Raises:
        SourceError: (local) the folder is gone.
        CatsyncError: (all sides) a failure that does not mend by waiting, such as an authorisation that is missing.
    """
    settling = Settling(settle).changed(-math.inf)
    failures, reached = 0, False
    while True:
        pause = settling.pause(clock())
        if changes.wait(LOOK_EVERY if pause is None else pause) or (pause is None and changes.look()):
            settling = settling.changed(clock())
        if settling.pause(clock()) != 0:
            continue
        settling = settling.begun()
        changes.follow()
        try:
            done = publish()
        except ChangedWhilePublishingError as error:
            settling = settling.changed(clock())
            on_failed(error, settle)
        except SourceError as error:  # mended by a change of the folder, which may be under way
            on_failed(error, None)
        except CatsyncError as error:
            if not _passes(error, reached=reached):
                raise
            failures += 1
            pause = _pause(error, failures)
            settling = settling.held(clock(), pause)
            on_failed(error, pause)
        else:
            failures, reached = 0, True
            on_published(done)


def _passes(error: CatsyncError, *, reached: bool) -> bool:
    """Whether waiting may help: a repository that was there may be on a drive that comes back."""
    return error.retryable or isinstance(error, _PASSING) or (reached and isinstance(error, MissingObjectError))


def _pause(error: CatsyncError, failures: int) -> float:
    asked = error.retry_after if isinstance(error, ServerError) else None
    doubled: float = FIRST_PAUSE * 2 ** min(failures - 1, 10)
    return max(asked or 0.0, min(doubled, LONGEST_PAUSE))
