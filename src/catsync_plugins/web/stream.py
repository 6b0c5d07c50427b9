"""Rows as a stream of server-sent events: all of them first, then what changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from catsync_plugins.web.feed import Feed

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["Stream"]

BEAT_SECONDS = 10.0  # without news a comment is sent, so that both sides notice when the other has gone
SEND_SECONDS = 60.0  # for one message; a page that sleeps for longer connects again
GAP_SECONDS = 0.1  # between messages
RETRY_MILLISECONDS = 1000
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


class Stream:
    """An ASGI application: sends a feed's news until the page leaves or the feed is closed.

    Args:
        feed: Whose news.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Answer one request."""
        loop = asyncio.get_running_loop()
        wake = asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(wake.set)

        leave = self._feed.listen(tell)
        leaving = loop.create_task(_wait_until_left(receive, wake))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send_news(send, wake, leaving)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return  # it takes nothing any more; the server cuts an answer that did not end
        finally:
            leave()
            leaving.cancel()

    async def _send_news(self, send: Send, wake: asyncio.Event, leaving: asyncio.Task[None]) -> None:
        text = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        serial, server = 0, ""
        while not leaving.done() and not self._feed.closed:
            wake.clear()
            news = self._feed.since(serial, server)
            if news.serial > serial or news.whole:
                text += b"data: " + msgspec.json.encode(news) + b"\n\n"
                serial, server = news.serial, news.server
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.body", "body": text or b":\n\n", "more_body": True})
            text = b""
            await asyncio.sleep(GAP_SECONDS)
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await wake.wait()
            except TimeoutError:
                continue


async def _wait_until_left(receive: Receive, wake: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    wake.set()
