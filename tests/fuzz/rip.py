"""RIP as a target: speakers that learn, open, signed and RIPng, on one LAN."""

from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network
from random import Random
from time import process_time

from routerd.rip import message, message_ng
from routerd.rip.auth import sign
from routerd.rip.learned import MOST as MOST_LEARNED
from routerd.rip.neighbours import MOST as MOST_NEIGHBOURS
from routerd.rip.words import Import
from tests.fuzz.cases import DIRECTORY
from tests.fuzz.target import MOST_SECONDS, Broken, Step
from tests.rip.scene import (
    HOST_BETA,
    LAN,
    NG,
    OTHER,
    V2,
    VPN,
    Scene,
    key,
    response,
    response_ng,
    route,
    rte,
)

KEYS = (key("md5"), key("hmac-sha-256", 2), key("plain", 3))
_LISTED = Import((ip_network("172.16.0.0/12"), ip_network("fd00::/16"), ip_network("0.0.0.0/0")))
_LIFE = 36.0
_WORDS = (b"\0\0", b"\0\2", b"\xff\xff", b"\0\3", b"\0\1")
_METRICS = (0, 1, 15, 16, 17, 255, 0xFFFFFFFF)
_LONGEST = 2000

Change = Callable[[bytearray, Random, Sequence[bytes]], None]


class Speakers:
    """Three speakers that hear the same; `known` are their counters."""

    def __init__(self) -> None:
        mine = route(VPN, HOST_BETA)
        four = Import(_LISTED.prefixes[:1] + _LISTED.prefixes[2:])
        self.all = [
            Scene(V2, mine, learn=four, barred=(VPN, LAN)),
            Scene(V2, mine, learn=four, barred=(VPN, LAN), keys=KEYS),
            Scene(NG, route("fd00:10::/64"), learn=Import(_LISTED.prefixes[1:2])),
        ]
        for scene in self.all:
            scene.due()

    def counted(self) -> Counter[str]:
        """All counters, by the speaker."""
        rows = [scene.speaker._counters for scene in self.all]
        return Counter({f"{index} {name}": count for index, row in enumerate(rows) for name, count in row.items()})


class Rip:
    """See the module."""

    name = "rip"
    directory = DIRECTORY / "rip"
    waits = (0.0, 0.0, 0.1, 1.0, 31.0, 200.0)

    def start(self) -> Speakers:
        """New speakers."""
        return Speakers()

    def play(self, speakers: Speakers, step: Step) -> object:
        """One datagram to each: from the router to its own port, or as a question from another machine."""
        before, outcome = speakers.counted(), []
        for scene in speakers.all:
            sent = scene.due(step.wait)
            is_ng = scene.settings.version is NG.version
            source = (IPv6Address("fe80::3") if is_ng else OTHER) if step.to_us else None
            start = process_time()
            scene.hear(
                step.data, source, 40000 if step.to_us and len(step.data) % 2 else None, multicast=not step.to_us
            )
            sent += scene.due()
            if process_time() - start > MOST_SECONDS:
                raise Broken(f"{process_time() - start:.2f} s for one message")
            self._judge(scene, sent)
            outcome.append((frozenset(packet.kind for packet in sent), min(len(scene.learned()), 3)))
        after = speakers.counted()
        errors = tuple((scene.speaker._hearing.last_error or "")[15:40] for scene in speakers.all)
        return frozenset(name for name in after if after[name] != before[name]), tuple(outcome), errors

    def _judge(self, scene: Scene, sent: Sequence[object]) -> None:
        """What leaves is well-formed, answers aside, which repeat what was asked."""
        for packet in sent:
            data = packet.data  # type: ignore[attr-defined]
            if len(data) > (1452 if scene.settings.version is NG.version else 512):
                raise Broken(f"a packet of {len(data)} bytes")
            if packet.kind == "multicast":  # type: ignore[attr-defined]
                scene.decode(data)
        for prefix, (gateway, metric) in scene.learned().items():
            if ip_network(prefix).overlaps(VPN) and ip_network(prefix).subnet_of(VPN):  # type: ignore[arg-type]
                raise Broken(f"{prefix} of the VPN was learned at the site")
            if not 2 <= metric <= 15 or IPv4Address("192.168.200.2") == gateway:
                raise Broken(f"{prefix} was learned with metric {metric} via {gateway}")

    def check(self, speakers: Speakers) -> None:
        """Updates leave on time, a good neighbour is heard, and nothing has grown without end."""
        for scene, good in zip(speakers.all, self._good(speakers.all[1]), strict=True):
            scene.due(200)
            report = scene.speaker.report()
            if len(report.neighbours) > MOST_NEIGHBOURS or report.learned > MOST_LEARNED:
                raise Broken("too many neighbours or routes")
            told = scene.told([packet for packet in scene.due(_LIFE) if packet.kind == "multicast"])
            if 16 in told.values() or len(told) != 1:
                raise Broken(f"the update within {_LIFE:g} s is {told}")
            scene.hear(good)
            if not {"172.16.99.0/24", "fd00:99::/64"} & set(scene.learned()):
                raise Broken(f"a good neighbour is not believed: {scene.error()}")

    def _good(self, signed: Scene) -> list[bytes]:
        last = rte("172.16.99.0/24")
        number = 0xFFFFFFFF
        return [response(last), response(last, key=KEYS[1], number=number), response_ng(rte("fd00:99::/64"))]

    def corpus(self) -> list[bytes]:
        """Packets of both versions, signed and not, good ones and such as break one rule."""
        some = [rte(f"172.16.{n}.0/24", n % 17, str(HOST_BETA), n) for n in range(25)]
        bare = [
            message.WHOLE_TABLE,
            message_ng.WHOLE_TABLE,
            response(some[1]),
            response(*some),
            response(rte("10.0.0.0/24", 16), rte("0.0.0.0/0")),
            response(*some[:3], command=1),
            response_ng(rte("fd00:1::/64"), 0xFE80 << 112 | 9, rte("fd00:2::/48", 3, tag=7), 0, rte("::/0")),
        ]
        signed = [response(*some[:count], key=each, number=5) for each in KEYS for count in (1, 20)]
        return [*bare, *signed]

    def mutated(self, data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """A packet with a few changes; every other one is signed again, so that it is believed."""
        made = bytearray(data)
        for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
            if len(made) > 4:
                rng.choice(_CHANGES)(made, rng, corpus)
        raw = bytes(made[:_LONGEST])
        if rng.random() < 0.4 and len(raw) >= 4 and raw[4:6] != b"\xff\xff" and len(raw) <= 504:
            return sign(raw[:4], raw[4:], rng.choice(KEYS), rng.choice((0, 5, 6, rng.randrange(1 << 31))), 16)
        return raw


# ---------------------------------------------------------------- changes


def _flip(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _head(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    data[rng.randrange(2)] = rng.choice((0, 1, 2, 3, 255))


def _entry(rng: Random, data: bytearray) -> int:
    return 4 + 20 * rng.randrange(max(1, (len(data) - 4) // 20))


def _family(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = _entry(rng, data) + rng.choice((0, 2))
    data[at : at + 2] = rng.choice(_WORDS)


def _address(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = _entry(rng, data) + 4
    data[at : at + 4] = bytes(
        (rng.choice((0, 10, 127, 172, 192, 224, 255)), rng.choice((0, 16)), rng.randrange(256), 0)
    )


def _mask(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = _entry(rng, data) + 8
    data[at : at + 4] = rng.choice(((0xFFFFFFFF << rng.randrange(33)) & 0xFFFFFFFF, rng.randrange(1 << 32))).to_bytes(
        4, "big"
    )


def _metric(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = _entry(rng, data) + 16
    data[at : at + 4] = rng.choice(_METRICS).to_bytes(4, "big")


def _repeat(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = _entry(rng, data)
    data[at:at] = data[at : at + 20] * rng.choice((1, 2, 24, 60))


def _cut(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    at = _entry(rng, data)
    del data[at : at + rng.choice((1, 4, 20))]


def _splice(data: bytearray, rng: Random, corpus: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    data[_entry(rng, data) :] = other[4:]


_CHANGES: tuple[Change, ...] = (
    *(_flip, _head, _family, _address, _address, _mask, _metric, _metric),
    *(_repeat, _cut, _remove, _splice),
)
RIP = Rip()
