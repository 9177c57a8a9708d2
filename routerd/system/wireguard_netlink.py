"""The kernel's WireGuard by generic netlink: messages in which secret keys are never decoded, and their merging."""

import socket
import struct
from base64 import b64encode
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

from pyroute2.netlink import NLA_F_NESTED, genlmsg, nla
from pyroute2.netlink.generic import AsyncGenericNetlinkSocket

from routerd.model import Network, WireGuardDevice, WireGuardPeer

_REQUEST_DUMP = 0x301
_INTERRUPTED = 0x10
_ATTEMPTS = 3
_FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 16}


class DeviceMessage(genlmsg):  # type: ignore[misc]
    """WG_CMD_GET_DEVICE: attribute numbers as in linux/wireguard.h. "none" is never decoded: the secret keys are."""

    nla_map = (
        ("WGDEVICE_A_UNSPEC", "none"),
        ("WGDEVICE_A_IFINDEX", "uint32"),
        ("WGDEVICE_A_IFNAME", "asciiz"),
        ("WGDEVICE_A_PRIVATE_KEY", "none"),
        ("WGDEVICE_A_PUBLIC_KEY", "cdata"),
        ("WGDEVICE_A_FLAGS", "uint32"),
        ("WGDEVICE_A_LISTEN_PORT", "uint16"),
        ("WGDEVICE_A_FWMARK", "uint32"),
        ("WGDEVICE_A_PEERS", "*peer"),
    )

    class peer(nla):  # type: ignore[misc]  # noqa: N801  named by nla_map
        """One peer, or what continues it."""

        nla_flags = NLA_F_NESTED
        nla_map = (
            ("WGPEER_A_UNSPEC", "none"),
            ("WGPEER_A_PUBLIC_KEY", "cdata"),
            ("WGPEER_A_PRESHARED_KEY", "none"),
            ("WGPEER_A_FLAGS", "uint32"),
            ("WGPEER_A_ENDPOINT", "cdata"),
            ("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL", "uint16"),
            ("WGPEER_A_LAST_HANDSHAKE_TIME", "cdata"),
            ("WGPEER_A_RX_BYTES", "uint64"),
            ("WGPEER_A_TX_BYTES", "uint64"),
            ("WGPEER_A_ALLOWEDIPS", "*allowed_ip"),
            ("WGPEER_A_PROTOCOL_VERSION", "uint32"),
        )

        class allowed_ip(nla):  # type: ignore[misc]  # noqa: N801
            """One network."""

            nla_flags = NLA_F_NESTED
            nla_map = (
                ("WGALLOWEDIP_A_UNSPEC", "none"),
                ("WGALLOWEDIP_A_FAMILY", "uint16"),
                ("WGALLOWEDIP_A_IPADDR", "cdata"),
                ("WGALLOWEDIP_A_CIDR_MASK", "uint8"),
            )


class _Socket(AsyncGenericNetlinkSocket):  # type: ignore[misc]
    module_err_level = "debug"


async def read_kernel_device(interface: str) -> WireGuardDevice:
    """The device as the kernel reports it. Raises the library's NetlinkError or OSError, whose texts hold no keys."""
    opened = _Socket()
    try:
        await opened.bind("wireguard", DeviceMessage)
        messages: list[Any] = []
        for _ in range(_ATTEMPTS):
            request = DeviceMessage()
            request["cmd"], request["version"] = 0, 1
            request["attrs"] = [("WGDEVICE_A_IFNAME", interface)]
            answers = await opened.nlm_request(request, msg_type=opened.prid, msg_flags=_REQUEST_DUMP)
            messages = [message async for message in answers]
            # A peer came or went in mid-dump: peers may be missing.
            if not any(message["header"]["flags"] & _INTERRUPTED for message in messages):
                break
        return merge(interface, messages)
    finally:
        opened.close()


def merge(interface: str, messages: Iterable[Any]) -> WireGuardDevice:
    """One device from all messages of a dump: a peer whose networks go on in the next message stays one peer."""
    public_key, listen_port = None, 0
    parts: dict[str, list[Any]] = {}
    for message in messages:
        public_key = _base64(message.get_attr("WGDEVICE_A_PUBLIC_KEY")) or public_key
        listen_port = message.get_attr("WGDEVICE_A_LISTEN_PORT") or listen_port
        for part in message.get_attr("WGDEVICE_A_PEERS") or ():
            key = _base64(part.get_attr("WGPEER_A_PUBLIC_KEY"))
            if key is not None:
                parts.setdefault(key, []).append(part)
    return WireGuardDevice(interface, public_key, listen_port, tuple(_peer(key, rows) for key, rows in parts.items()))


def _peer(key: str, parts: list[Any]) -> WireGuardPeer:
    def first(name: str) -> Any:
        return next((value for value in (part.get_attr(name) for part in parts) if value is not None), None)

    networks = [_network(row) for part in parts for row in part.get_attr("WGPEER_A_ALLOWEDIPS") or ()]
    return WireGuardPeer(
        public_key=key,
        allowed_ips=tuple(dict.fromkeys(network for network in networks if network is not None)),
        endpoint=_endpoint(first("WGPEER_A_ENDPOINT")),
        last_handshake=_time(first("WGPEER_A_LAST_HANDSHAKE_TIME")),
        rx_bytes=first("WGPEER_A_RX_BYTES") or 0,
        tx_bytes=first("WGPEER_A_TX_BYTES") or 0,
        keepalive=first("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL") or 0,
    )


def _base64(key: bytes | None) -> str | None:
    return b64encode(key).decode("ascii") if key is not None and len(key) == 32 and any(key) else None


def _network(row: Any) -> Network | None:
    address, length = row.get_attr("WGALLOWEDIP_A_IPADDR"), row.get_attr("WGALLOWEDIP_A_CIDR_MASK")
    family = row.get_attr("WGALLOWEDIP_A_FAMILY")
    if address is None or length is None or _FAMILIES.get(family) != len(address) or length > 8 * len(address):
        return None
    return ip_network((address, length), strict=False)


def _endpoint(data: bytes | None) -> str | None:
    """A sockaddr as `address:port` or `[address]:port`, the way the userspace protocol writes it."""
    if data is None or len(data) < 8:
        return None
    family, port = struct.unpack_from("=H", data)[0], struct.unpack_from("!H", data, 2)[0]
    if family == socket.AF_INET:
        return f"{IPv4Address(data[4:8])}:{port}"
    if family != socket.AF_INET6 or len(data) < 24:
        return None
    scope = struct.unpack_from("=I", data, 24)[0] if len(data) >= 28 else 0
    address = IPv6Address(data[8:24])
    return f"[{address}%{scope}]:{port}" if scope else f"[{address}]:{port}"


def _time(data: bytes | None) -> float:
    if data is None or len(data) < 16:
        return 0.0
    seconds, nanoseconds = struct.unpack_from("=qq", data)
    return seconds + nanoseconds / 1e9 if seconds > 0 else 0.0
