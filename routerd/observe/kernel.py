"""What is asked of the kernel. Pure."""

from collections.abc import Collection
from typing import Protocol

from routerd.model import DefaultGateway, Interface


class Kernel(Protocol):
    """What is asked of the kernel; `Netlink` is one, tests have another."""

    async def interfaces(self, names: Collection[str] | None = None) -> dict[str, Interface]:
        """The interfaces by name. Raises NetlinkError."""

    async def default_gateways(self) -> tuple[DefaultGateway, ...]:
        """Best metric first. Raises NetlinkError."""

    async def kind(self, name: str) -> str | None:
        """The interface's kind, None if there is none. Raises NetlinkError."""

    def close(self) -> None:
        """Give everything back."""


class Watch(Protocol):
    """A running monitor."""

    def close(self) -> None:
        """Stop."""
