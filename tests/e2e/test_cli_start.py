"""What a download has loaded when: a command that waits for the network does its own work meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from catsync_core.backends.serve import Server
from support.command_line import CommandLine
from support.shop import Shop

LOADED_LATER = (
    "backports.zstd",
    "catsync_core.chunking",
    "catsync_core.client.installation",
    "concurrent.futures",
    "email",
    "filelock",
    "http.client",
    "random",
    "shutil",
    "ssl",
)
PROGRAM = f"""
import sys
from catsync_core.cli.main import cli
from catsync_plugins import _http_early, backend_http
connect, get = _http_early.connect_early, backend_http.HttpBackend.get
def note_connect(url):
    print("connect", *({set(LOADED_LATER)!r} & set(sys.modules)), file=sys.stderr)
    return connect(url)
def note_get(self, *arguments, **options):
    print("get", "http.client" in sys.modules, file=sys.stderr)
    return get(self, *arguments, **options)
_http_early.connect_early, backend_http.HttpBackend.get = note_connect, note_get
cli.main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="asking the system for a proxy loads more")
@pytest.mark.parametrize("command", ["offline", "update"])
def test_a_job_connects_before_it_loads_what_it_needs_later(
    catsync: CommandLine, server: Server, shop: Shop, command: str
) -> None:
    catsync.run("add", server.url)
    if command == "update":
        catsync.run("offline", "shoes")
        shop.publish(prices='{"red": 12}')
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, command, "shoes"],
        env={**os.environ, "CATSYNC_HOME": str(catsync.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    noted = [line for line in done.stderr.splitlines() if line.split(" ")[0] in {"connect", "get"}]
    assert noted[:2] == ["connect", "get True"], done.stderr
