"""What the fuzzer begins with: messages of real clients as they were on the wire, played ones, and hostile ones."""

from pathlib import Path

from tests.dhcp.hostile import CASES
from tests.dhcp.scene import SERVER, ip, message
from tests.net.devices import DEVICES

_WIRE = Path(__file__).with_name("corpus")
_FIFTY = bytes((192, 168, 200, 50))


def recorded() -> list[bytes]:
    """DISCOVER and REQUEST of dhclient, dhcpcd, udhcpc and systemd-networkd, as they left their hosts."""
    return [bytes.fromhex(path.read_text()) for path in sorted(_WIRE.glob("*.hex"))]


def played() -> list[bytes]:
    """Windows, Apple, Android and small devices: what they ask for, in every state."""
    made = []
    for number, device in enumerate(DEVICES):
        mac = bytes((2, 0, 0, 0, 2, number))
        options = [(55, bytes(device.asks_for)), *((code, bytes.fromhex(value)) for code, value in device.options)]
        chosen = ((50, _FIFTY), (54, SERVER.packed))
        made += [
            message(1, *options, (61, b"\1" + mac), mac=mac, flags=device.flags),
            message(3, *chosen, *options, (61, b"\1" + mac), mac=mac, flags=device.flags),
            message(3, (50, _FIFTY), *options, mac=mac),
            message(3, *options, mac=mac, ciaddr=ip("192.168.200.50")),
            message(8, *options, mac=mac, ciaddr=ip("192.168.200.77")),
            message(4, *chosen, mac=mac),
            message(7, (54, SERVER.packed), mac=mac, ciaddr=ip("192.168.200.50")),
            message(1, *options, (82, b"\1\4port\5\4\xc0\xa8\xc9\1"), mac=mac, giaddr=ip("192.168.201.1"), hops=1),
        ]
    return made


def corpus() -> list[bytes]:
    """All of it, none too large to be mutated often."""
    hostile = [data for cases in CASES.values() for data in cases[:40] if len(data) <= 1500]
    return [*recorded(), *played(), *hostile]
