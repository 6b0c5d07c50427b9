"""Make the golden files: `python tests/golden/make.py NAMES...` in a checkout with catsync installed.

They were made once and stay as they are: whatever catsync reads today, it must read in every later version. Make them
again only for a new format, beside the old ones. Single objects lie in ``objects``, a repository of two versions
without patches in ``repository``, the same with sealed frames that have no checksum in ``repository-sealed``, one with
patches in ``repository-patches``, and one of four versions with patches from each to the next, and with a history, in
``repository-history``. Other versions of zstd may compress to other bytes, and so to other names of objects.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import msgspec

from catsync_core.format.frames import Codec, seal
from catsync_core.format.head import Head, PatchRef, write_head
from catsync_core.format.history import History, Step, write_history
from catsync_core.format.index import CatalogSummary, Index, write_index
from catsync_core.format.manifest import Content, Entry, Manifest, PackRef, write_manifest
from catsync_core.format.objects import ObjectRef
from catsync_core.format.table import Frame, SignatureShape, Table, write_table
from catsync_core.publish.effort import Effort, Settings
from catsync_core.publish.publisher import Publisher
from catsync_plugins.backend_file import FileBackend

HERE = Path(__file__).parent
WHEN = 1_750_000_000
REF = ObjectRef("0f" * 32, 321)


def make_objects(folder: Path) -> None:
    """Write one object of each kind, and the edges: empty, with every optional field, with fine frames."""
    pack, other = (PackRef(ObjectRef(digit * 64, 1000), ObjectRef("a" * 64, 99)) for digit in ("1", "2"))
    a, b, nothing = (hashlib.sha256(text).digest() for text in (b"a", b"b", b""))
    objects = {
        "index-empty.json": write_index(Index(1, "ab" * 16, 1, WHEN, {})),
        "index.json": write_index(
            Index(
                1,
                "0123456789abcdef" * 2,
                42,
                WHEN,
                {
                    "tools": CatalogSummary("Werkzeuge & Zubeh\u00f6r", 7, WHEN - 60, 1200, 480_000_000, REF),
                    "a.b-c_d": CatalogSummary('"\\\U0001f600', 1, 0, 0, 0, REF),
                },
                WHEN + 86_400,
            )
        ),
        "head-first.json": write_head(Head(1, "tools", 1, "Werkzeuge", WHEN, 0, 0, REF)),
        "head.json": write_head(
            Head(1, "tools", 7, "Werkzeuge", WHEN, 1200, 480_000_000, REF, "Preise 2026\nneu: S\u00e4gen", REF)
        ),
        "head-patches.json": write_head(
            Head(
                1,
                "tools",
                7,
                "Werkzeuge",
                WHEN,
                1200,
                480_000_000,
                REF,
                patches=(PatchRef("ab" * 32, "cd" * 32, REF, 100), PatchRef("", "cd" * 32, REF, 321)),
                history=REF,
            )
        ),
        "history-empty": write_history(History("tools", ())),
        "history": write_history(
            History(
                "tools",
                (
                    Step("ab" * 8, 0, ObjectRef("4" * 64, 1 << 33), 5000),
                    Step("cd" * 8, 2, REF, 321),
                    Step("ef" * 8, 2, ObjectRef("5" * 64, 1), 1),
                ),
            )
        ),
        "manifest-empty": write_manifest(Manifest("tools", 1, (), (), ())),
        "manifest": write_manifest(
            Manifest(
                "tools",
                7,
                (pack, other),
                (Content(a, 1, 1, 300), Content(b, 1 << 33, 0, 5), Content(nothing, 0, 0, 0)),
                (
                    Entry("Bilder/Gr\u00f6\u00dfe.jpg", WHEN, 0),
                    Entry("Bilder/Gr\u00f6\u00dfer.jpg", WHEN + 61, 1),
                    Entry("Bilder/Kopie.jpg", -1, 0),
                    Entry("leer", 0, None),
                    Entry("leer.txt", 0, 2),
                ),
            )
        ),
        "table-empty": write_table(Table((), (), {}, None)),
        "table": write_table(
            Table(
                (100, 0, 50, 2000),
                (
                    Frame(0, 30, Codec.ZSTD, ((0, 150),), seal(b"packed")),
                    Frame(30, 20, Codec.ZSTD, ((160, 40), (150, 10)), fine=True),
                    Frame(50, 2000, Codec.RAW, ((150, 2000),), seal(b"coarse")),
                    Frame(2050, 7, Codec.RAW, ((1000, 7),), seal(b"fine"), fine=True),
                ),
                {0: SignatureShape(0, 40, 3, 4, 3), 3: SignatureShape(21, 2048, 2, 5, 1)},
                ObjectRef("3" * 64, 28),
            )
        ),
    }
    folder.mkdir()
    for name, data in objects.items():
        (folder / name).write_bytes(data)


def make_trees() -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
    """Return two versions of a catalog; None stands for an empty folder.

    The second one changes a compressible file in the middle and a table at its end, renames a picture, drops a file,
    fills a folder and adds a file.
    """
    source = random.Random(1)
    rows = [f"{number};article {source.randrange(10**9)};{source.randrange(10**4)}\r\n" for number in range(600)]
    data = source.randbytes(9_000).hex().encode()
    picture = source.randbytes(3_000)
    log = b"nothing to report\n" * 61_000  # longer than one coarse frame
    one: dict[str, bytes | None] = {
        "Bilder/Gr\u00f6\u00dfe.jpg": picture,
        "catalog.json": data,
        "copy/prices.csv": "".join(rows).encode(),
        "empty.txt": b"",
        "log.txt": log,
        "notes/old.txt": b"until 2025",
        "prices.csv": "".join(rows).encode(),
        "soon": None,
    }
    rows[300] = "300;article replaced;1\r\n"
    two = dict(one) | {
        "Bilder/gross.jpg": picture,
        "catalog.json": data[:7_000] + source.randbytes(300).hex().encode() + data[7_500:],
        "prices.csv": "".join(rows).encode() + b"600;new article;5\r\n",
        "soon/now.txt": b"here\n",
    }
    for gone in ("Bilder/Gr\u00f6\u00dfe.jpg", "notes/old.txt", "soon"):
        del two[gone]
    return one, two


def make_patch_trees() -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
    """Return two versions of a catalog for patches; None stands for an empty folder.

    The second one changes a price list and a long table, renames a picture, drops a file, and adds a folder, a file of
    one byte and a file that resembles old ones.
    """
    source = random.Random(2)
    rows = [f"{number};article {source.randrange(10**9)};{source.randrange(10**4)}\r\n" for number in range(2_000)]
    picture = source.randbytes(3_000)
    pages = {f"pages/{number}.html": b"<h1>%d</h1>" % number + rows[number].encode() * 9 for number in range(8)}
    one: dict[str, bytes | None] = {
        "Bilder/Gr\u00f6\u00dfe.jpg": picture,
        "copy/prices.csv": "".join(rows[:600]).encode(),
        "empty.txt": b"",
        "long.csv": "".join(rows).encode(),
        "notes/old.txt": b"until 2025",
        **pages,
        "prices.csv": "".join(rows[:600]).encode(),
    }
    rows[300] = "300;article replaced;1\r\n"
    two = dict(one) | {
        "Bilder/gross.jpg": picture,
        "long.csv": "".join([*rows[:1_000], "inserted\r\n", *rows[1_000:]]).encode(),
        "one-byte.txt": b"\n",
        "pages/9.html": b"<h1>9</h1>" + rows[7].encode() * 9,
        "prices.csv": "".join(rows[:601]).encode(),
        "soon": None,
    }
    for gone in ("Bilder/Gr\u00f6\u00dfe.jpg", "notes/old.txt"):
        del two[gone]
    return one, two


def make_history_trees() -> list[dict[str, bytes | None]]:
    """Return four versions of a catalog; None stands for an empty folder.

    A list changes in every version, a page comes with the second and stays, another one comes with it and goes with the
    third, a third one goes with the second and comes back with the fourth, and a picture is renamed on the way.
    """
    source = random.Random(3)
    rows = [f"{number};article {source.randrange(10**9)};{source.randrange(10**4)}\r\n" for number in range(900)]
    picture, page = source.randbytes(2_000), "".join(rows[:40]).encode()
    trees: list[dict[str, bytes | None]] = []
    for number in range(1, 5):
        rows[100 * number] = f"{100 * number};article of version {number};1\r\n"
        trees.append(
            {
                "list.csv": "".join(rows).encode(),
                "pages/back.html": b"<h1>back</h1>" + page,
                "pages/short.html": b"<h1>short</h1>" + page,
                "pages/stays.html": b"<h1>stays</h1>" + page,
                "picture.jpg" if number < 3 else "Bilder/Bild.jpg": picture,
                "same.txt": b"the same",
            }
        )
    for number, gone in {1: "stays short", 2: "back", 3: "back short", 4: "short"}.items():
        for name in gone.split():
            del trees[number - 1][f"pages/{name}.html"]
    return trees


def make_repository(folder: Path) -> None:
    """Publish two versions without patches."""
    plain = msgspec.structs.replace(Settings.of(Effort.DEFAULT), distances=(), solid=False)
    with mock.patch.object(Settings, "of", return_value=plain):
        publish_all(folder, make_trees(), Effort.DEFAULT)


def make_repository_with_patches(folder: Path) -> None:
    """Publish two versions with the greatest effort: patches lead to the second from the first, and from nothing."""
    publish_all(folder, make_patch_trees(), Effort.BEST)


def make_repository_with_history(folder: Path) -> None:
    """Publish four versions, each with a patch from the one before and no other."""
    publish_all(folder, make_history_trees(), Effort.FAST)


def publish_all(folder: Path, trees: Iterable[dict[str, bytes | None]], effort: Effort) -> None:
    """Publish versions into a new repository, at fixed times and with a fixed id."""
    folder.mkdir()
    publisher = Publisher(FileBackend(folder.resolve()))
    with mock.patch("secrets.token_hex", return_value="c0ffee00" * 4), mock.patch("time.time", return_value=WHEN):
        publisher.init()
    for version, tree in enumerate(trees, start=1):
        with tempfile.TemporaryDirectory() as scratch, mock.patch("time.time", return_value=WHEN + 60 * version):
            root = Path(scratch)
            for number, (path, content) in enumerate(tree.items()):
                place = root / path
                if content is None:
                    place.mkdir(parents=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
                os.utime(place, (WHEN, WHEN - 3600 * number))
            publisher.publish(root, "golden", title="G\u00f6lden", note=f"Version {version}", effort=effort)
    shutil.rmtree(folder / ".catsync", ignore_errors=True)


MAKERS = {
    "objects": make_objects,
    "repository": make_repository,
    "repository-sealed": make_repository,
    "repository-patches": make_repository_with_patches,
    "repository-history": make_repository_with_history,
}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        shutil.rmtree(HERE / name, ignore_errors=True)
        MAKERS[name](HERE / name)
