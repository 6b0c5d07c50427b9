"""What it costs to be several versions behind: a catalog's versions in a row, and a device left at each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench._catsync import Catsync, CatsyncBlocks
from bench._lines import line_chart
from bench._measure import measure_all
from bench._page import Part, picture
from bench._servers import serve_files
from bench._svg import TEXT, linear_axis
from bench._table import grid, section
from bench._tools import Site
from bench._wire import Relay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench._traffic import Traffic

__all__ = ["Lag", "Lags", "measure_lags", "present_lags"]


@dataclass(frozen=True, slots=True)
class Lag:
    """What a device transfers that is some versions behind."""

    versions: int
    label: str
    """The version that it has."""
    update: Traffic
    blocks: Traffic
    """The same update by blocks alone."""


@dataclass(frozen=True, slots=True)
class Lags:
    """What was measured on one catalog."""

    name: str
    label: str
    """The newest version."""
    lags: tuple[Lag, ...]
    install: Traffic
    """A first download of the newest version."""


def measure_lags(name: str, trees: Sequence[tuple[str, Path]], work: Path) -> Lags:
    """Publish versions one after the other, leave a device at each, and update them all to the last one.

    Args:
        name: The catalog's name.
        trees: The versions' labels and trees, oldest first.
        work: An empty directory for everything.

    Raises:
        FailedCommandError: When a command fails.
        DifferentTreeError: When a device has not the newest version in the end.
    """
    web, state, homes = work / "web", work / "state", work / "homes"
    for folder in (web, state, homes):
        folder.mkdir()
    *earlier, (newest, last) = trees
    with serve_files(web, state) as port, Relay(port, http=True) as relay:
        url = f"http://127.0.0.1:{relay.port}"
        site = Site(old=trees[0][1], new=last, web=web, url=url, rsync_url="", device=work / "device")
        device, by_blocks = Catsync(site), CatsyncBlocks(site)
        device.init()
        for label, tree in earlier:
            device.publish_version(tree)
            device.put_aside(homes / label)
        device.publish_version(last)
        lags = [
            Lag(behind, label, *(_update(tool, homes / label, relay) for tool in (device, by_blocks)))
            for behind, (label, _) in enumerate(reversed(earlier), 1)
        ]
        device.clear()
        return Lags(name, newest, tuple(lags), _count(device, device.install(), relay))


def _update(device: Catsync, home: Path, relay: Relay) -> Traffic:
    device.take_up(home)
    return _count(device, device.update(), relay)


def _count(device: Catsync, commands: Sequence[Sequence[str]], relay: Relay) -> Traffic:
    relay.take()
    measure_all(commands, env=device.env)
    traffic = relay.take()
    device.verify()
    return traffic


def present_lags(catalogs: Sequence[Lags]) -> Part:
    """Present the cost of being behind."""
    introduction = section(
        "Several versions behind",
        "A publisher publishes real versions in a row, with `--effort best`, and a device is left behind at each of "
        "them. Then all update to the newest version: bytes on the wire in both directions. *Blocks* is the same "
        "update with `--via blocks`, *first* is a first download of the newest version. Figures are of one run.",
    )
    sections = [introduction, *(_present(catalog) for catalog in catalogs)]
    return Part("\n\n".join(sections), {_chart(catalog): _draw(catalog) for catalog in catalogs})


def _present(catalog: Lags) -> str:
    rows = [
        [
            f"{lag.versions}",
            lag.label,
            f"{lag.update.bytes:,}",
            f"{lag.update.requests}",
            f"{lag.blocks.bytes:,}",
            f"{lag.update.bytes / lag.blocks.bytes:.3f}",
            f"{catalog.install.bytes:,}",
            f"{lag.update.bytes / catalog.install.bytes:.3f}",
        ]
        for lag in catalog.lags
    ]
    head = ["behind", "from version", "update", "requests", "blocks", "update / blocks", "first", "update / first"]
    return section(
        f"Several versions behind: {catalog.name} to {catalog.label}",
        picture(_chart(catalog), f"Bytes of an update of {catalog.name} by how many versions a device is behind"),
        grid(head, rows),
    )


def _chart(catalog: Lags) -> str:
    return f"behind-{catalog.name}"


def _draw(catalog: Lags) -> str:
    lines: dict[str, list[tuple[float, float]]] = {
        "first download": [(lag.versions, catalog.install.bytes) for lag in catalog.lags],
        "blocks": [(lag.versions, lag.blocks.bytes) for lag in catalog.lags],
        "update": [(lag.versions, lag.update.bytes) for lag in catalog.lags],
    }
    hues = {"first download": TEXT, "blocks": CatsyncBlocks.colour, "update": Catsync.colour}
    behind = [lag.versions for lag in catalog.lags]
    axes = linear_axis("", behind, start=0), linear_axis("B", (y for line in lines.values() for _, y in line), start=0)
    return line_chart(f"Bytes on the wire, {catalog.name}", "versions behind", axes, lines, hues)
