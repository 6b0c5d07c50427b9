"""``catsync ui`` as a process: it opens, is found by a second one, ends by a signal, and refuses what is unsafe."""

from __future__ import annotations

import signal
import ssl
import urllib.request
from pathlib import Path

from support.command_line import CommandLine
from support.shop import Shop

CERTIFICATE = Path(__file__).parents[1] / "fault" / "localhost.pem"


def test_it_opens_once_and_ends_by_a_signal(catsync: CommandLine, shop: Shop) -> None:
    with catsync.start("ui", "--no-browser", "--port", "0", shop.repository) as process:
        assert process.stdout
        assert process.stderr
        link = process.stdout.readline().decode().strip()
        page = urllib.request.urlopen(link)  # noqa: S310 - the link of a server of ours
        assert b'/app.js"></script>' in page.read()
        again = catsync.run("ui", "--no-browser")
        assert again.stdout.partition("#")[0] == link.partition("#")[0]
        assert again.stdout.strip() != link
        assert "open already" in again.stderr
        process.send_signal(signal.SIGTERM)
        assert "Stopped." in process.stderr.read().decode()
    assert process.returncode == 0
    assert catsync.document("list")["catalogs"][0]["catalog"] == "shoes"
    assert not (catsync.home / "ui.json").exists()


def test_it_speaks_tls(catsync: CommandLine) -> None:
    tls = ["--certificate", CERTIFICATE, "--key", CERTIFICATE, "--name", "localhost"]
    with catsync.start("ui", "--no-browser", "--port", "0", "--host", "0.0.0.0", *tls) as process:  # noqa: S104 - with TLS
        assert process.stdout
        link = process.stdout.readline().decode().strip()
        assert link.startswith("https://localhost:")
        page = urllib.request.urlopen(link, context=ssl.create_default_context(cafile=str(CERTIFICATE)))  # noqa: S310 - likewise
        assert "frame-src 'none'" in page.headers["Content-Security-Policy"]
        process.send_signal(signal.SIGTERM)


def test_it_refuses_others_without_tls(catsync: CommandLine) -> None:
    result = catsync.run("ui", "--host", "0.0.0.0", code=2)  # noqa: S104 - that is what is refused
    assert "--certificate" in result.stderr
    assert not (catsync.home / "ui.json").exists()


def test_a_certificate_that_is_none_is_named(catsync: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    tls = ["--certificate", tmp_path / "nonsense.pem", "--key", tmp_path / "nonsense.pem"]
    assert "cannot be used" in catsync.run("ui", "--no-browser", "--port", "0", *tls, code=1).stderr


def test_a_configuration_that_makes_no_sense_is_told(catsync: CommandLine) -> None:
    catsync.home.mkdir(parents=True)
    (catsync.home / "config.toml").write_text("nonsense = 1")
    assert "nonsense" in catsync.run("ui", "--no-browser", "--port", "0", code=2).stderr


def test_a_repository_that_is_not_there_is_told(catsync: CommandLine, tmp_path: Path) -> None:
    catsync.run("ui", "--no-browser", tmp_path / "nowhere", code=10)
