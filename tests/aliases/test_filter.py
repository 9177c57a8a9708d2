"""What the kernel lets through to who claims aliases."""

import socket

import pytest
from scapy.layers.l2 import ARP

from routerd.system.packet_filter import attach_filter
from routerd.system.sockets_arp import concerning

RANGES = [(0xC0A8C8C9, 0xC0A8C8C9), (0xC0A8C8D2, 0xC0A8C8E6)]


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({"op": 2, "psrc": "192.168.200.201", "pdst": "192.168.200.2"}, True),
        ({"op": 1, "psrc": "192.168.200.215", "pdst": "192.168.200.215"}, True),
        ({"op": 1, "psrc": "192.168.200.230", "pdst": "192.168.200.1"}, True),
        ({"op": 1, "psrc": "192.168.200.209", "pdst": "192.168.200.1"}, False),
        ({"op": 1, "psrc": "0.0.0.0", "pdst": "192.168.200.201"}, True),
        ({"op": 1, "psrc": "0.0.0.0", "pdst": "192.168.200.210"}, True),
        ({"op": 1, "psrc": "0.0.0.0", "pdst": "192.168.200.202"}, False),
        # A host's question counts where it goes to all; here the packet is for this machine, whose kernel answers.
        ({"op": 1, "psrc": "192.168.200.22", "pdst": "192.168.200.201"}, False),
        ({"op": 2, "psrc": "192.168.200.201", "pdst": "192.168.200.2", "ptype": 0x86DD}, False),
    ],
)
def test_it_lets_through_what_concerns_an_alias(fields: dict[str, object], heard: bool) -> None:
    assert _heard(RANGES, ARP(hwsrc="02:00:00:00:00:99", hwdst="02:00:00:00:00:02", **fields)) == heard


@pytest.mark.parametrize("count", [0, 1, 2, 64, 65, 1000])
def test_any_number_of_ranges_is_a_program(count: int) -> None:
    ranges = [(10 * n + 10, 10 * n + 15) for n in range(count)]
    for number in (0, 63, 64, count - 1):
        last = socket.inet_ntoa((10 * number + 15).to_bytes(4, "big"))
        there = 0 <= number < count
        assert _heard(ranges, ARP(op=2, psrc=last, pdst="1.0.0.0", hwlen=6)) == there
        assert _heard(ranges, ARP(op=1, psrc="0.0.0.0", pdst=last, hwlen=6)) == there
    assert not _heard(ranges, ARP(op=2, psrc="1.0.0.0", pdst="0.0.0.0", hwlen=6))


def _heard(ranges: list[tuple[int, int]], packet: ARP) -> bool:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with ours, theirs:
        attach_filter(ours, concerning(ranges))
        theirs.send(bytes(packet))
        try:
            return bool(ours.recv(100))
        except BlockingIOError:
            return False
