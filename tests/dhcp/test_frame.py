"""Frames against scapy, which computes the checksums itself."""

from hypothesis import given
from hypothesis import strategies as st

from routerd.dhcp.frame import checksum, udp_frame

MAC_A, MAC_B = bytes.fromhex("020000000002"), bytes.fromhex("020000000022")


@given(st.binary(max_size=700), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
def test_scapy_computes_the_same_frame(payload: bytes, source: int, destination: int) -> None:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    frame = udp_frame(
        payload,
        source_mac=MAC_A,
        destination_mac=MAC_B,
        source=source,
        destination=destination,
        source_port=67,
        destination_port=68,
    )
    read = Ether(frame)
    sums = read[IP].chksum, read[UDP].chksum
    del read[IP].chksum, read[UDP].chksum
    again = Ether(bytes(read))
    assert (again[IP].chksum % 0xFFFF, again[UDP].chksum % 0xFFFF) == tuple(value % 0xFFFF for value in sums)
    assert (read.dst, read.src, read[IP].ttl, read[UDP].sport, read[UDP].dport) == (
        "02:00:00:00:00:22",
        "02:00:00:00:00:02",
        64,
        67,
        68,
    )
    assert bytes(read[UDP].payload) == payload


def test_checksum_of_the_rfc() -> None:
    # RFC 1071 section 3: the sum is ddf2.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
