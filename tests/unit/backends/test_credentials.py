from __future__ import annotations

import pytest

from catsync_core.backends.credentials import basic_credentials, without_credentials


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/repo", "https://host/repo"),
        ("https://user:secret@host:8443/repo", "https://host:8443/repo"),
        ("https://user@host/", "https://host/"),
        ("https://us@er:se@cret@host/", "https://host/"),
        ("https://user:secret@[::1]:80/x", "https://[::1]:80/x"),
    ],
)
def test_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://host/", None),
        ("https://Aladdin:open%20sesame@host/", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("https://token@host/", "Basic dG9rZW46"),
        ("https://%C3%A4:%40@host/", "Basic w6Q6QA=="),
    ],
)
def test_basic_credentials(url: str, value: str | None) -> None:
    assert basic_credentials(url) == value
