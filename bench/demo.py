"""The main job on real data: publish two versions of a catalog, take it offline over HTTP, update it.

Run it with ``make demo``. It fetches two versions of a pinned package, works in a temporary folder and leaves nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.catalogs import PAIRS, fetch

from catsync_core.backends.serve import serve

CATALOG = "simple-icons"


def main() -> None:
    """Run the demo."""
    pair = next(pair for pair in PAIRS if pair.name == CATALOG)
    old, new = fetch(pair)
    with tempfile.TemporaryDirectory(prefix="catsync-demo-") as scratch:
        os.environ["CATSYNC_HOME"] = f"{scratch}/device"
        repository = Path(scratch) / "repository"
        say("A publisher makes a repository and publishes the first version")
        run("init", repository)
        run("publish", old, repository, "--catalog", CATALOG, "--title", "Simple Icons")
        say("Any static web server serves it. A device adds it and takes the catalog offline")
        with serve(repository) as server:
            run("add", server.url)
            run("offline", CATALOG)
            say("The publisher publishes the next version")
            run("publish", new, repository, "--catalog", CATALOG)
            say("The device learns of it without downloading it, sees what an update would do, and updates")
            run("check")
            run("list")
            run("plan", CATALOG)
            run("update", CATALOG)
            run("verify", CATALOG)
        say("It works without a connection: the web server is gone")
        run("info", CATALOG)


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def run(*arguments: object) -> None:
    """Show and run one catsync command."""
    words = [str(argument) for argument in arguments]
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    print(f"$ catsync {shown}", flush=True)
    subprocess.run([sys.executable, "-m", "catsync_core.cli.main", *words], check=True)


if __name__ == "__main__":
    main()
