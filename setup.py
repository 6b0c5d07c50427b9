"""Build of the one C extension: the rolling kernel (limited API, one wheel for CPython 3.11 and later)."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

# A free-threaded CPython has no stable ABI, so it gets a build of its own.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

CHUNKING = "src/catsync_core/chunking"
HEADERS = sorted(str(path) for path in Path(CHUNKING).rglob("*.h"))

kernel = Extension(
    "catsync_core.chunking._ckernel",
    sources=[f"{CHUNKING}/_ckernel.c"],
    include_dirs=[f"{CHUNKING}/vendor"],
    depends=HEADERS,
    define_macros=[("Py_LIMITED_API", "0x030b0000")] if LIMITED else [],
    extra_compile_args=[] if os.name == "nt" else ["-O3"],
    py_limited_api=LIMITED,
    # Without a compiler the pure-Python twin does the work; CATSYNC_REQUIRE_C=1 makes that an error.
    optional=os.environ.get("CATSYNC_REQUIRE_C") != "1",
)

setup(ext_modules=[kernel], options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {})
