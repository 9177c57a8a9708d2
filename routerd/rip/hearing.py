"""What a speaker hears: who may say something, whether it is authentic, and what is wrong with it. Pure.

What costs least is asked first, so that a flood of nonsense costs little.
"""

from collections import Counter
from typing import NamedTuple

from routerd.rip import message, message_ng
from routerd.rip.auth import FAILURE, TYPE_FAILURE, AuthError, Opened, open_packet
from routerd.rip.codec import CODECS
from routerd.rip.links import Links
from routerd.rip.message import HEADER, REQUEST, RESPONSE, Message
from routerd.rip.message_ng import is_link_local
from routerd.rip.neighbours import Neighbour, Neighbours
from routerd.rip.timers import TIMEOUT
from routerd.rip.words import Datagram, Settings, Version
from routerd.wire import WireError

BAD_PACKETS, BAD_ROUTES = "RcvBadPackets", "RcvBadRoutes"
LOOPED_BACK, OFF_LINK, FLOODED = "looped-back", "off-link", "flooded"
COUNTED = (BAD_PACKETS, BAD_ROUTES, FAILURE, TYPE_FAILURE, LOOPED_BACK, OFF_LINK, FLOODED)


class Heard(NamedTuple):
    """A good packet, and who sent it: the address as a number, and what is known of the machine."""

    source: int
    neighbour: Neighbour
    message: Message


class Hearing:
    """The way in of one speaker. Whatever is refused is counted in `counters`, and its reason kept as `last_error`."""

    def __init__(self, settings: Settings, links: Links, counters: Counter[str], now: float) -> None:
        self._codec = CODECS[settings.version]
        self._version = 4 if settings.version is Version.V2 else 6
        self._counters = counters
        self.neighbours = Neighbours(settings.update_interval * TIMEOUT, now)
        self.last_error: str | None = None
        self.configure(settings, links)

    def configure(self, settings: Settings, links: Links) -> None:
        """Other settings; who was heard stays known."""
        self._settings, self._links = settings, links
        self.neighbours.timeout = settings.update_interval * TIMEOUT
        self.neighbours.expected = frozenset(() if settings.learn is None else map(int, settings.learn.neighbours))

    def read(self, datagram: Datagram, now: float, unix_now: float) -> Heard | None:
        """The packet in a datagram; None, counted, where it is not to be heeded."""
        source = int(datagram.source)
        if self._links.is_own(source):
            self._counters[LOOPED_BACK] += 1
            return None
        if datagram.source.version != self._version or not self._links.is_on_link(source):
            self._counters[OFF_LINK] += 1
            self._counters[BAD_PACKETS] += 1
            return None
        if not self.neighbours.admit(source, now):
            self._counters[FLOODED] += 1
            return None
        neighbour = self.neighbours.of(source, self._codec.address(source), now)
        try:
            found = self._read(datagram, source, neighbour, now, unix_now)
        except AuthError as error:
            self._counters[error.kind] += 1
            neighbour.authentication_failures += 1
            self._refuse(neighbour, str(error))
        except WireError as error:
            self._refuse(neighbour, str(error))
        else:
            neighbour.heard, neighbour.version = now, found.version
            if found.command == RESPONSE:
                neighbour.last_update = unix_now
            if found.bad:
                self.lost(neighbour, found.bad, found.why or "")
            return Heard(source, neighbour, found)
        return None

    def lost(self, neighbour: Neighbour, count: int, why: str) -> None:
        """So many entries of a good packet were not taken."""
        self._counters[BAD_ROUTES] += count
        neighbour.bad_routes += count
        self._said(neighbour, why)

    def _refuse(self, neighbour: Neighbour, why: str) -> None:
        self._counters[BAD_PACKETS] += 1
        neighbour.bad_packets += 1
        self._said(neighbour, why)

    def _said(self, neighbour: Neighbour, why: str) -> None:
        neighbour.last_error = why
        self.last_error = f"{neighbour.address}: {why}"

    def _read(self, datagram: Datagram, source: int, neighbour: Neighbour, now: float, unix_now: float) -> Message:
        data = datagram.data
        if data[:1] == bytes((RESPONSE,)) and datagram.port != self._codec.port:
            raise WireError(f"a response from port {datagram.port}")
        if not datagram.port:
            raise WireError("a request from port 0, which cannot be answered")
        if self._settings.version is Version.NG:
            return self._read_ng(datagram, source)
        message.read_header(data, message.VERSIONS)
        opened = self._open(data, unix_now)
        found = message.decode(data, opened.start, opened.end)
        if opened.key is not None and opened.sequence is not None:
            # Last, so that what breaks a rule leaves no trace.
            stale = neighbour.replayed(opened.key.id, opened.sequence, now, self.neighbours.timeout)
            if stale is not None:
                raise AuthError(FAILURE, stale)
        return found

    def _read_ng(self, datagram: Datagram, source: int) -> Message:
        if datagram.multicast and datagram.hop_limit not in (255, None):
            raise WireError(f"hop limit {datagram.hop_limit} instead of 255")
        found = message_ng.decode(datagram.data, self._settings.mtu)
        if found.command == RESPONSE and not is_link_local(source):
            raise WireError("a response from an address that is not link-local")
        return found

    def _open(self, data: bytes, unix_now: float) -> Opened:
        """Where the entries are. A request without authentication counts only where that is allowed."""
        try:
            return open_packet(data, self._settings.keys, unix_now)
        except AuthError as error:
            if error.missing and data[0] == REQUEST and self._settings.answer_unauthenticated:
                return Opened(HEADER, len(data))
            raise
