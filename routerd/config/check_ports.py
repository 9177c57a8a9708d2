"""Forwards against what is served on this machine itself: a forward takes the port away at every LAN address."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import IPv4Interface
from typing import Protocol

from routerd.config.fault import Faults
from routerd.config.forward_rules import DHCP_PORT, tcp_listeners
from routerd.config.model import Address, Config, Ports

_ELSEWHERE = "choose another port to listen at"


class Listener(Protocol):
    """A socket of this machine that waits for anybody."""

    @property
    def protocol(self) -> str:
        """tcp or udp."""

    @property
    def address(self) -> Address:
        """What it is bound to."""

    @property
    def port(self) -> int:
        """Its port."""

    def name(self) -> str | None:
        """Whose it is, in words; None where that is not known."""


def check_ports(
    config: Config,
    networks: Mapping[str, tuple[IPv4Interface, ...]],
    listening: Sequence[Listener],
    faults: Faults,
) -> None:
    """Add a fault for every forward that would take a port from routerd's own HTTP or from another service here."""
    own = {address.ip for lan in config.lans for address in networks.get(lan.interface, ())}
    configured = {lan.address for lan in config.lans}
    http = [(text, address, port) for text, address, port in tcp_listeners(config) if address in own - configured]
    served = {port for _, _, port in tcp_listeners(config)}
    others = [each for each in listening if not (each.protocol == "tcp" and each.port in served)]
    for number, lan in enumerate(config.lans):
        for index, forward in enumerate(lan.forwards):
            where, listen = f"lan[{number}].forward[{index}].listen", forward.listen
            for text, _, port in http:
                if listen.protocol == "tcp" and listen.first <= port <= listen.last:
                    rule = f'must not take port {port}, which routerd serves HTTP at (http.listen, "{text}")'
                    faults.add(where, str(listen), rule, f"{_ELSEWHERE}, or serve HTTP at another one")
            found = _found(listen, others, own)
            if found is not None:
                who = found.name() or "another program"
                rule = f"must not take port {found.port}, which {who} on this machine listens at"
                faults.add(where, str(listen), rule, f"{_ELSEWHERE}, or move that service")


def _found(listen: Ports, listening: Iterable[Listener], own: Collection[Address]) -> Listener | None:
    """A service that hosts of a LAN would lose. DHCP's own port is another rule's."""
    for each in listening:
        reached = each.address.is_unspecified or each.address in own
        if each.protocol == listen.protocol and listen.first <= each.port <= listen.last and reached:
            if each.protocol == "udp" and each.port == DHCP_PORT:
                continue
            return each
    return None
