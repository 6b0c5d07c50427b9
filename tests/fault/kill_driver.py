"""One job in a process of its own, for test_kill.py to kill: says "ready" once everything is imported, then works."""

from __future__ import annotations

import sys
from pathlib import Path

from catsync_core import Client, Publisher

CATALOG = "shoes"


def main(action: str, repository: str, place: str) -> None:
    """Do one job.

    Args:
        action: ``publish``, ``install`` or ``update``.
        repository: Its path or URL.
        place: The folder to publish, or the device's home.
    """
    if action == "publish":
        publisher = Publisher.open(repository, cache=Path(place).parent / "cache")
        print("ready", flush=True)  # noqa: T201  # the signal that the test waits for
        publisher.publish(Path(place), CATALOG)
        return
    with Client(Path(place)) as client:
        print("ready", flush=True)  # noqa: T201  # likewise
        client.add(repository)
        catalog = client.catalog(CATALOG)
        if action == "install":
            catalog.go_offline()
        else:
            catalog.update()


if __name__ == "__main__":
    main(*sys.argv[1:])
