"""Asks the DHCP servers of a LAN, also one on this machine, what they tell clients."""

import asyncio
import contextlib
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv4Address
from random import Random

from routerd.beside_part import BesidePart, Told
from routerd.dhcp.rival_wire import inform, read_reply, server_of
from routerd.system.sockets_rivals import RivalSocket

_LOOPBACK = ("lo", 1)
_PACKETS_A_WAKE_UP = 64
_MOST = 16


async def ask_servers(part: BesidePart, codes: Iterable[int], seconds: float) -> tuple[Told, ...]:
    """What the servers answer to an INFORM from this machine's address on the LAN of the part.

    Waits until the server of this machine has answered, at most so many seconds. Raises OSError where it cannot ask.
    """
    xid = Random().getrandbits(32)
    found: dict[tuple[IPv4Address, bool], Told] = {}
    answered = asyncio.Event()

    def read(ear: RivalSocket, *, local: bool) -> None:
        for _ in range(_PACKETS_A_WAKE_UP):
            try:
                packet, _mac = ear.receive()
            except OSError:
                return
            message = read_reply(packet)
            if message is None or message.xid != xid or len(found) >= _MOST:
                continue
            server = IPv4Address(server_of(message, packet))
            here = local or ear.is_own
            found[server, here] = Told(server, here, dict(message.options))
            if here:
                answered.set()

    loop = asyncio.get_running_loop()
    ears: list[RivalSocket] = []
    try:
        # What a server of this machine answers to an address of this machine comes by the loopback interface, or it is
        # seen to leave.
        for name, index in (_LOOPBACK, (part.lan, part.index)):
            ears.append(RivalSocket(name, index, outgoing=(name, index) != _LOOPBACK))
            loop.add_reader(ears[-1].fileno(), partial(read, ears[-1], local=name == _LOOPBACK[0]))
        ears[-1].send_looped(inform(part.mac, part.address, xid, codes))
        # Not wait_for, which loses a cancellation that comes together with what it waits for (Python 3.11).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await answered.wait()
    finally:
        for ear in ears:
            loop.remove_reader(ear.fileno())
            ear.close()
    return tuple(found.values())
