"""Which peer of a WireGuard device a configured target is: by public key, else by its address in AllowedIPs. Pure."""

from collections.abc import Iterable

from routerd.model import Address, ProbeTarget, WireGuardPeer


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
        elif target.address is not None:
            by_address.append((target.name, target.address))
    if by_address:
        owners = _owners(peers)
        for name, address in by_address:
            owner = _owner(owners, address)
            if owner is not None:
                keys[name] = owner
    return keys


def _owners(peers: Iterable[WireGuardPeer]) -> dict[tuple[int, int], dict[int, str]]:
    """Public keys by (IP version, prefix length) and then by the prefix as a number, longest prefixes first."""
    owners: dict[tuple[int, int], dict[int, str]] = {}
    for peer in peers:
        for network in peer.allowed_ips:
            row = owners.setdefault((network.version, network.prefixlen), {})
            row[int(network.network_address)] = peer.public_key
    return dict(sorted(owners.items(), key=lambda item: -item[0][1]))


def _owner(owners: dict[tuple[int, int], dict[int, str]], address: Address) -> str | None:
    for (version, length), row in owners.items():
        if version == address.version:
            shift = address.max_prefixlen - length
            owner = row.get(int(address) >> shift << shift)
            if owner is not None:
                return owner
    return None
