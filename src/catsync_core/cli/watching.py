"""``catsync publish --watch``: what a person, a log or a program learns of each round."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from catsync_core.backends.registry import normalise_url, path_of, scheme_of
from catsync_core.cli.progress import choose_progress
from catsync_core.cli.screen import Screen
from catsync_core.cli.words import show_seconds
from catsync_core.client.home import home_folder
from catsync_core.errors import CancelledError, CatsyncError, UsageError
from catsync_core.events import Phase, Warned
from catsync_core.publish.changes import Changes
from catsync_core.publish.publisher import Publication
from catsync_core.publish.watch import SETTLE, watch

__all__ = ["publish_changes", "refuse_loop"]


def refuse_loop(folder: Path, repo: str) -> None:
    """Refuse to watch a folder in which catsync itself writes: every publish would lead to another one.

    Raises:
        UsageError: (local) the repository, or what catsync keeps on this device, lies in it.
    """
    url = normalise_url(repo)
    written = {"what catsync keeps on this device": home_folder()}
    if scheme_of(url) == "file":
        written["the repository"] = path_of(url)
    for what, place in written.items():
        if place.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"{folder} cannot be watched: {what} lies in it, at {place}",
                hint="Move it elsewhere; every publish would be a change that leads to the next one",
            )


def publish_changes(
    screen: Screen,
    folder: Path,
    catalog: str,
    *,
    publish: Callable[[], Publication],
    show: Callable[[Publication], None],
    settle: float | None,
) -> None:
    """Publish a folder now and whenever it has changed and settled, until Ctrl-C.

    Args:
        screen: Gets a line for each round.
        folder: The folder.
        catalog: Id.
        publish: Publishes it.
        show: Shows what was published.
        settle: Seconds without a change after which it counts as settled; None for the usual time.

    Raises:
        CancelledError: (local) Ctrl-C came in the midst of a publish.
        CatsyncError: (all sides) what does not mend by waiting.
    """
    tell = choose_progress(screen)

    def publish_whole() -> Publication:
        try:
            return publish()
        except KeyboardInterrupt as interrupt:
            raise CancelledError(
                f"Stopped in the midst of publishing {catalog}",
                hint="Readers see the version before; what was uploaded is used by the next publish",
            ) from interrupt

    def succeed(done: Publication) -> None:
        show(done)
        tell(Phase("publish", catalog, "watch"))

    def fail(error: CatsyncError, pause: float | None) -> None:
        when = "when the folder changes again" if pause is None else f"in {show_seconds(pause)}"
        tell(Warned(catalog, f"{_now()} Not published: {' '.join(error.message.split())}. Tried again {when}"))
        tell(Phase("publish", catalog, "watch"))

    try:
        with Changes(folder, tell) as changes:
            screen.say(f"Watching {folder}. Ctrl-C ends it.")
            watch(publish_whole, changes, settle=settle or SETTLE, on_published=succeed, on_failed=fail)
    except KeyboardInterrupt:
        screen.say("Stopped.")


def _now() -> str:
    return time.strftime("%H:%M:%S")
