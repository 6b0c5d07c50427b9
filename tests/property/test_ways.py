"""However far a device is behind: it ends with what was published, and does not pay more for it than it must."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from catsync_core.client import approach, routes
from catsync_core.format.head import Head
from catsync_core.plan.model import Via
from catsync_core.transfer.repository import Repository
from property.test_trees import (
    CATALOG,
    GAP,
    SCRATCH,
    Device,
    Shop,
    Tree,
    any_patch,
    changed,
    cost,
    read,
    small_scale,
    trees,
)

unhurried = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@st.composite
def versions(draw: st.DrawFn) -> list[Tree]:
    """Some trees, each a few steps from the one before; sometimes an earlier one comes back."""
    found = [draw(trees())]
    for _ in range(draw(st.integers(3, 7))):
        found.append(draw(changed(draw(st.sampled_from(found[-1:] * 4 + found[:1])))))
    return found


def publish_all(shop: Shop, place: Path, found: list[Tree]) -> dict[int, Device]:
    """Publish all, each to a device that stays with it; returns those that are behind, by version."""
    devices = {}
    for tree in found:
        version = shop.version
        shop.publish(tree)
        if shop.version > version:
            devices[shop.version] = Device(place / str(shop.version), shop.backend)
            devices[shop.version].install(Via.BLOCKS)
    devices.pop(shop.version)
    return devices


def metadata(repository: Repository, head: Head) -> int:
    """Return all that a device may fetch to find out what blocks take."""
    manifest, data = repository.manifest(head)
    tables = [repository.table(ref) for ref in manifest.packs]
    signatures = [table.signatures.length for table in tables if table.signatures]
    lengths = [len(data), *(ref.table.length for ref in manifest.packs), *signatures]
    return sum(lengths) + GAP * len(lengths)


@unhurried
@given(found=versions(), frame_size=st.sampled_from((512, 4096, 1 << 20)), share=st.sampled_from((0.05, 1.0)))
def test_no_way_is_dearer_than_blocks_or_a_first_download(found: list[Tree], frame_size: int, share: float) -> None:
    with (
        small_scale(frame_size, 30_000),
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(dir=SCRATCH) as scratch,
    ):
        patch.setattr(routes, "_SHARE", share)  # small trees hardly ever have room for a history
        place = Path(scratch)
        shop = Shop(place / "source")
        devices = publish_all(shop, place, found)
        repository = Repository(shop.backend)
        index = repository.index().index
        assert index is not None
        head = repository.head(index.catalogs[CATALOG].head, CATALOG, shop.version)
        history = head.history.length + GAP if head.history else 0
        solid = head.find_patch("")
        # Where the manifest is much beside the patch from nothing, the header of that decides, and may decide wrong.
        frugal = solid is None or approach._METADATA * head.manifest.length <= approach._EXCESS * solid.patch.length
        header = 0 if frugal or solid is None else solid.header + GAP
        first = cost(Device(place / "new", shop.backend).plan(Via.AUTO))
        for device in devices.values():
            planned, blocks = device.plan(Via.AUTO), device.plan(Via.BLOCKS)
            event(f"by patches: {planned.actions['patch'].files > 0}")
            # That blocks take a table and a piece of a pack too is only so when content changed.
            most = cost(blocks) + 2 * GAP if frugal else max(cost(blocks), first) + header
            assert cost(planned) <= most + history
            assert cost(planned) <= first + history + header + metadata(repository, head)
            with device.catalog() as catalog:
                done = catalog.update()
                assert (done.bytes_received, done.requests) == (planned.bytes_received, planned.requests)
                assert catalog.verify().damaged == ()
                assert read(catalog.path()) == shop.published


@unhurried
@given(found=versions(), via=st.sampled_from((Via.AUTO, Via.PATCH)))
def test_any_patches_one_after_the_other_lead_to_the_published_tree(found: list[Tree], via: Via) -> None:
    with (
        small_scale(4096, 30_000),
        any_patch(),
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(dir=SCRATCH) as scratch,
    ):
        patch.setattr(routes, "_SHARE", 1000.0)
        shop = Shop(Path(scratch) / "source")
        for version, device in publish_all(shop, Path(scratch), found).items():
            with device.catalog() as catalog:
                planned = catalog.plan(via=via)
                done = catalog.update(via=via)
                assert (done.bytes_received, done.requests) == (planned.bytes_received, planned.requests)
                assert catalog.verify().damaged == ()
                assert read(catalog.path()) == shop.published
            event(f"{shop.version - version} behind")
