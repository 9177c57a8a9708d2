"""Addresses that are held for clients that were offered them, and those that are kept off."""

from collections import OrderedDict
from collections.abc import Iterator

from routerd.dhcp.lease import Offer

_MOST_REPLACED = 4096


class Offers:
    """Offers by address, the oldest first. A client has at most one, and an address too.

    `replaced` counts the offers that went to another client before their time was over.
    """

    def __init__(self) -> None:
        self._offers: OrderedDict[int, Offer] = OrderedDict()
        self._of: dict[bytes, int] = {}
        self._given_way: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self.replaced = 0

    def __len__(self) -> int:
        return len(self._offers)

    def __contains__(self, address: int) -> bool:
        return address in self._offers

    def __iter__(self) -> Iterator[int]:
        return iter(self._offers)

    def get(self, address: int) -> Offer | None:
        """The offer of an address."""
        return self._offers.get(address)

    def of(self, client: bytes) -> int | None:
        """The address that is offered to a client."""
        return self._of.get(client)

    def concern(self, address: int, client: bytes) -> bool:
        """Is the address offered to anybody, or anything to the client?"""
        return client in self._of or address in self._offers

    def add(self, address: int, offer: Offer) -> None:
        """Hold an address that has no offer, for a client that has none."""
        self._offers[address] = offer
        self._of[offer.client] = address
        self._given_way.pop(offer.client, None)

    def give_way(self, address: int, client: bytes, now: float) -> None:
        """Hold the address for this client instead; who was offered it before may be faster all the same."""
        offer = self._offers.get(address)
        if offer is not None and offer.client != client and offer.until > now:
            self.replaced += 1
            self._given_way[offer.client] = address, offer.until
            if len(self._given_way) > _MOST_REPLACED:
                self._given_way.popitem(last=False)
        self.drop(address)

    def was_made(self, address: int, client: bytes, now: float) -> bool:
        """Was the client offered this address less than an offer's time ago, before that gave way to another one?"""
        made, until = self._given_way.get(client, (0, 0.0))
        return made == address and until > now

    def drop(self, address: int) -> bool:
        """Hold it no longer; False if it was not held."""
        offer = self._offers.pop(address, None)
        if offer is None:
            return False
        del self._of[offer.client]
        return True

    def oldest(self) -> tuple[int, Offer] | None:
        """The offer that ends first."""
        return next(iter(self._offers.items()), None)


class KeptOff:
    """Addresses that nobody gets for a while, the oldest first, and the hardware address behind each."""

    def __init__(self) -> None:
        self._hardware: OrderedDict[int, bytes] = OrderedDict()
        self._of: dict[bytes, OrderedDict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._hardware)

    def __iter__(self) -> Iterator[int]:
        return iter(self._hardware)

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Every address with its hardware address."""
        return iter(self._hardware.items())

    def of(self, hardware: bytes) -> tuple[int, ...]:
        """The addresses of this hardware address, the oldest first."""
        return tuple(self._of.get(hardware, ()))

    def count(self, hardware: bytes) -> int:
        """How many addresses this hardware address has."""
        return len(self._of.get(hardware, ()))

    def first_of(self, hardware: bytes) -> int | None:
        """The oldest address of this hardware address."""
        return next(iter(self._of.get(hardware, ())), None) if self._of else None

    def prefer(self, address: int, *, last: bool) -> None:
        """Count it as the youngest, or as the oldest."""
        self._hardware.move_to_end(address, last=last)

    def add(self, address: int, hardware: bytes) -> None:
        """Keep an address off that is not kept off yet."""
        self._hardware[address] = hardware
        self._of.setdefault(hardware, OrderedDict())[address] = None

    def discard(self, address: int) -> None:
        """Keep it off no longer."""
        hardware = self._hardware.pop(address, None)
        if hardware is None:
            return
        own = self._of[hardware]
        del own[address]
        if not own:
            del self._of[hardware]
