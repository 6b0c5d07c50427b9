from __future__ import annotations

import os

import pytest

from catsync_core.format.objects import ObjectRef
from catsync_core.plan.model import FramePart, PatchPart
from catsync_core.transfer.parts import _count_workers

OBJECT = ObjectRef("0" * 64, 1)
OF_PACK = FramePart(OBJECT, None, 0, 1)  # type: ignore[arg-type]  # its kind alone counts here
OF_PATCH = PatchPart(OBJECT, None, None, 0, 1)  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(("cores", "of_pack", "of_patch"), [(None, 1, 2), (1, 1, 2), (2, 1, 2), (3, 2, 2), (16, 2, 2)])
def test_a_core_is_left_to_who_hashes_and_writes(
    cores: int | None, of_pack: int, of_patch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert _count_workers([]) == _count_workers([OF_PACK]) == of_pack
    assert _count_workers([OF_PACK, OF_PATCH]) == of_patch
