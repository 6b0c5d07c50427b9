"""A real web server on loopback: nginx as the documentation sets it up, run by whoever runs the tests.

It writes its access log itself, so requests and bytes are those that were served, whatever a device says of itself.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

import msgspec

__all__ = ["CONTENT", "INDEX", "Nginx", "Served"]

CONTENT = ("/packs/", "/patches/")
"""Where the bytes of files lie; everything else is metadata."""
INDEX = "/index.json"

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "use-a-web-server.md"
_MARK = "/mark-of-the-test/"
_FIRST_POLL = 0.002  # seconds
_CONFIG = """\
daemon off;
{user}worker_processes 1;
pid {state}/nginx.pid;
error_log {state}/error.log warn;
events {{ worker_connections 256; }}
http {{
  log_format served escape=json
    '{{"method":"$request_method","path":"$uri","status":$status,"sent":$body_bytes_sent,"range":"$http_range"}}';
  access_log {state}/access.log served;
  client_body_temp_path {state}/body;
  proxy_temp_path {state}/proxy;
  fastcgi_temp_path {state}/fastcgi;
  uwsgi_temp_path {state}/uwsgi;
  scgi_temp_path {state}/scgi;
  limit_req_zone $server_addr zone=link:64k rate={requests_per_second}r/s;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location {mark} {{ return 204; }}
{limits}
{documented}
  }}
}}
"""


class Served(msgspec.Struct, frozen=True):
    """A request and what was sent for it.

    Attributes:
        method: Of the request.
        path: Without a query.
        status: Of the answer.
        sent: Bytes of its body that were sent.
        range: The ``Range`` that was asked for; empty for all.
    """

    method: str
    path: str
    status: int
    sent: int
    range: str

    @property
    def is_content(self) -> bool:
        """Whether it is about the bytes of files, and not about metadata."""
        return self.path.startswith(CONTENT)


@dataclass
class Nginx:
    """Serves a repository; use it as a context manager. Stopped and started again, it has the same address.

    Args:
        root: The repository's folder.
        state: A folder for its configuration and logs; made when missing.
    """

    root: Path
    state: Path

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self._log = self.state / "access.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._marks = 0
        self._forgotten = 0
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port: int = server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, rate: int = 0, requests_per_second: int = 0) -> None:
        """Serve, and return when it answers; what was served before stays in the log.

        Args:
            rate: Bytes per second that each answer's body may take; 0 for any.
            requests_per_second: That are answered, the others wait: so a request takes as long as over a slow link.
                0 for any.
        """
        limits = [f"    limit_rate {rate};"] if rate else []
        limits += ["    limit_req zone=link burst=10000;"] if requests_per_second else []
        config = self.state / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                # Started by root, nginx would drop to a user that may not read a private folder.
                user=f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else "",
                state=self.state,
                root=self.root,
                port=self.port,
                mark=_MARK,
                limits="\n".join(limits),
                requests_per_second=requests_per_second or 1,
                documented=_documented_locations(),
            )
        )
        errors = self.state / "error.log"
        command = [_find_nginx(), "-e", str(errors), "-p", str(self.state), "-c", str(config)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                time.sleep(_FIRST_POLL)
            else:
                return
        raise AssertionError(f"nginx ended at once:\n{errors.read_text()}")

    def stop(self) -> None:
        """Serve no more: connections are cut, and new ones refused."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def restart(self, *, rate: int = 0, requests_per_second: int = 0) -> None:
        """Serve with other limits."""
        self.stop()
        self.start(rate=rate, requests_per_second=requests_per_second)

    def served(self) -> list[Served]:
        """Return what was served since :meth:`forget`, in the order in which it was finished."""
        if self._process is not None:
            self._let_log()
        lines = self._log.read_text().splitlines()[self._forgotten :]
        found = (msgspec.json.decode(line, type=Served) for line in lines)
        return [served for served in found if not served.path.startswith(_MARK)]

    def content(self) -> list[Served]:
        """Return those of them that are about the bytes of files."""
        return [served for served in self.served() if served.is_content]

    def forget(self) -> None:
        """Count from here."""
        self.served()
        self._forgotten = len(self._log.read_text().splitlines())

    def _let_log(self) -> None:
        """Wait until everything that was finished before stands in the log: a request's line comes after its answer."""
        self._marks += 1
        mark = f"{_MARK}{self._marks}"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", mark)
        connection.getresponse().read()
        connection.close()
        while f'"{mark}"' not in self._log.read_text():
            time.sleep(_FIRST_POLL)


def _find_nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    assert found, "These tests need nginx; as root, `sh tools/install-nginx` installs it"
    return found


def _documented_locations() -> str:
    """Return what the documentation tells publishers to write, without the address and the certificate."""
    block = re.search(r"```nginx\nserver \{\n(.*?)^\}\n```", _GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert block, _GUIDE
    own = re.compile(r"^ +(listen|server_name|ssl_\w+|root) .*\n", re.MULTILINE)
    return own.sub("", block[1])
