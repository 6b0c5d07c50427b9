"""How everything was measured: what the page says last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench._catsync import Catsync, read_summary
from bench._page import Part
from bench._race import Job
from bench._table import grid, section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench._race import Outcome, Sample

__all__ = ["explain"]

_METHOD = """\
- The catalogs are neighbouring releases of real packages, pinned by version and SHA-256 in `bench/catalogs.py`.
- Bytes are counted by a TCP relay between client and server, never taken from a tool's own report. TCP/IP headers,
  acknowledgements and handshakes are not counted.
- One nginx, untuned and without compression, serves all HTTP tools. rsync's daemon stands behind the same kind of
  relay.
- Before each run the device is put back to the old version, or to nothing, and after it the result is compared byte by
  byte with the new one. The tools take turns within one run of the benchmark; every other turn runs in reverse order.
- Nothing is deleted between the runs: ext4 lets a deleted file's inode rest for minutes and passes over all that rest
  whenever a file is made, so whoever comes after thousands of deletions would pay for them. For the same reason each
  tool's device has a part of the disk of its own: rsync deletes every file that it replaces.
- Before each run everything is flushed, and 1 GiB of memory is used and given back: a virtual machine's host takes
  idle memory, and whoever needs it first would wait for it.
- Some package registries give every file one constant modification time, with which rsync's quick check would
  skip changed files of equal size. Here a changed file has a newer time than before and an unchanged file keeps its
  own: rsync's best case, and what an edited folder looks like.
- Only catsync flushes what it wrote to the disk before it says that it is done. The others leave that to the system,
  which shows in the wall times, in their favour.
- catsync is a Python program and the others are C: a start of the interpreter is in each of its times.
- What the publisher spends is in no figure but those about publishing. rsync spends nothing, but needs its own server,
  which computes for every device; for the others any static web server will do. Patches serve the devices that have
  one of the last versions; for all others catsync-blocks is what an update costs.
- The relays run on the same cores as what is measured."""


def explain(outcomes: Sequence[Outcome]) -> Part:
    """Say how it was measured, and how each tool was driven."""
    drives = "\n".join(
        f"- **{tool.name}**: {tool.how}.\n  - First download: {tool.how_to_install}.\n  - Check: {tool.how_to_check}."
        for tool in outcomes[0].tools
    )
    return Part("\n\n".join([section("How it was measured", _METHOD, drives), *_summaries(outcomes)]))


def _summaries(outcomes: Sequence[Outcome]) -> list[str]:
    rows = [
        _summary(outcome.pair, outcome.select(Job.UPDATE)[tool.name][0])
        for outcome in outcomes
        for tool in outcome.tools
        if issubclass(tool, Catsync) and tool.name in outcome.select(Job.UPDATE)
    ]
    if not rows:
        return []
    return [
        section(
            "What catsync says of its updates",
            "From the summary of `update --json`, of one run, beside the bodies that the relay saw. Actions are files "
            "by how the new version got them.",
            grid(["catalog", "tool", "bytes received", "relay", "requests", "relay", "actions"], rows),
        )
    ]


def _summary(pair: str, sample: Sample) -> list[str]:
    summary = read_summary(sample.output)
    actions = [f"{name} {action['files']:,}" for name, action in summary["actions"].items() if action["files"]]
    return [
        pair,
        sample.tool,
        f"{summary['bytes_received']:,}",
        f"{sample.traffic.body:,}",
        f"{summary['requests']:,}",
        f"{sample.traffic.requests:,}",
        ", ".join(actions),
    ]
