"""Whose AllowedIPs an address is in: the longest prefix decides, as WireGuard itself chooses. Pure."""

from collections.abc import Iterable

from routerd.model import Address, Network


class Owners:
    """The public keys of one device's peers by their AllowedIPs."""

    def __init__(self, peers: Iterable[tuple[str, Iterable[Network]]]) -> None:
        """`peers` are pairs of a public key and its AllowedIPs."""
        rows: dict[tuple[int, int], dict[int, str]] = {}
        for key, networks in peers:
            for network in networks:
                row = rows.setdefault((network.version, network.prefixlen), {})
                row[int(network.network_address)] = key
        self._rows = dict(sorted(rows.items(), key=lambda item: -item[0][1]))

    def find(self, address: Address) -> str | None:
        """The peer that packets to this address go to; None if there is none."""
        for (version, length), row in self._rows.items():
            if version == address.version:
                shift = address.max_prefixlen - length
                owner = row.get(int(address) >> shift << shift)
                if owner is not None:
                    return owner
        return None
