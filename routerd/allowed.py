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

    def whole(self, prefix: Network) -> str | None:
        """The peer that every packet to this network goes to; None if there is none, or more than one."""
        first, last = int(prefix.network_address), int(prefix.broadcast_address)
        found: str | None = None
        for (version, length), row in self._rows.items():
            if version != prefix.version:
                continue
            if length <= prefix.prefixlen:
                shift = prefix.max_prefixlen - length
                owner = row.get(first >> shift << shift)
                if owner is not None:
                    return owner if found in (None, owner) else None
            else:
                inside = {key for start, key in row.items() if first <= start <= last} | ({found} - {None})
                if len(inside) > 1:
                    return None
                found = next(iter(inside), None)
        return None
