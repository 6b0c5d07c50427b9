"""What may come in: everything about a request that can be judged before anything is done, and what goes out with all.

Any web page that is open in a browser can send requests to this device, and by DNS rebinding make the browser believe
that this server is its own. So a request must name this server as its host, port included; what a browser marks as
coming from elsewhere is refused; and nothing is told or done without a session, whose cookie no other site can send.
"""

from __future__ import annotations

from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

import msgspec

from catsync_plugins.web.access import Access

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BODY_BYTES", "SESSION_PATH", "Guard", "Site"]

BODY_BYTES = 65536
SESSION_PATH = "/api/session"
_API = "/api/"
_Fields = dict[str, list[str]]
_OWN = ("", "same-origin", "none")  # of Sec-Fetch-Site; none: the user typed the address


class Site(msgspec.Struct, frozen=True):
    """What this server is called.

    Attributes:
        hosts: What may stand in ``Host``, port included.
        secure: Whether it speaks TLS.
        cookie: The session's name; the port is in it, as a cookie is sent to all ports of a host.
        content: Origins that catalogs' content is shown from.
    """

    hosts: Collection[str]
    secure: bool
    cookie: str
    content: tuple[str, ...] = ()

    def origins(self) -> set[str]:
        """Return its own origins."""
        return {f"{'https' if self.secure else 'http'}://{host}" for host in self.hosts}

    def policy(self) -> str:
        """Return the Content-Security-Policy of its page."""
        content = " ".join(self.content) or "'none'"
        connect = " ".join(("'self'", *self.content))
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; manifest-src 'self'"
            f"; img-src 'self' {content if self.content else ''}; media-src {content}; frame-src {content}"
            f"; connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            "; require-trusted-types-for 'script'; trusted-types 'none'"
        )


class Guard:
    """Lets requests through to an application.

    Args:
        app: The application.
        site: What this server is called.
        access: Who may use it.
    """

    def __init__(self, app: ASGIApp, site: Site, access: Access) -> None:
        self._app = app
        self._site = site
        self._access = access
        self._headers = [
            (b"content-security-policy", site.policy().encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"x-frame-options", b"DENY"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do so."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._judge(scope)
        if refusal is None:
            await self._app(scope, receive, send_guarded)
            return
        from starlette.responses import JSONResponse  # noqa: PLC0415 - heavy, and there while a server runs

        status, code = refusal
        headers = {"Cache-Control": "no-store", "Connection": "close"}
        await JSONResponse({"code": code}, status, headers)(scope, receive, send_guarded)

    def _judge(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the code of a refusal."""
        fields: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            fields.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        refusal = self._judge_origin(fields) or _judge_form(scope["method"], fields)
        if refusal is None and scope["path"].startswith(_API) and scope["path"] != SESSION_PATH:
            return None if self._is_known(fields) else (401, "session")
        return refusal

    def _judge_origin(self, fields: _Fields) -> tuple[int, str] | None:
        if [host.lower() for host in fields.get("host", [])] not in [[host] for host in self._site.hosts]:
            return 403, "host"
        if not set(fields.get("origin", [])) <= self._site.origins():
            return 403, "origin"
        if not set(fields.get("sec-fetch-site", [])) <= set(_OWN):
            return 403, "site"
        return None

    def _is_known(self, fields: _Fields) -> bool:
        try:
            cookies = SimpleCookie("; ".join(fields.get("cookie", [])))
        except CookieError:
            return False
        return self._site.cookie in cookies and self._access.knows(cookies[self._site.cookie].value)


def _judge_form(method: str, fields: _Fields) -> tuple[int, str] | None:
    if method in {"GET", "HEAD"}:
        bodiless = fields.get("content-length", ["0"]) == ["0"] and "transfer-encoding" not in fields
        return None if bodiless else (400, "body")
    if method != "POST":
        return 405, "method"
    if fields.get("content-type", [""])[0].partition(";")[0].strip().lower() != "application/json":
        return 415, "type"
    length = fields.get("content-length", [""])
    short = len(length) == 1 and length[0].isdecimal() and int(length[0]) <= BODY_BYTES
    return None if short else (413, "length")
