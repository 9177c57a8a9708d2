"""Which peer of a WireGuard device a configured target is: by public key, else by its address in AllowedIPs. Pure."""

from collections.abc import Iterable

from routerd.allowed import Owners
from routerd.model import ProbeTarget, WireGuardPeer


def match(targets: Iterable[ProbeTarget], peers: Iterable[WireGuardPeer]) -> dict[str, str]:
    """The public keys of the peers of one device by the names of the targets; a target without a peer is left out.

    A target without a key is the peer whose AllowedIPs cover its address most closely, as WireGuard itself chooses.
    """
    peers = tuple(peers)
    known = {peer.public_key for peer in peers}
    keys: dict[str, str] = {}
    by_address = []
    for target in targets:
        if target.public_key is not None:
            if target.public_key in known:
                keys[target.name] = target.public_key
        elif (address := target.own or target.address) is not None:
            by_address.append((target.name, address))
    if by_address:
        owners = Owners((peer.public_key, peer.allowed_ips) for peer in peers)
        for name, address in by_address:
            owner = owners.find(address)
            if owner is not None:
                keys[name] = owner
    return keys
