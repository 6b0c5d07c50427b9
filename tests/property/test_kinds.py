"""The suffix of a name is what the standard library takes it for."""

from __future__ import annotations

from os.path import splitext

from hypothesis import given
from hypothesis import strategies as st

from catsync_core.plan.basis import kind_of


@given(st.text(alphabet="ab./é", max_size=12))
def test_a_kind_is_the_folder_and_the_suffix(path: str) -> None:
    folder, _, name = path.rpartition("/")
    assert kind_of(path) == (folder, splitext(name)[1])  # noqa: PTH122  # what pathlib makes of dots is another thing
