"""What a bench with servers needs: catsync and the peers' programs, else it is skipped."""

from __future__ import annotations

import pytest
from bench._catsync import find_catsync
from bench._packages import MissingProgramsError, ensure_programs

__all__ = ["require_ready"]


def require_ready() -> None:
    """Skip the bench while catsync is not installed beside this Python, or a program cannot be had."""
    if find_catsync() is None:
        pytest.skip("catsync is not installed beside this Python")
    try:
        ensure_programs()
    except MissingProgramsError as error:
        pytest.skip(str(error))
