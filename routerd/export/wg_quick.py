"""The wg-quick configuration that a peer's own side needs. Pure: keys are left blank, whoever asks for it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Interface, collapse_addresses

from routerd.config.fault import escape
from routerd.config.model import Config, Lan, Vpn
from routerd.model import Address, Facts, Interface, Network, ProbeTarget, VpnFacts, WireGuardDevice
from routerd.plan_peers import single_address

KEEPALIVE = 25

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class PeerSide:
    """What is known at the site of one peer and of itself; None and empty where it is not known.

    `addresses` are the peer's own in the VPN, `gateways` those of the site's WireGuard, at most one IPv4 address each.
    `behind` are networks besides `addresses` that the site sends to this peer; `others` are those of the VPN that are
    not the site's. `networks` are the site's: of its LANs, and behind relay agents and routers. `unread` are LANs whose
    network is not known now. `is_known`: the site's WireGuard has the peer.
    """

    name: str
    public_key: str | None = None
    addresses: tuple[Address, ...] = ()
    behind: tuple[Network, ...] = ()
    site_interface: str | None = None
    site_key: str | None = None
    site_port: int | None = None
    gateways: tuple[Address, ...] = ()
    networks: tuple[IPv4Network, ...] = ()
    unread: tuple[str, ...] = ()
    others: tuple[IPv4Network, ...] = ()
    dns: tuple[IPv4Address, ...] = ()
    is_known: bool = True


def peer_side(
    config: Config,
    facts: Facts,
    target: ProbeTarget,
    device: WireGuardDevice | None,
    own_ipv6: Iterable[IPv6Interface] = (),
    learned: Iterable[IPv4Network] = (),
) -> PeerSide:
    """What configuration, facts and the site's WireGuard device (None: it cannot be read) say about a peer.

    `own_ipv6` are the IPv6 addresses of the site's WireGuard interface, `learned` networks behind routers of the site.
    """
    vpn = next(vpn for vpn in config.vpns if vpn.name == target.vpn)
    addresses = _addresses(target)
    interface = facts.interfaces.get(vpn.interface) if vpn.interface is not None else None
    gateways = _gateways(interface, addresses, own_ipv6)
    lans = [lan for lan in config.lans if lan.vpns is None or vpn.name in lan.vpns]
    found = {lan.interface: _network(lan, facts.interfaces.get(lan.interface)) for lan in lans}
    relayed = [scope.subnet for lan in lans if lan.dhcp is not None for scope in lan.dhcp.subnets]
    inner = collapse_addresses(network for network in learned if network.prefixlen)
    networks = tuple(dict.fromkeys(net for net in (*found.values(), *relayed, *inner) if net is not None))
    behind = tuple(net for net in target.allowed_ips if net.num_addresses > 1 or net.network_address not in addresses)
    known = [known.public_key for known in device.peers] if device is not None else [target.public_key]
    return PeerSide(
        name=target.name,
        public_key=target.public_key,
        addresses=addresses,
        behind=behind,
        site_interface=vpn.interface,
        site_key=None if device is None else device.public_key,
        site_port=(device.listen_port or None) if device is not None else None,
        gateways=gateways,
        networks=networks,
        unread=tuple(name for name, network in found.items() if network is None),
        others=_others(vpn, facts, interface, networks, (*addresses, *gateways), behind),
        dns=tuple(dict.fromkeys(server for lan in lans if lan.dhcp is not None for server in lan.dhcp.dns)),
        is_known=target.public_key in known,
    )


def wg_quick(side: PeerSide, endpoint: str | None = None) -> str:
    """The configuration text; `endpoint` is where the site is reached from outside, HOST:PORT."""
    name = escape(side.name)
    lines = [
        f"# WireGuard on {name}: how it reaches the site. Fill in what is blank, save it as /etc/wireguard/site.conf",
        "# with mode 0600, and run: wg-quick up site",
        *_unknown_peer(side),
        "",
        "[Interface]",
        *_interface(side, name),
        "",
        "[Peer]",
        *_site(side),
        "",
        *_endpoint(side, endpoint),
        "",
        f"# Keeps the way through NAT and firewalls open: without it the site reaches {name} only for a while after",
        f"# {name} has sent something.",
        f"PersistentKeepalive = {KEEPALIVE}",
    ]
    return "\n".join(lines) + "\n"


def parse_endpoint(text: str) -> str:
    """HOST:PORT or [IPV6]:PORT as WireGuard takes it. Raises ValueError with the rule."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise ValueError(f"{text!r} must end with a port from 1 to 65535, for example vpn.example.net:51820")
    if host.startswith("[") and host.endswith("]"):
        try:
            host = f"[{IPv6Address(host[1:-1])}]"
        except ValueError:
            raise ValueError(f"{text!r} must have an IPv6 address in its brackets") from None
    elif not _HOST.fullmatch(host):
        raise ValueError(f"{text!r} must begin with a host name, an IPv4 address, or an IPv6 address in brackets")
    return f"{host}:{int(port)}"


# ---------------------------------------------------------------- what is known


def _network(lan: Lan, interface: Interface | None) -> IPv4Network | None:
    """The network of the LAN: that of its address, of which keepalived may have made a single address."""
    addresses = interface.addresses if interface is not None else ()
    for own in addresses:
        if lan.address is None or lan.address == own.ip:
            around = (other.network for other in addresses if own.ip in other.network)
            return min(around, key=lambda network: network.prefixlen)
    return None


def _addresses(target: ProbeTarget) -> tuple[Address, ...]:
    """The peer's own addresses in the VPN, one of each family at most: as configured, else its single one."""
    found = []
    for version in (4, 6):
        hosts = [net for net in target.allowed_ips if net.version == version]
        own = target.own if target.own is not None and target.own.version == version else single_address(hosts)
        if own is not None:
            found.append(own)
    return tuple(found)


def _gateways(
    interface: Interface | None, peer: Iterable[Address], own_ipv6: Iterable[IPv6Interface]
) -> tuple[Address, ...]:
    """The site's own addresses in the VPN: of IPv4 the one on the peer's network, else the first.

    Of IPv6 all that are not of one link only, as probes may come from any; none for a peer without IPv6.
    """
    own = interface.addresses if interface is not None else ()
    beside = [each.ip for each in own if any(address in each.network for address in peer)]
    ipv4 = [*beside, *(each.ip for each in own)][:1]
    has_ipv6 = any(address.version == 6 for address in peer)
    return (*ipv4, *(each.ip for each in own_ipv6 if has_ipv6 and not each.ip.is_link_local))


def _others(
    vpn: Vpn,
    facts: Facts,
    interface: Interface | None,
    site: Iterable[IPv4Network],
    ends: Iterable[Address],
    behind: Iterable[Network],
) -> tuple[IPv4Network, ...]:
    if vpn.prefixes is not None:
        networks = list(vpn.prefixes)
    else:
        allowed = [net for _, nets in facts.vpns.get(vpn.name, VpnFacts(found=False)).peers for net in nets]
        own = [address.network for address in interface.addresses] if interface is not None else []
        networks = own + [net for net in allowed if isinstance(net, IPv4Network) and net.prefixlen]
    left = [
        network
        for network in networks
        if network not in behind
        and not any(network.overlaps(own) for own in site)
        and not (network.num_addresses == 1 and network.network_address in ends)
    ]
    return tuple(collapse_addresses(left))


# ---------------------------------------------------------------- text


def _unknown_peer(side: PeerSide) -> list[str]:
    if side.is_known or side.site_interface is None:
        return []
    key = side.public_key or "PUBLIC-KEY"
    allowed = ",".join(_hosts(side.addresses) + list(map(str, side.behind)))
    command = f"wg set {side.site_interface} peer {key} allowed-ips {allowed or 'ADDRESS/32'}"
    return ["# The site does not know this peer yet. To be run there, and kept in its configuration:", f"# {command}"]


def _interface(side: PeerSide, name: str) -> list[str]:
    if side.public_key is not None:
        lines = [f"# The private key of the public key {side.public_key};", f"# it never leaves {name}."]
    else:
        lines = ["# A new private key: wg genkey. The site needs the public key that belongs to it: wg pubkey"]
    lines.append("PrivateKey =")
    if not side.addresses:
        lines += ["# The address in the VPN, one that the site's AllowedIPs for this peer hold:", "Address ="]
    else:
        lines += [f"Address = {_list(_hosts(side.addresses))}"]
    if side.behind:
        lines.append(f"# The site also sends packets here for: {_list(side.behind)}")
    dns = _list(side.dns) if side.dns else "ADDRESS"
    return [*lines, "# If names are to be asked of the site's DNS server:", f"# DNS = {dns}"]


def _site(side: PeerSide) -> list[str]:
    where = f"wg show {side.site_interface or 'wg0'} public-key"
    if side.site_key is not None:
        lines = [f"PublicKey = {side.site_key}"]
    else:
        lines = [f"# The site's public key; there it is shown by: {where}", "PublicKey ="]
    lines += ["# Only where the site has one for this peer:", "# PresharedKey =", ""]
    allowed = _hosts(side.gateways) + list(map(str, side.networks))
    missing = [] if side.gateways else ["the gateway's own address in the VPN"]
    missing += [f"the network of the LAN {name}" for name in side.unread]
    lines.append("# The gateway of the site, then the networks of the site.")
    if missing:
        lines.append(f"# Not known now, to be added: {', '.join(missing)}.")
    lines.append(f"AllowedIPs = {', '.join(allowed)}".rstrip())
    if side.others:
        lines.append(f"# To reach the site's other peers as well, add: {_list(side.others)}")
    return lines


def _endpoint(side: PeerSide, endpoint: str | None) -> list[str]:
    if endpoint is not None:
        return [f"Endpoint = {endpoint}"]
    port = side.site_port or "PORT"
    return [
        f"# Where the site is reached from outside; UDP port {port} of its WireGuard host must be open there.",
        f"# Endpoint = HOST:{port}",
    ]


def _hosts(addresses: Iterable[Address]) -> list[str]:
    return [f"{address}/{address.max_prefixlen}" for address in addresses]


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
