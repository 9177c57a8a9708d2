"""What the routes service asks of the kernel."""

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Protocol

from routerd.model import KernelRoute


class Kernel(Protocol):
    """What is asked of the kernel; `Netlink` is one, tests have another. Every method raises NetlinkError."""

    async def own_routes(self) -> set[KernelRoute]:
        """Routes that routerd made."""

    async def foreign_routes(self, prefixes: Iterable[IPv4Network]) -> set[IPv4Network]:
        """Prefixes that others have routes for."""

    async def add_route(self, route: KernelRoute) -> None:
        """Add it unless it is there."""

    async def delete_route(self, route: KernelRoute) -> None:
        """Delete it if it is there."""

    def close(self) -> None:
        """Give everything back."""
