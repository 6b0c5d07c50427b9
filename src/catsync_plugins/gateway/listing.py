"""What is in a folder, and which catalogs there are: as plain pages for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import msgspec

from catsync_core import FileInfo, OpenVersion

__all__ = ["Folder", "catalogs_json", "catalogs_page", "find_folder", "folder_json", "folder_page"]

_SCHEMA = 1


class Folder(msgspec.Struct, frozen=True):
    """A folder of a version.

    Attributes:
        catalog: Id.
        version: Of the catalog.
        path: In the catalog; empty for the catalog itself.
        folders: Names of the folders in it.
        files: Those that lie directly in it.
    """

    catalog: str
    version: int
    path: str
    folders: tuple[str, ...]
    files: tuple[FileInfo, ...]


def find_folder(version: OpenVersion, path: str) -> Folder | None:
    """Return a folder; None when no file lies below it."""
    start = f"{path}/" if path else ""
    below = [file for file in version.files() if file.path.startswith(start)]
    if not below and path:
        return None
    rests = [file.path[len(start) :].partition("/") for file in below]
    return Folder(
        version.catalog,
        version.version,
        path,
        tuple(dict.fromkeys(name for name, slash, _ in rests if slash)),
        tuple(file for file, (_, slash, _) in zip(below, rests, strict=True) if not slash),
    )


def folder_json(folder: Folder) -> str:
    """Return a folder as one JSON document."""
    return _encode(
        {
            "schema": _SCHEMA,
            "catalog": folder.catalog,
            "version": folder.version,
            "path": folder.path,
            "folders": folder.folders,
            "files": folder.files,
        }
    )


def folder_page(folder: Folder) -> str:
    """Return a folder as a page."""
    base = f"/{folder.catalog}/{folder.path}".rstrip("/")
    up = base.rpartition("/")[0] or "/"
    rows = [_link(up, "..")]
    rows += [_link(f"{base}/{name}", f"{name}/") for name in folder.folders]
    rows += [_link(f"/{folder.catalog}/{file.path}", file.path.rpartition("/")[2], file.size) for file in folder.files]
    return _page(base, rows)


def catalogs_json(titles: Sequence[tuple[str, str]]) -> str:
    """Return the catalogs as one JSON document."""
    return _encode(
        {"schema": _SCHEMA, "catalogs": [{"catalog": name, "title": title} for name, title in titles]},
    )


def catalogs_page(titles: Sequence[tuple[str, str]]) -> str:
    """Return the catalogs as a page."""
    return _page("catsync", [_link(f"/{name}", title) for name, title in titles])


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _link(address: str, text: str, size: int | None = None) -> str:
    after = "" if size is None else f" {size:,} bytes"
    return f'<li><a href="{escape(quote(address))}">{escape(text)}</a>{after}'


def _page(title: str, rows: Sequence[str]) -> str:
    name = escape(title)
    return "\n".join(
        [
            "<!doctype html>",
            "<meta charset=utf-8>",
            f"<title>{name}</title>",
            f"<h1>{name}</h1>",
            "<ul>",
            *rows,
            "</ul>\n",
        ]
    )
