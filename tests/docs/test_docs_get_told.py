"""What the guide says about webhooks is true of the messages that are posted, and its examples are accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from catsync_core import UpdateFound, plugins
from catsync_core.config import load_config
from catsync_plugins._events import read_event
from catsync_plugins.notify_webhook import Webhook, WebhookSettings
from support.receiver import Posted, receiving

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "get-told.md").read_text()
NOW = 1_800_000_000
UPDATE = UpdateFound("shoes", "Shoes", 7, 8)


@pytest.fixture
def is_genuine() -> Any:  # noqa: ANN401 - a function of the guide
    [code] = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "get-told.md", "exec"), names)  # noqa: S102 - the page is ours, and running it is the test
    return names["is_genuine"]


def post(folder: Path) -> tuple[bytes, Posted]:
    """The bytes of the secret as the guide says, and a message that was posted."""
    secret = folder / "secret"
    secret.write_text("5f4dcc3b5aa765d61d8327deb882cf99\n")
    with receiving() as receiver:
        notifier = Webhook(WebhookSettings(url=receiver.url, secret_file=str(secret)), now=lambda: NOW)
        notifier.notify(UPDATE)
        notifier.close()
    [posted] = receiver.posted
    return secret.read_bytes().removesuffix(b"\n"), posted


def test_the_receiver_of_the_guide_takes_what_is_genuine(is_genuine: Any, tmp_path: Path) -> None:  # noqa: ANN401 - as above
    secret, posted = post(tmp_path)
    assert is_genuine(secret, posted.headers, posted.body, NOW + 299)


def test_it_takes_nothing_else(is_genuine: Any, tmp_path: Path) -> None:  # noqa: ANN401 - as above
    secret, posted = post(tmp_path)
    moved = posted.headers | {"webhook-timestamp": f"{NOW + 1}"}
    assert not is_genuine(b"another secret of ours", posted.headers, posted.body, NOW)
    assert not is_genuine(secret, posted.headers, posted.body.replace(b"8", b"9"), NOW)
    assert not is_genuine(secret, posted.headers | {"webhook-id": "msg_other"}, posted.body, NOW)
    assert not is_genuine(secret, moved, posted.body, NOW)
    assert not is_genuine(secret, posted.headers, posted.body, NOW + 301)
    assert not is_genuine(secret, posted.headers | {"webhook-signature": "v1,\u00fc"}, posted.body, NOW)


def test_a_line_of_the_log_is_as_shown() -> None:
    [line] = re.findall(r'^    (\{"time".*\})$', GUIDE, re.MULTILINE)
    assert line == json.dumps(read_event(UPDATE, NOW))


@pytest.mark.parametrize("example", re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
def test_example_is_accepted(example: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(example)
    assert len(load_config(path).notifiers(plugins.load_plugins().notifiers())) == 1
