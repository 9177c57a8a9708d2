"""The gateways' link-layer addresses: when they are known, and when the kernel is asked to make sure."""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Interface

from routerd.model import Interface
from routerd.observe.facts import links_of
from routerd.observe.gateway_service import GatewayWatch
from routerd.system.neighbours import Neighbour
from routerd.system.netlink_error import NetlinkError

ONE, TWO = IPv4Address("192.168.200.2"), IPv4Address("192.168.7.2")
MAC, OTHER = b"\2\0\0\0\0\2", b"\2\0\0\0\0\3"


class Kernel:
    """A table of neighbours, and what was asked of it."""

    def __init__(self, *rows: Neighbour) -> None:
        self.rows: list[Neighbour] | None = list(rows)
        self.solicited: list[tuple[int, IPv4Address]] = []
        self.changed: Callable[[], None] = lambda: None
        self.open = 0
        self.told = 0

    async def read(self) -> list[Neighbour]:
        if self.rows is None:
            raise NetlinkError("read the neighbours", 5)
        return self.rows

    def watch(self, addresses: tuple[IPv4Address, ...], changed: Callable[[], None]) -> "Kernel":
        self.changed, self.open = changed, self.open + 1
        return self

    def solicit(self, link: int, address: IPv4Address) -> None:
        self.solicited.append((link, address))

    def close(self) -> None:
        self.open -= 1

    def tell(self) -> None:
        self.told += 1


def played(kernel: Kernel, play: Callable[[GatewayWatch], Awaitable[None]]) -> None:
    async def go() -> None:
        watch = GatewayWatch(lambda: {ONE: 3, TWO: 4}, kernel.tell, read=kernel.read, watch=kernel.watch)
        task = asyncio.create_task(watch.run())
        await play(watch)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert kernel.open == 0

    asyncio.run(go())


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not so in time")


def test_what_the_kernel_knows_on_the_right_link_is_known() -> None:
    kernel = Kernel(Neighbour(4, TWO, OTHER), Neighbour(3, ONE, MAC), Neighbour(9, ONE, OTHER), Neighbour(3, TWO, MAC))

    async def play(watch: GatewayWatch) -> None:
        watch.configure((ONE, TWO))
        await until(lambda: kernel.told == 1)
        assert watch.known == ((TWO, OTHER), (ONE, MAC))
        assert kernel.solicited == [(3, ONE), (4, TWO)]
        # It fails to answer ARP: then it is not known, and the kernel is not made to ask without a pause.
        kernel.rows = [Neighbour(4, TWO, OTHER)]
        kernel.changed()
        await until(lambda: kernel.told == 2)
        assert watch.known == ((TWO, OTHER),)
        assert len(kernel.solicited) == 2
        kernel.rows = None
        kernel.changed()
        watch.look_soon()
        await asyncio.sleep(0.1)
        assert watch.known == ((TWO, OTHER),)
        watch.configure((ONE,))
        assert watch.known == ()

    played(kernel, play)


def test_without_gateways_nothing_is_asked() -> None:
    kernel = Kernel(Neighbour(3, ONE, MAC))

    async def play(watch: GatewayWatch) -> None:
        await asyncio.sleep(0)
        watch.look_soon()
        await asyncio.sleep(0.1)
        assert (watch.known, kernel.open, kernel.solicited, kernel.told) == ((), 0, [], 0)

    played(kernel, play)


def test_a_gateway_is_looked_for_on_the_lan_that_it_is_on() -> None:
    def held(name: str, index: int, address: str, up: bool = True) -> Interface:
        return Interface(name, index, up, MAC, 1500, (IPv4Interface(address),))

    known = {
        "wg0": held("wg0", 2, "192.168.200.1/24"),
        "lan0": held("lan0", 3, "192.168.200.1/24"),
        "lan1": held("lan1", 4, "192.168.7.1/24", up=False),
    }
    assert links_of([ONE, TWO, IPv4Address("192.168.200.1")], known, ["wg0"]) == {ONE: 3}
