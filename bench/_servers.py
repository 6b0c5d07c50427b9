"""The servers that devices download from: nginx for everything that speaks HTTP, and rsync's own daemon.

Both run in the foreground on loopback, with a configuration of their own, and end with the context.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from bench._packages import MissingProgramsError, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["ServerError", "serve_files", "serve_rsync"]

_NGINX = """\
daemon off;
{user}worker_processes 1;
pid {state}/nginx.pid;
error_log {state}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {state}/body;
  proxy_temp_path {state}/proxy;
  fastcgi_temp_path {state}/fastcgi;
  uwsgi_temp_path {state}/uwsgi;
  scgi_temp_path {state}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {root};
  }}
}}
"""

_RSYNCD = """\
pid file = {state}/rsyncd.pid
log file = {state}/rsyncd.log
use chroot = no
[tree]
path = {root}
read only = yes
uid = {uid}
gid = {gid}
"""


class ServerError(RuntimeError):
    """A server did not start."""


@contextlib.contextmanager
def serve_files(root: Path, state: Path) -> Iterator[int]:
    """Serve a directory with nginx.

    Args:
        root: The directory.
        state: An existing directory for its configuration and log.

    Yields:
        The port on 127.0.0.1.

    Raises:
        MissingProgramsError: When nginx is not installed.
        ServerError: When it does not start.
    """
    port = _free_port()
    # Started by root, nginx would drop to a user that may not read a private directory.
    user = f"user {pwd.getpwuid(os.geteuid()).pw_name};\n" if os.geteuid() == 0 else ""
    config = state / "nginx.conf"
    config.write_text(_NGINX.format(user=user, state=state, root=root, port=port))
    log = state / "nginx.log"
    with _running([_program("nginx"), "-e", str(log), "-p", str(state), "-c", str(config)], port, log):
        yield port


@contextlib.contextmanager
def serve_rsync(root: Path, state: Path) -> Iterator[int]:
    """Serve a directory as module `tree` of an rsync daemon; arguments and errors as for `serve_files`."""
    port = _free_port()
    config = state / "rsyncd.conf"
    config.write_text(_RSYNCD.format(state=state, root=root, uid=os.geteuid(), gid=os.getegid()))
    listen = ["--address", "127.0.0.1", "--port", str(port)]
    daemon = [_program("rsync"), "--daemon", "--no-detach", "--config", str(config), *listen]
    with _running(daemon, port, state / "rsyncd.log"):
        yield port


def _program(name: str) -> str:
    path = find_program(name)
    if path is None:
        raise MissingProgramsError(f"{name} is not installed")
    return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:
        try:
            _await_port(server, port, log)
            yield
        finally:
            server.terminate()


def _await_port(server: subprocess.Popen[bytes], port: int, log: Path, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.01)
    said = log.read_text() if log.is_file() else "it wrote no log"
    raise ServerError(f"{server.args!r} does not listen on port {port}: {said}")
