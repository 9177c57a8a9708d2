"""Who a DHCP client is: by client identifier, by hardware address, by the relay agent's circuit."""

from typing import NamedTuple

from routerd.config.model import Reservation

_HARDWARE = 0
_CIRCUIT = 1

Token = tuple[int, bytes]


class Client(NamedTuple):
    """A client. `key` is its client identifier, else `hardware` (type octet and address; RFC 2131 section 4.2)."""

    key: bytes
    hardware: bytes
    circuit: bytes | None = None

    def is_meant(self, token: Token) -> bool:
        """Is the reservation with this token the client's?"""
        kind, value = token
        return value == self.circuit if kind == _CIRCUIT else value in (self.key, self.hardware)

    def tokens(self) -> tuple[Token, ...]:
        """The tokens that a reservation for this client can have, nearest first."""
        own = ((_HARDWARE, self.key), (_HARDWARE, self.hardware))
        return own if self.circuit is None else (*own, (_CIRCUIT, self.circuit))


def token_of(reservation: Reservation) -> Token:
    """What tells the client of a reservation; one by MAC is that of an Ethernet client without identifier."""
    if reservation.circuit_id is not None:
        return (_CIRCUIT, reservation.circuit_id)
    return (_HARDWARE, reservation.client_id or b"\x01" + (reservation.mac or b""))


def follows_place(token: Token) -> bool:
    """Does the reserved address belong to a place (a circuit), whatever machine is plugged in there?"""
    return token[0] == _CIRCUIT
