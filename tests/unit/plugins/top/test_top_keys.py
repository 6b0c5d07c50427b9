from __future__ import annotations

import pytest

from catsync_plugins.top.keys import View, press
from catsync_plugins.web.device import Command
from support.states import STATES

NAMES = ("offline", "online", "downloading", "waiting-metered", "paused", "update-available", "damaged")
ROWS = [STATES[name].row for name in NAMES]
BY_NAME = dict(zip(NAMES, ROWS, strict=True))


def at(name: str) -> View:
    return View(chosen=BY_NAME[name].id)


def test_arrows_choose_and_stop_at_the_ends() -> None:
    view = press(View(), "down", ROWS)
    assert view.chosen == BY_NAME["online"].id
    assert press(press(view, "up", ROWS), "up", ROWS).chosen == BY_NAME["offline"].id
    assert press(at("damaged"), "down", ROWS).chosen == BY_NAME["damaged"].id


@pytest.mark.parametrize(
    ("name", "key", "command"),
    [
        ("online", "o", "offline"),
        ("downloading", "o", "cancel"),
        ("downloading", "p", "pause"),
        ("paused", "p", "resume"),
        ("update-available", "u", "update"),
        ("damaged", "r", "repair"),
        ("offline", "v", "verify"),
    ],
)
def test_keys_command_the_chosen_row(name: str, key: str, command: str) -> None:
    found = press(at(name), key, ROWS).command
    assert found is not None
    assert (found.name, found.catalog, found.consent) == (command, BY_NAME[name].id, False)


def test_going_online_is_asked_first() -> None:
    asked = press(at("offline"), "o", ROWS)
    assert asked.command is None
    assert "Naturholz" in asked.message
    assert press(asked, "n", ROWS).command is None
    done = press(asked, "y", ROWS)
    assert done.command == Command("online", "naturholz", 0)
    assert done.asking is None


def test_what_waits_for_a_policy_is_resumed_with_consent() -> None:
    found = press(at("waiting-metered"), "p", ROWS).command
    assert found is not None
    assert (found.name, found.consent) == ("resume", True)


def test_auto_sync_is_switched() -> None:
    found = press(at("offline"), "a", ROWS).command
    assert found is not None
    assert found.on is False


def test_other_keys_do_nothing_and_a_command_is_given_once() -> None:
    view = press(at("online"), "o", ROWS)
    assert press(view, "x", ROWS).command is None
    assert press(at("online"), "p", ROWS).command is None
    assert press(View(), "u", []).command is None
    assert press(View(), "q", []).ended
    assert press(View(), "c", ROWS).check
