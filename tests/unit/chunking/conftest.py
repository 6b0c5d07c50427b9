from __future__ import annotations

import pytest

from catsync_core.chunking import KernelError, kernel


@pytest.fixture(params=["c", "python"])
def each_kernel(request: pytest.FixtureRequest) -> kernel.Kernel:
    """Both kernels, one after the other."""
    try:
        return kernel.load(request.param)
    except KernelError:
        pytest.skip(f"the {request.param} kernel was not built")
