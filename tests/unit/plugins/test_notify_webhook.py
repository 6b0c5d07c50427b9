from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from catsync_core import Event, JobEnded, ModeChanged, Progress, UpdateFound
from catsync_core.errors import AuthorisationError, CatsyncError, ConfigError, RemoteError
from catsync_plugins import _delivery, _http_watch
from catsync_plugins._delivery import Delivery, Message
from catsync_plugins.notify_webhook import Webhook, WebhookSettings, sign_message
from support.receiver import Receiver, receiving

SECRET = "correct horse battery staple"  # noqa: S105 - of the tests
NOW = 1_800_000_000.7
UPDATE = UpdateFound("shoes", "Schuhe für \u202eHerren", 7, 8)
ENDED = JobEnded("update", "shoes", "Shoes", "done", 8)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once, so that tests need not wait."""
    monkeypatch.setattr(_delivery, "FIRST_PAUSE", 0.0)


def webhook(url: str, **settings: object) -> Webhook:
    return Webhook(msgspec.convert({"url": url, "secret": SECRET} | settings, WebhookSettings), now=lambda: NOW)


def tell(notifier: Webhook, *events: Event) -> None:
    for event in events:
        notifier.notify(event)
    notifier.close()


def test_chosen_events_are_posted_as_json_in_their_order(receiver: Receiver) -> None:
    tell(webhook(f"{receiver.url}/hook?shop=7"), UPDATE, Progress("update", "shoes", 1, 2), ENDED)
    assert [posted.path for posted in receiver.posted] == ["/hook?shop=7"] * 2
    assert receiver.posted[0].event == {
        "time": 1_800_000_000,
        "event": "update_found",
        "catalog": "shoes",
        "title": "Schuhe für \u202eHerren",
        "installed_version": 7,
        "version": 8,
    }
    assert receiver.posted[1].event["event"] == "job_ended"
    assert receiver.posted[0].headers["content-type"] == "application/json"
    assert receiver.posted[0].headers["user-agent"].startswith("catsync/")


def test_only_chosen_kinds_are_posted(receiver: Receiver) -> None:
    tell(webhook(receiver.url, events=["mode_changed"]), UPDATE, ModeChanged("shoes", "online"), ENDED)
    assert [posted.event["event"] for posted in receiver.posted] == ["mode_changed"]


def test_time_and_body_are_signed(receiver: Receiver) -> None:
    tell(webhook(receiver.url), UPDATE)
    [posted] = receiver.posted
    signed = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode() + posted.body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert posted.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert posted.headers["webhook-timestamp"] == "1800000000"


def test_the_signature_is_that_of_the_standard() -> None:
    # The example that the reference libraries of Standard Webhooks are tested with.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign_message(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_may_be_base64(receiver: Receiver) -> None:
    secret = bytes(range(32))
    tell(webhook(receiver.url, secret="whsec_" + base64.b64encode(secret).decode()), UPDATE)
    [posted] = receiver.posted
    expected = sign_message(secret, posted.headers["webhook-id"], int(NOW), posted.body)
    assert posted.headers["webhook-signature"] == expected


def test_a_secret_may_stand_in_a_file_or_a_variable(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    from_file = WebhookSettings(url=receiver.url, secret_file=str(tmp_path / "secret"))
    from_variable = WebhookSettings(url=receiver.url, secret_variable="SHOP_SECRET")  # noqa: S106 - a name
    tell(Webhook(from_file, now=lambda: NOW), UPDATE)
    tell(Webhook(from_variable, environment={"SHOP_SECRET": SECRET}, now=lambda: NOW), UPDATE)
    for posted in receiver.posted:
        expected = sign_message(SECRET.encode(), posted.headers["webhook-id"], int(NOW), posted.body)
        assert posted.headers["webhook-signature"] == expected
    assert len(receiver.posted) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": "short"},
        {"secret": "whsec_no Base64!"},
        {"secret": "whsec_c2hvcnQ="},
        {"secret_variable": "NOT_SET"},
        {"secret_file": "/nowhere/secret"},
    ],
)
def test_a_secret_that_is_missing_or_weak_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="secret") as raised:
        Webhook(WebhookSettings(url="https://example.org", **settings), environment={})  # type: ignore[arg-type]  # only texts
    assert raised.value.hint
    assert "short" not in raised.value.message.replace("shorter", "")


@pytest.mark.parametrize(
    "table",
    [
        {"secret": SECRET},
        {"url": "ftp://example.org", "secret": SECRET},
        {"url": "https://", "secret": SECRET},
        {"url": "https://example.org:99999", "secret": SECRET},
        {"url": "https://example.org/a b", "secret": SECRET},
        {"url": "https://example.org/\n", "secret": SECRET},
        {"url": "https://example.org/#a", "secret": SECRET},
        {"url": "http://example.org", "secret": SECRET},
        {"url": "http://127.0.0.1.example.org", "secret": SECRET},
        {"url": "https://example.org"},
        {"url": "https://example.org", "secret": SECRET, "secret_file": "x"},
        {"url": "https://example.org", "secret": SECRET, "events": ["everything"]},
        {"url": "https://example.org", "secret": SECRET, "attempts": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, WebhookSettings)


@pytest.mark.parametrize(
    ("url", "allow_http"),
    [
        ("https://example.org:8443/hook", False),
        ("http://localhost:8080", False),
        ("http://127.8.7.6", False),
        ("http://[::1]:80/", False),
        ("http://example.org", True),
    ],
)
def test_addresses_that_are_taken(url: str, allow_http: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert msgspec.convert({"url": url, "secret": SECRET, "allow_http": allow_http}, WebhookSettings).url == url


def test_credentials_travel_in_their_header(receiver: Receiver) -> None:
    tell(webhook(receiver.url.replace("://", "://me:p%40ss@")), UPDATE)
    assert receiver.posted[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()


@pytest.mark.parametrize("status", [500, 502, 503, 408, 425, 429])
def test_a_passing_refusal_is_repeated_with_the_same_id(receiver: Receiver, status: int) -> None:
    receiver.plan_answers(status, status)
    notifier = webhook(receiver.url)
    notifier.notify(UPDATE)
    notifier.notify(ENDED)
    posted = receiver.wait_for(4)
    notifier.close()
    ids = [one.headers["webhook-id"] for one in posted]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert [one.event["event"] for one in posted] == ["update_found"] * 3 + ["job_ended"]


def test_a_refusal_that_stays_gives_up_the_event_and_goes_on(receiver: Receiver) -> None:
    receiver.plan_answers(*[500] * 3)
    notifier = webhook(receiver.url, attempts=3)
    notifier.notify(UPDATE)
    notifier.notify(ENDED)
    posted = receiver.wait_for(4)
    assert [one.event["event"] for one in posted] == ["update_found"] * 3 + ["job_ended"]
    with pytest.raises(RemoteError, match=r"1 event could not be delivered: .* answered 500"):
        notifier.close()


@pytest.mark.parametrize(
    ("status", "error"), [(301, RemoteError), (307, RemoteError), (401, AuthorisationError), (404, RemoteError)]
)
def test_a_refusal_for_good_is_told_with_the_next_event(
    receiver: Receiver, status: int, error: type[CatsyncError]
) -> None:
    receiver.plan_answers(status, Location=f"{receiver.url}/elsewhere")
    notifier = webhook(f"{receiver.url}/token-in-the-path")
    notifier.notify(UPDATE)
    thread = notifier._delivery._thread
    assert thread is not None
    thread.join(60)
    with pytest.raises(error, match=f"webhook http://127.0.0.1:[0-9]+ answered {status}") as raised:
        notifier.notify(ENDED)
    assert "token" not in str(raised.value)
    assert [posted.path for posted in receiver.posted] == ["/token-in-the-path"]
    with pytest.raises(RemoteError, match="1 event could not be delivered"):
        notifier.close()


class Pauses(threading.Event):
    """Notes how long it is waited for, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.noted.append(timeout)
        return self.is_set()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Callable[[Webhook], Pauses]:
    def note(notifier: Webhook) -> Pauses:
        noting = Pauses()
        notifier._delivery._closing = noting
        notifier._delivery._jitter = lambda: 1.0
        return noting

    return note


def test_a_server_that_asks_for_patience_gets_it_within_bounds(
    receiver: Receiver, pauses: Callable[[Webhook], Pauses]
) -> None:
    receiver.plan_answers(429, Retry_After="7")
    receiver.plan_answers(503, Retry_After="999999")
    receiver.plan_answers(503, Retry_After="nonsense")
    notifier = webhook(receiver.url)
    noting = pauses(notifier)
    notifier.notify(UPDATE)
    receiver.wait_for(4)
    notifier.close()
    assert noting.noted == [7.0, 3600.0, 0.0]


def test_pauses_become_longer(
    receiver: Receiver, pauses: Callable[[Webhook], Pauses], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_delivery, "FIRST_PAUSE", 1.0)
    receiver.plan_answers(*[500] * 10)
    notifier = webhook(receiver.url, attempts=11)
    noting = pauses(notifier)
    notifier.notify(UPDATE)
    receiver.wait_for(11)
    notifier.close()
    assert noting.noted == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_no_connection_is_borne_without_giving_up() -> None:
    with receiving() as receiver:
        url = receiver.url
    sent = threading.Semaphore(0)
    notifier = webhook(url, attempts=1)
    post = notifier._delivery._send

    def send(message: Message) -> None:
        sent.release()
        post(message)

    notifier._delivery._send = send
    notifier.notify(UPDATE)
    for _ in range(5):
        assert sent.acquire(timeout=60)
    with pytest.raises(RemoteError, match=r"1 event could not be delivered: No connection to http://127"):
        notifier.close()


def test_what_is_left_is_tried_once_more_on_closing(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_delivery, "FIRST_PAUSE", 3600.0)
    receiver.plan_answers(500)
    notifier = webhook(receiver.url)
    notifier._delivery._jitter = lambda: 1.0
    notifier.notify(UPDATE)
    notifier.notify(ENDED)
    receiver.wait_for(1)
    notifier.close()
    assert [one.event["event"] for one in receiver.posted] == ["update_found", "update_found", "job_ended"]


def test_a_server_that_wants_patience_is_not_hurried_on_closing(receiver: Receiver) -> None:
    receiver.plan_answers(429, Retry_After="600")
    notifier = webhook(receiver.url)
    notifier.notify(UPDATE)
    notifier.notify(ENDED)
    receiver.wait_for(1)
    with pytest.raises(RemoteError, match=r"2 events could not be delivered: .* answered 429"):
        notifier.close()
    assert len(receiver.posted) == 1


def test_a_server_that_does_not_answer_is_left_on_closing(receiver: Receiver) -> None:
    receiver.stall()
    notifier = webhook(receiver.url)
    notifier._delivery._patience = 0.05
    notifier.notify(UPDATE)
    assert receiver.stalling.wait(60)
    with pytest.raises(RemoteError, match="1 event could not be delivered: no answer came in time"):
        notifier.close()
    assert notifier._delivery._thread is not None
    assert not notifier._delivery._thread.is_alive()


def test_a_server_that_stalls_is_asked_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http_watch, "HEAD_SECONDS", 0.1)
    receiver.stall()
    notifier = webhook(receiver.url, attempts=1)
    notifier.notify(UPDATE)
    first, second = receiver.wait_for(2)[:2]
    monkeypatch.undo()
    notifier.close()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_without_an_event_there_is_no_thread(receiver: Receiver) -> None:
    before = threading.active_count()
    tell(webhook(receiver.url), Progress("update", "shoes", 1, 2))
    assert threading.active_count() == before


def test_of_too_many_the_oldest_are_given_up_but_not_the_one_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_delivery, "WAITING", 3)
    sent: list[bytes] = []
    begun, may = threading.Event(), threading.Event()

    def send(message: Message) -> None:
        begun.set()
        assert may.wait(60)
        sent.append(message.body)

    delivery = Delivery(send, lambda: None, attempts=1)
    delivery.add(Message(b"0"))
    assert begun.wait(60)
    for number in range(1, 6):
        delivery.add(Message(str(number).encode()))
    may.set()
    with pytest.raises(RemoteError, match="3 events could not be delivered"):
        delivery.close()
    assert sent == [b"0", b"4", b"5"]


def test_a_mistake_of_ours_is_not_lost(receiver: Receiver) -> None:
    def send(_: Message) -> None:
        raise ZeroDivisionError("oops")

    delivery = Delivery(send, lambda: None, attempts=1)
    delivery.add(Message(b""))
    with pytest.raises(RemoteError, match="1 event could not be delivered: oops"):
        delivery.close()
