"""How a connection is made, through a proxy and with TLS where they are wanted; and what went wrong, in words."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from catsync_core.backends.credentials import basic_credentials
from catsync_core.errors import AuthorisationError, NoConnectionError, RemoteError
from catsync_core.limits import LIMITS
from catsync_plugins._http_early import CONNECT_SECONDS, PORTS, EarlyConnection

__all__ = ["ConnectError", "ExchangeError", "ProxyError", "Route", "TransportError", "connect", "explain"]

_TLS_HINT = "Check the address and this device's clock; a company network may need its certificate installed"


class TransportError(Exception):
    """There is no answer, or it ends too early; its cause says why, and :func:`explain` puts it in words."""


class ConnectError(TransportError):
    """There is no connection to the server."""


class ProxyError(TransportError):
    """There is no way through the proxy.

    Args:
        status: What it answered; 0 where it did not.
    """

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status


class ExchangeError(TransportError):
    """A connection broke off, or fell silent."""


class Route(NamedTuple):
    """The way to a server.

    Attributes:
        scheme: ``http`` or ``https``.
        host: Name or address of the server.
        port: Of the server.
        proxy: URL of the proxy on the way; empty for none.
    """

    scheme: str
    host: str
    port: int
    proxy: str

    @classmethod
    def to(cls, parts: SplitResult, proxy: str) -> Route:
        """Return the way to the server of a URL."""
        return cls(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme], proxy)

    @property
    def site(self) -> str:
        """The server, as requests name it: its standard port is left out."""
        return self._name if self.port == PORTS[self.scheme] else self.place

    @property
    def place(self) -> str:
        """The server with its port."""
        return f"{self._name}:{self.port}"

    @property
    def _name(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host.encode("idna").decode()

    @property
    def relayed(self) -> bool:
        """Whether a proxy is asked for what the server has."""
        return bool(self.proxy) and self.scheme == "http"

    @property
    def tunnelled(self) -> bool:
        """Whether a proxy only passes bytes on."""
        return bool(self.proxy) and self.scheme == "https"

    @property
    def login(self) -> dict[str, str]:
        """The header that says to the proxy who asks."""
        credentials = basic_credentials(self.proxy) if self.proxy else None
        return {} if credentials is None else {"Proxy-Authorization": credentials}


def connect(route: Route, early: EarlyConnection | None, context: ssl.SSLContext | None) -> socket.socket:
    """Return a connection that is ready for requests.

    Args:
        route: The way.
        early: A connection that was begun before; it is taken over where it leads to the right place.
        context: What TLS needs; None where there is none on the way.

    Raises:
        TransportError: there is none.
    """
    near = Route.to(urlsplit(route.proxy), "") if route.proxy else route
    try:
        made = early.take(near.host, near.port) if early is not None else None
        made = made or socket.create_connection((near.host, near.port), CONNECT_SECONDS)
    except (OSError, ValueError) as error:  # a name that cannot be one is a ValueError
        raise (ProxyError() if route.proxy else ConnectError()) from error
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if route.tunnelled:
            _open_tunnel(made, route)
        if context is not None:
            made = context.wrap_socket(made, server_hostname=route.host if route.tunnelled else near.host)
        made.settimeout(LIMITS.stall_seconds)
    except (OSError, ValueError) as error:
        made.close()
        raise ConnectError from error
    except BaseException:
        made.close()
        raise
    return made


def _open_tunnel(proxy: socket.socket, route: Route) -> None:
    lines = [f"CONNECT {route.place} HTTP/1.1", f"Host: {route.place}"]
    lines += [f"{name}: {value}" for name, value in route.login.items()]
    answer = HTTPResponse(proxy, method="CONNECT")
    try:
        proxy.sendall("\r\n".join([*lines, "", ""]).encode())
        answer.begin()
    except (OSError, HTTPException) as error:
        raise ProxyError from error
    finally:
        answer.close()  # the reader alone; nothing more comes before the server has been greeted
    if answer.status != 200:
        raise ProxyError(answer.status)


def explain(error: TransportError, subject: str) -> RemoteError:
    """Say what a failure means.

    Args:
        error: What the transport raised.
        subject: Whom was asked for what.
    """
    cause = error.__cause__
    if isinstance(error, ProxyError):
        if error.status == 407:
            return AuthorisationError("The proxy wants a login", hint="Put it into HTTPS_PROXY: http://user:pass@host")
        reason = f"answered {error.status}" if error.status else "cannot be reached"
        return NoConnectionError(f"The proxy on the way to {subject} {reason}")
    if isinstance(error, ExchangeError):
        if isinstance(cause, TimeoutError):
            return NoConnectionError(f"{subject} stalled: nothing useful came for {LIMITS.stall_seconds:.0f} seconds")
        return NoConnectionError(f"{subject} broke off: {cause}")
    if isinstance(cause, ssl.SSLError):
        return _explain_tls(cause, subject)
    if isinstance(cause, socket.gaierror | UnicodeError):
        return NoConnectionError(f"The name of the server is not known: {subject}")
    if isinstance(cause, TimeoutError):
        return NoConnectionError(f"No connection to {subject} within {CONNECT_SECONDS:.0f} seconds")
    return NoConnectionError(f"No connection to {subject}: {cause}")


def _explain_tls(cause: ssl.SSLError, subject: str) -> RemoteError:
    """A wrong certificate stays wrong, so it is not tried again; a connection cut during the handshake is."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RemoteError(f"{subject} has no valid certificate: {cause.verify_message}", hint=_TLS_HINT)
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return NoConnectionError(f"{subject} broke off during the TLS handshake")
    return RemoteError(f"No secure connection to {subject}: {cause}", hint=_TLS_HINT)
