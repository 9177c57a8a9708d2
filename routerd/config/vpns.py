"""The rules inside one vpn section that concern more than one of its keys."""

from typing import Any

from routerd.config.fault import Faults
from routerd.config.model import PeerConfig, Vpn


def make_peer(values: dict[str, Any], path: str, faults: Faults) -> PeerConfig:
    """The PeerConfig of a parsed section; a peer that nothing identifies is a fault."""
    peer = PeerConfig(**values)
    judged = faults.clean(f"{path}.public_key") and faults.clean(f"{path}.address")
    if judged and peer.public_key is None and peer.address is None:
        faults.add(path, None, "must say which peer it is", "set public_key, or address")
    return peer


def make_vpn(values: dict[str, Any], path: str, faults: Faults) -> Vpn:
    """The Vpn of a parsed section, with an empty name where it has none; faults between its keys are added."""
    vpn = Vpn(**{"name": ""} | values)
    interface, gateways = (key in values or not faults.clean(f"{path}.{key}") for key in ("interface", "gateways"))
    if interface and gateways:
        faults.add(f"{path}.gateways", None, "must not be set beside interface", "keep the one where WireGuard runs")
    elif not interface and not gateways:
        mend = "set interface if WireGuard runs on this machine, gateways if it runs on another one"
        faults.add(path, None, "must say where WireGuard runs", mend)
    elif gateways:
        _check_remote(vpn, path, faults)
    return vpn


def _check_remote(vpn: Vpn, path: str, faults: Faults) -> None:
    """What this machine cannot find out by itself where WireGuard runs on another one."""
    if vpn.prefixes is None and faults.clean(f"{path}.prefixes"):
        mend = 'name the networks behind the VPN, for example ["10.0.0.0/24"]'
        faults.add(f"{path}.prefixes", None, "is missing: with gateways it cannot be derived", mend)
    for index, peer in enumerate(vpn.peers):
        here = faults.item(f"{path}.peer", index)
        if peer.probe == "handshake":
            rule = "must not be used with gateways: handshakes are seen only where WireGuard runs"
            faults.add(f"{here}.probe", peer.probe, rule, 'use "icmp", "tcp:PORT", an URL, or "none"')
        if peer.address is None and peer.public_key is not None and faults.clean(f"{here}.address"):
            mend = "set the peer's address inside the VPN"
            faults.add(f"{here}.address", None, "is missing: with gateways a key alone finds no peer", mend)
