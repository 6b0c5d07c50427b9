"""A web server that takes what webhooks post, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Posted:
    """A request: what was posted where, with headers by their names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:  # noqa: ANN401 - whatever was posted
        return json.loads(self.body)


class Receiver:
    """Notes what is posted. Answers with the planned statuses and headers first, and 204 from then on.

    Args:
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.plan: deque[tuple[int, dict[str, str]]] = deque()
        self.posted: list[Posted] = []
        self.stalling = threading.Event()
        self.go_on = threading.Event()
        self._changed = threading.Condition()

    def take(self, posted: Posted) -> tuple[int, dict[str, str]]:
        with self._changed:
            self.posted.append(posted)
            answer = self.plan.popleft() if self.plan else (204, {})
            self._changed.notify_all()
            return answer

    def wait_for(self, count: int) -> list[Posted]:
        """Return what was posted, once it is so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.posted) >= count, 60)
            return self.posted[:]

    def plan_answers(self, *statuses: int, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.plan.extend((status, named) for status in statuses)

    def stall(self) -> None:
        """Let the next answer not come before ``go_on`` is set."""
        self.plan.append((0, {}))


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more = receiver.take(Posted(self.path, headers, body))
            if status == 0:
                receiver.stalling.set()
                receiver.go_on.wait(60)
                status = 204
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that the base class calls; a redirect that is followed ends here

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the client left
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
