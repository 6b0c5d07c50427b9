"""What ``catsync ui`` was given, and what of it is refused."""

from __future__ import annotations

import msgspec

from catsync_core.errors import UsageError

__all__ = ["Options"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ANY = ("0.0.0.0", "::")  # noqa: S104 - they are refused as names


class Options(msgspec.Struct, frozen=True):
    """What the command was given.

    Attributes:
        repositories: To add first.
        host: Where to listen.
        port: Likewise; None for the usual one or the next that is free.
        names: What others call this device.
        certificate: File; empty for none.
        key: File; empty for none.
        browser: Whether to open one.
    """

    repositories: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int | None = None
    names: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    browser: bool = True

    @property
    def local(self) -> bool:
        """Whether only this device can reach the screen."""
        return self.host in _LOOPBACK

    def check(self) -> None:
        """Refuse what would let others in.

        Raises:
            UsageError: (local) others could listen in, or it is not said by which name they reach this device.
        """
        if bool(self.certificate) != bool(self.key):
            raise UsageError("A certificate and its key belong together", hint="Give both --certificate and --key")
        if not self.local and not self.certificate:
            raise UsageError(
                f"At {self.host} others could reach the sync screen, and listen in",
                hint="Give --certificate and --key, so that it speaks TLS, or leave --host out",
            )
        if self.host in _ANY and not self.names:
            raise UsageError(f"{self.host} is no name by which others reach this device", hint="Give one by --name")

    def hosts(self, port: int) -> tuple[str, ...]:
        """Return what may stand in ``Host``, the name that is shown first."""
        names = self.names or ((self.host, "localhost") if self.local else (self.host,))
        return tuple(dict.fromkeys(f"[{name}]:{port}" if ":" in name else f"{name.lower()}:{port}" for name in names))
