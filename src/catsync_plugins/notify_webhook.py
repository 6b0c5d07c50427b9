"""Notifier ``webhook``: events as signed JSON to an address of the user's.

Identity, time and signature are those of Standard Webhooks (standardwebhooks.com): receivers find libraries for them.
What matters: the signature covers the time, so that an old message cannot be played again, and the id stays the same
when a message is repeated, so that a receiver can tell. Redirects are refused: the message is for this address only.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec

from catsync_core import Event, NotifierEntry, __version__, hookimpl
from catsync_core.backends.credentials import basic_credentials, without_credentials
from catsync_core.backends.http_headers import parse_retry_after
from catsync_core.errors import AuthorisationError, ConfigError, RemoteError, ServerError
from catsync_plugins._events import EventName, name_event, read_event

if TYPE_CHECKING:
    from catsync_plugins._delivery import Message

__all__ = ["Webhook", "WebhookSettings", "catsync_notifiers", "sign_message"]

_BASE64_SECRET = "whsec_"  # noqa: S105 - the mark of a secret in Base64, not a secret
_SHORTEST_SECRET = 16  # bytes
_LONGEST_SECRET_FILE = 4096  # bytes
_PASSING = (408, 425, 429)
_REFUSED = (401, 403, 407)


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in ``[notifiers.webhook]``.

    Attributes:
        url: To post to.
        secret: That both sides know, for the signature.
        secret_file: The file that it stands in, instead.
        secret_variable: The environment variable that it stands in, instead.
        events: That are posted.
        attempts: How often the server may refuse an event before it is given up.
        allow_http: Whether the address may be without encryption although it is not this device's own.
    """

    url: str = ""
    secret: str = ""
    secret_file: str = ""
    secret_variable: str = ""
    events: list[EventName] = msgspec.field(default_factory=lambda: ["update_found", "job_ended", "warned"])
    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    allow_http: bool = False

    def __post_init__(self) -> None:
        _check_url(self.url, allow_http=self.allow_http)
        given = [name for name in ("secret", "secret_file", "secret_variable") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("give one of `secret`, `secret_file` and `secret_variable`: messages are signed with it")


class Webhook:
    """Posts events; they are delivered in the background.

    Args:
        settings: Of the notifier.
        environment: Where the secret may stand.
        now: The clock, seconds since 1970.

    Raises:
        ConfigError: (local) the secret cannot be read, or is too short.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
    ) -> None:
        from catsync_plugins._delivery import Delivery  # noqa: PLC0415 - only where the notifier is enabled
        from catsync_plugins._http_transport import Transport  # noqa: PLC0415 - likewise

        self._events = settings.events
        self._now = now
        self._secret = _read_secret(settings, environment)
        self._url = without_credentials(settings.url)
        parts = urlsplit(self._url)
        self._site = f"{parts.scheme}://{parts.netloc}"  # what stands behind it may be a secret
        self._headers = {"Content-Type": "application/json", "User-Agent": f"catsync/{__version__}"}
        credentials = basic_credentials(settings.url)
        if credentials is not None:
            self._headers["Authorization"] = credentials
        self._transport = Transport(1)
        self._delivery = Delivery(self._post, self._transport.close, attempts=settings.attempts)

    def notify(self, event: Event) -> None:
        """Let an event be posted, where it was chosen.

        Raises:
            CatsyncError: (remote) the server said before that there is no use in posting.
        """
        from catsync_plugins._delivery import Message  # noqa: PLC0415 - likewise

        if name_event(event) in self._events:
            self._delivery.add(Message(json.dumps(read_event(event, self._now())).encode("ascii")))

    def close(self) -> None:
        """Post what is left, within a few seconds.

        Raises:
            RemoteError: (remote) some events could not be delivered, now or before.
        """
        self._delivery.close()

    def _post(self, message: Message) -> None:
        from catsync_plugins._http_transport import TransportError, explain  # noqa: PLC0415 - likewise

        moment = int(self._now())
        headers = {
            **self._headers,
            "webhook-id": message.id,
            "webhook-timestamp": f"{moment}",
            "webhook-signature": sign_message(self._secret, message.id, moment, message.body),
        }
        try:
            response = self._transport.request(self._url, headers, method="POST", body=message.body)
        except TransportError as error:
            raise explain(error, self._site) from error
        response.close()  # what it answers is of no interest, and may be long
        self._check_status(response.status, response.headers.get("Retry-After", ""))

    def _check_status(self, status: int, retry_after: str) -> None:
        if 200 <= status < 300:
            return
        answered = f"The webhook {self._site} answered {status}"
        if status in _PASSING or status >= 500:
            raise ServerError(answered, retry_after=parse_retry_after(retry_after, self._now()))
        if status in _REFUSED:
            raise AuthorisationError(answered, hint="Check the address and the credentials in it")
        if 300 <= status < 400:
            raise RemoteError(f"{answered}: it redirects", hint="Set url to the address that it leads to")
        raise RemoteError(answered, hint="Check the address, and what the server makes of events")


def sign_message(secret: bytes, identity: str, moment: int, body: bytes) -> str:
    """Return the signature of a message as it stands in its header.

    Args:
        secret: That both sides know.
        identity: Of the message.
        moment: When it is sent, seconds since 1970.
        body: As it travels.
    """
    import hmac  # noqa: PLC0415 - only where the notifier is enabled

    digest = hmac.digest(secret, f"{identity}.{moment}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode("ascii")


def _check_url(url: str, *, allow_http: bool) -> None:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("`url` has characters in it that no address has")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or parts.fragment:
        raise ValueError("`url` must be an address such as `https://example.org/catsync`")
    if parts.scheme == "http" and not allow_http and not _is_loopback(parts.hostname):
        raise ValueError("`url` must begin with `https://`, or everyone on the way can read along; see `allow_http`")


def _is_loopback(host: str) -> bool:
    import ipaddress  # noqa: PLC0415 - likewise

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_secret(settings: WebhookSettings, environment: Mapping[str, str]) -> bytes:
    """Return the secret's bytes: what is marked as Base64 is decoded, anything else is taken as it is."""
    if settings.secret_file:
        text, place = _read_file(Path(settings.secret_file).expanduser()), settings.secret_file
    elif settings.secret_variable:
        text, place = environment.get(settings.secret_variable, ""), settings.secret_variable
    else:
        text, place = settings.secret, "secret"
    secret = text.encode()
    if text.startswith(_BASE64_SECRET):
        try:
            secret = base64.b64decode(text.removeprefix(_BASE64_SECRET), validate=True)
        except binascii.Error as error:
            raise ConfigError(f"The webhook's secret ({place}) is no Base64 behind {_BASE64_SECRET}") from error
    if len(secret) < _SHORTEST_SECRET:
        raise ConfigError(
            f"The webhook's secret ({place}) is shorter than {_SHORTEST_SECRET} bytes",
            hint="`openssl rand -hex 32` makes a good one",
        )
    return secret


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_SECRET_FILE).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The webhook's secret cannot be read from {path}: {error}") from error


@hookimpl
def catsync_notifiers() -> Sequence[NotifierEntry]:
    """Offer ``webhook``."""
    return [NotifierEntry("webhook", WebhookSettings, Webhook)]
