"""The screen's web application: its files, its rows as a stream, and commands.

Everything that changes something is a POST with a JSON body. Guarding is done before (:mod:`.guard`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from catsync_core import CatsyncError
from catsync_core.errors import NotFoundError, UsageError
from catsync_plugins.web.access import SESSION_SECONDS, Access
from catsync_plugins.web.device import Command, Device
from catsync_plugins.web.feed import Feed
from catsync_plugins.web.files import StaticFiles
from catsync_plugins.web.guard import BODY_BYTES, SESSION_PATH, Guard, Site
from catsync_plugins.web.stream import Stream

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

__all__ = ["make_application"]

BODY_SECONDS = 10.0
_STATUS = {"usage": 400, "not_found": 404, "locked": 409, "no_connection": 503}
_Form = TypeVar("_Form")
_Endpoint = Callable[["Request"], Awaitable[Response]]


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str


class _Catalogs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    catalogs: tuple[str, ...] = ()


class _Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    catalog: str


class _Repository(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    repository: str


class _Unreadable(Exception):  # noqa: N818 - it is an answer, and not the program's error
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def make_application(device: Device, feed: Feed, site: Site, access: Access) -> ASGIApp:
    """Return the application, guarded.

    Args:
        device: Does what is commanded.
        feed: Knows all rows.
        site: What the server is called.
        access: Who may use it.
    """
    screen = _Screen(device, feed, site, access)
    routes = [
        Route(SESSION_PATH, _answering(screen.open_session), methods=["POST"]),
        Route("/api/rows", _answering(screen.rows), methods=["GET"]),
        Route("/api/stream", Stream(feed)),
        Route("/api/catalogs/{catalog}", _answering(screen.info), methods=["GET"]),
        Route("/api/changes", _answering(screen.changes), methods=["POST"]),
        Route("/api/check", _answering(screen.check), methods=["POST"]),
        Route("/api/command", _answering(screen.command), methods=["POST"]),
        Route("/api/add", _answering(screen.add), methods=["POST"]),
        Route("/{path:path}", StaticFiles(), methods=["GET"]),
    ]
    return Guard(Starlette(routes=routes), site, access)


class _Screen:
    """The endpoints."""

    def __init__(self, device: Device, feed: Feed, site: Site, access: Access) -> None:
        self._device = device
        self._feed = feed
        self._site = site
        self._access = access

    async def open_session(self, request: Request) -> Response:
        session = self._access.redeem((await _read(request, _Token)).token)
        if session is None:
            return _json({"code": "link"}, 401)
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        response.set_cookie(
            self._site.cookie,
            session,
            max_age=SESSION_SECONDS,
            path="/",
            secure=self._site.secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def rows(self, _: Request) -> Response:
        return _json(self._feed.since(0))

    async def info(self, request: Request) -> Response:
        return _json(await run_sync(self._device.info, request.path_params["catalog"]))

    async def changes(self, request: Request) -> Response:
        return _json(await run_sync(self._device.changes, (await _read(request, _Catalog)).catalog))

    async def check(self, request: Request) -> Response:
        catalogs = (await _read(request, _Catalogs)).catalogs
        checked = await run_sync(self._device.check, catalogs)
        await run_sync(self._feed.look_now)
        return _json(checked)

    async def command(self, request: Request) -> Response:
        command = await _read(request, Command)
        row = self._feed.row(command.catalog)
        if row is None:
            raise NotFoundError(f"There is no catalog {command.catalog!r}")
        if row.revision != command.revision:
            return _json({"code": "stale", "row": row}, 409)
        await run_sync(self._device.obey, command)
        await run_sync(self._feed.look_now)
        return _json({"row": self._feed.row(command.catalog)}, 202)

    async def add(self, request: Request) -> Response:
        await run_sync(self._device.add, (await _read(request, _Repository)).repository)
        await run_sync(self._feed.look_now)
        return _json({}, 202)


def _answering(endpoint: _Endpoint) -> _Endpoint:
    """Return the endpoint with errors as answers."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except _Unreadable as refusal:
            response = _json({"code": refusal.code}, refusal.status)
            response.headers["Connection"] = "close"  # what may still come is not read
            return response
        except CatsyncError as error:
            body = {"code": error.code, "message": error.message, "hint": error.hint}
            return _json(body, _STATUS.get(error.code, 500))

    return answer


async def _read(request: Request, form: type[_Form]) -> _Form:
    """Return what a request asks for; it must be short, and come in time."""
    body = bytearray()
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    raise _Unreadable(413, "length")
            try:
                return msgspec.json.decode(body, type=form)
            except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UsageError(f"The request makes no sense: {error}") from error
    raise _Unreadable(408, "slow")


def _json(value: Any, status: int = 200) -> Response:  # noqa: ANN401 - whatever msgspec can encode
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
