from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from catsync_plugins.web.files import read_static
from support.screen import Screen

FILES = read_static()
SCRIPTS = "\n".join(data.decode() for name, data in FILES.items() if name.endswith((".js", ".html")))
LANGUAGES: dict[str, dict[str, Any]] = {name: json.loads(FILES[f"{name}.json"]) for name in ("de", "en")}
PLURALS = {"one", "other"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/de.json", "application/json"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_files_come_with_their_types(stranger: Screen, path: str, kind: str) -> None:
    reply = stranger.ask("GET", path)
    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    assert path == "/" or reply.body == FILES[path[1:]]


def test_a_browser_gets_them_packed_and_only_when_they_changed(stranger: Screen) -> None:
    reply = stranger.ask("GET", "/app.js", Accept_Encoding="gzip, br")
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(reply.body) == FILES["app.js"]
    again = stranger.ask("GET", "/app.js", If_None_Match=reply.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_the_page_names_its_files_so_that_a_browser_may_keep_them(stranger: Screen) -> None:
    page = stranger.ask("GET", "/").body.decode()
    folder = re.search(r'src="([0-9a-f]{16})/app.js"', page)
    assert folder
    assert set(re.findall(r'(?:href|src)="([^"#]+)/\w+\.\w+"', page)) == {folder[1]}
    reply = stranger.ask("GET", f"/{folder[1]}/app.js")
    assert reply.body == FILES["app.js"]
    assert "immutable" in reply.headers["cache-control"]
    assert stranger.ask("GET", "/").headers["cache-control"] == "no-cache"
    assert stranger.ask("GET", f"/{'0' * 16}/app.js").status == 404


def test_the_page_names_every_module_before_it_is_needed() -> None:
    page = FILES["index.html"].decode()
    modules = {name for name in FILES if name.endswith(".js")}
    assert set(re.findall(r'(?:href|src)="(\w+\.js)"', page)) == modules


def test_the_page_loads_nothing_from_elsewhere() -> None:
    assert re.findall(r"(?:src|href|url)\W{0,3}(?:https?:)?//", SCRIPTS + FILES["style.css"].decode()) == []


def test_the_page_weighs_little() -> None:
    loaded = [data for name, data in FILES.items() if not (name.endswith(".json") and name != "de.json")]
    assert sum(len(gzip.compress(data)) for data in loaded) < 100_000


def test_both_languages_say_the_same_things() -> None:
    assert LANGUAGES["de"].keys() == LANGUAGES["en"].keys()
    for key in LANGUAGES["de"]:
        german, english = (LANGUAGES[name][key] for name in ("de", "en"))
        assert type(german) is type(english), key
        assert placeholders(german) == placeholders(english), key


def placeholders(message: str | dict[str, str]) -> set[str]:
    if isinstance(message, str):
        return set(re.findall(r"\{(\w+)\}", message))
    assert message.keys() == PLURALS
    named = [placeholders(form) for form in message.values()]
    assert named[0] == named[1]
    return named[0]


def test_every_message_that_is_named_exists() -> None:
    named = set(re.findall(r"""\bt\(\s*"([\w.-]+)"[,)]""", SCRIPTS)) | set(
        re.findall(r'data-t[\w-]*="([\w.-]+)"', SCRIPTS)
    )
    assert len(named) > 80
    assert named <= LANGUAGES["en"].keys()


def test_every_message_is_named_somewhere() -> None:
    for key in LANGUAGES["en"]:
        stem = key.partition(".")[0]
        assert f'"{key}"' in SCRIPTS or f"`{stem}.${{" in SCRIPTS or f'["{key.partition(".")[2]}"' in SCRIPTS, key


def test_no_text_of_a_language_stands_in_the_code() -> None:
    for text in ("Update available", "Offline verfügbar", "Anhalten", "Try again"):
        assert text not in SCRIPTS
