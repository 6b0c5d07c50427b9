"""Compare HTTP clients at what catsync does: sequential ranges, one long stream, and Ctrl-C during a stall.

Run it with the project installed and ``pip install obstore urllib3`` in addition. The server is catsync's own, in a
process of its own; only the clients' share differs. docs/adr/0016-http-client-of-python.md says what follows.
"""

from __future__ import annotations

import http.client
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from catsync_plugins.backend_http import HttpBackend

RANGES = 400
LENGTH = 64 * 1024
SIZE = 64 * 1024 * 1024
SERVE = """
import sys
from pathlib import Path
from catsync_core.testing.faults import FaultyServer, Stall
with FaultyServer(Path(sys.argv[1])) as server:
    server.plan.add(Stall(after=10, seconds=15), key="stall.pack", times=100)
    print(server.url, flush=True)
    sys.stdin.read()
"""
Read = Callable[[str, int, int], int]


def with_http_client(url: str) -> Read:
    """The standard library: the floor, without pools, proxies and TLS policy."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)

    def read(key: str, offset: int, length: int) -> int:
        connection.request("GET", f"/{key}", headers={"Range": f"bytes={offset}-{offset + length - 1}"})
        return len(connection.getresponse().read())

    return read


def with_urllib3(url: str) -> Read:
    """urllib3 alone, which is no dependency of the project."""
    pool = import_module("urllib3").PoolManager()

    def read(key: str, offset: int, length: int) -> int:
        field = {"Range": f"bytes={offset}-{offset + length - 1}"}
        answer = pool.request("GET", f"{url}/{key}", headers=field, preload_content=False)
        return sum(len(piece) for piece in iter(lambda: answer.read1(LENGTH), b""))

    return read


def with_catsync(url: str) -> Read:
    """The ``http`` backend, on http.client, with all its checks."""
    backend = HttpBackend(url)
    return lambda key, offset, length: sum(map(len, backend.read(key, offset, length)))


def with_obstore(url: str) -> Read:
    """The HTTP store of obstore, which is no dependency either."""
    obstore = import_module("obstore")
    store = import_module("obstore.store").HTTPStore.from_url(url, client_options={"allow_http": True})
    return lambda key, offset, length: len(obstore.get_range(store, key, start=offset, length=length))


CLIENTS: dict[str, Callable[[str], Read]] = {
    "http.client": with_http_client,
    "urllib3": with_urllib3,
    "catsync": with_catsync,
    "obstore": with_obstore,
}


def measure(read: Read) -> tuple[float, float, float]:
    """Milliseconds and CPU milliseconds per range, and MB/s of one stream."""
    read("a.pack", 0, LENGTH)
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(RANGES):
        assert read("a.pack", number * LENGTH, LENGTH) == LENGTH
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    began = time.perf_counter()
    assert read("a.pack", 0, SIZE) == SIZE
    return wall / RANGES * 1e3, cpu / RANGES * 1e3, SIZE / (time.perf_counter() - began) / 1e6


def interrupt(name: str, url: str) -> float:
    """Seconds from SIGINT until a process that reads from a stalled server has ended."""
    process = subprocess.Popen([sys.executable, __file__, name, url], stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    began = time.perf_counter()
    process.send_signal(signal.SIGINT)
    process.wait()
    return time.perf_counter() - began


def main() -> None:
    """Print one line for each client."""
    if len(sys.argv) == 3:
        CLIENTS[sys.argv[1]](sys.argv[2])("stall.pack", 0, LENGTH)
        return
    with tempfile.TemporaryDirectory() as folder:
        body = random.Random(1).randbytes(SIZE)
        Path(folder, "a.pack").write_bytes(body)
        Path(folder, "stall.pack").write_bytes(body[:LENGTH])
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        print(f"{'client':<20}{'ms/range':>10}{'CPU ms':>10}{'MB/s':>10}{'Ctrl-C s':>10}")
        for name, make in CLIENTS.items():
            wall, cpu, rate = min(measure(make(url)) for _ in range(3))
            print(f"{name:<20}{wall:>10.2f}{cpu:>10.2f}{rate:>10.0f}{interrupt(name, url):>10.2f}")
        server.communicate("")


if __name__ == "__main__":
    main()
