"""Cut programs off from every network, the loopback included, by the kernel and for good.

As a script it runs a program for which no internet socket can be made.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import subprocess
import sys
from functools import cache

__all__ = ["WAYS", "cut_off", "is_cut_off"]

WAYS: tuple[tuple[str, ...], ...] = (
    ("unshare", "--map-current-user", "--net"),
    ("unshare", "--net"),
    (sys.executable, __file__),
)
"""What to put before a command, the best first: a network of its own without interfaces, else a seccomp filter."""

_PROBE = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).close()
except OSError:
    print("cut off")
"""
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}  # AUDIT_ARCH, and the number of socket()
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2


@cache
def cut_off() -> tuple[str, ...]:
    """Return what to put before a command so that it runs without a network.

    Raises:
        AssertionError: This machine offers none of the ways, so what is to be tested cannot be.
    """
    for way in WAYS:
        if is_cut_off(way):
            return way
    raise AssertionError("No way to cut a program off from the network works here: neither unshare nor seccomp")


def is_cut_off(way: tuple[str, ...]) -> bool:
    """Whether a program that is run in this way cannot reach a server that is there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*way, sys.executable, "-c", _PROBE, str(server.getsockname()[1])]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return False
    return done.stdout == "cut off\n"


def _refuse_sockets() -> None:
    """Let the kernel refuse internet sockets to this process and to whatever it starts."""
    architecture, number = _MACHINES[platform.machine()]
    refused = _ERRNO | errno.ENETUNREACH
    program = b"".join(
        struct.pack("=HBBI", code, yes, no, value)
        for code, yes, no, value in (
            (_LOAD, 0, 0, 4),  # the architecture
            (_EQUAL, 1, 0, architecture),
            (_RETURN, 0, 0, _KILL),
            (_LOAD, 0, 0, 0),  # the number of the system call
            (_EQUAL, 0, 3, number),
            (_LOAD, 0, 0, 16),  # its first argument: the family
            (_EQUAL, 2, 0, socket.AF_INET),
            (_EQUAL, 1, 0, socket.AF_INET6),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, refused),
        )
    )
    code = ctypes.create_string_buffer(program)
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for order in ((_NO_NEW_PRIVS, 1, 0), (_SET_SECCOMP, _FILTER, ctypes.addressof(described))):
        if libc.prctl(*(ctypes.c_ulong(word) for word in (*order, 0, 0))) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    _refuse_sockets()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - that is what it is for
