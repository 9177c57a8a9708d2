"""Tricky cases of options and of the reply as a whole, message bytes in and message bytes out.

22. option 108: here
23. rapid commit and a DISCOVER that is sent thrice: here
25. a server address that is not there, or changes: here what is handed out; interfaces for real in
    tests/net/test_moving.py and test_moving_kernel.py
26. the reply as a whole: here with scapy, padding and what is copied
Of issue and notes beside: BOOTP, captive portal, search list, time servers, renewal times, network boot, options by
code, type or hex, from network, subnet and reservation: here, from configuration text to message.
"""

from ipaddress import IPv4Interface

import pytest

from routerd.config.load import parse
from routerd.config.model import Option
from routerd.dhcp.frame import BROADCAST_ADDRESS
from routerd.dhcp.message import BROADCAST_FLAG, decode_message
from routerd.model import Facts, Interface
from routerd.plan import plan
from routerd.wire import WireError
from tests.dhcp.scene import MAC_B, SERVER, Scene, ip, message, part, settings

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
OTHER_MAC = bytes.fromhex("020000000099")
ONE = "192.168.200.50-192.168.200.50"
ASKS_108 = (55, bytes((1, 3, 108)))


# ---------------------------------------------------------------- 22: IPv6-only preferred (RFC 8925)


def ipv6_mostly(*pools: str) -> Scene:
    return Scene(part(settings(*pools, options=(Option(108, (1800).to_bytes(4, "big")),))))


def test_case_22_who_asks_for_it_is_offered_no_address_and_nothing_is_held() -> None:
    scene = ipv6_mostly(ONE)
    reply = scene.send(message(DISCOVER, ASKS_108))
    assert reply is not None
    offer = decode_message(reply.payload)
    assert (offer.options[53][0], offer.yiaddr, offer.options[108]) == (OFFER, 0, bytes((0, 0, 7, 8)))
    assert not {51, 58, 59} & set(offer.options)
    assert (reply.address, reply.mac, reply.rows) == (BROADCAST_ADDRESS, None, ())
    assert scene.table.rows() == []
    assert scene.lease(OTHER_MAC) == ip("192.168.200.50")
    # And with the pool full, it is answered as before.
    assert scene.ask(message(DISCOVER, ASKS_108)).yiaddr == 0


def test_case_22_who_does_not_ask_for_it_is_served_as_ever() -> None:
    offer = ipv6_mostly().ask(message(DISCOVER, (55, bytes((1, 3)))))
    assert (offer.yiaddr, 108 in offer.options) == (ip("192.168.200.50"), False)


def test_case_22_who_holds_a_lease_and_asks_for_it_then_keeps_the_lease() -> None:
    scene = ipv6_mostly()
    address = scene.lease()
    assert scene.ask(message(DISCOVER, ASKS_108)).yiaddr == address
    ack = scene.ask(message(REQUEST, ASKS_108, ciaddr=address), unicast=True)
    assert (ack.options[53][0], ack.yiaddr, ack.options[108]) == (ACK, address, bytes((0, 0, 7, 8)))


@pytest.mark.parametrize("over", ["released", "expired"])
def test_case_22_who_held_a_lease_once_and_asks_for_it_needs_none(over: str) -> None:
    scene = ipv6_mostly()
    address = scene.lease()
    if over == "released":
        scene.send(message(RELEASE, (54, SERVER.packed), ciaddr=address))
    else:
        scene.now += 3600
    assert scene.ask(message(DISCOVER, ASKS_108)).yiaddr == 0


def test_case_22_where_it_is_not_set_asking_for_it_changes_nothing() -> None:
    offer = Scene().ask(message(DISCOVER, ASKS_108))
    assert (offer.yiaddr, 108 in offer.options) == (ip("192.168.200.50"), False)


# ---------------------------------------------------------------- 23: rapid commit, and a DISCOVER thrice


@pytest.mark.parametrize("rapid", [False, True])
def test_case_23_a_full_pool_is_silence_and_no_nak(rapid: bool) -> None:
    scene = Scene(part(settings(ONE, rapid_commit=rapid)))
    scene.lease()
    for options in ((), ((80, b""),), ((80, b""), (50, bytes((192, 168, 200, 50))))):
        assert scene.send(message(DISCOVER, *options, mac=OTHER_MAC)) is None
    assert scene.counters["pkt4-nak-sent"] == 0
    assert scene.counters["v4-allocation-fail"] == 3


@pytest.mark.parametrize("options", [(), ((80, b""),)])
def test_case_23_the_same_discover_thrice_gets_one_address(options: tuple[tuple[int, bytes], ...]) -> None:
    scene = Scene(part(settings(rapid_commit=True)))
    replies = [scene.ask(message(DISCOVER, *options, xid=7)) for _ in range(3)]
    assert {(reply.yiaddr, reply.xid) for reply in replies} == {(ip("192.168.200.50"), 7)}
    assert {reply.options[53][0] for reply in replies} == {ACK if options else OFFER}
    assert len(scene.table.rows()) == 1


def test_case_23_a_rapid_commit_is_a_lease_with_its_row() -> None:
    scene = Scene(part(settings(rapid_commit=True)))
    reply = scene.send(message(DISCOVER, (80, b""), (55, bytes((80, 3)))))
    assert reply is not None
    ack = decode_message(reply.payload)
    assert (ack.options[80], ack.options[51], ack.ciaddr) == (b"", (3600).to_bytes(4, "big"), 0)
    assert [row.address for row in reply.rows] == [ack.yiaddr]


# ---------------------------------------------------------------- 25: the server's own address

LAN = """
[[vpn]]
interface = "wg0"
[[lan]]
interface = "lan0"
{address}
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.59"]
  dns = ["192.168.200.1"]
"""


def served(text: str, *addresses: str, up: bool = True) -> list[Scene]:
    """What is served with this configuration while the interface has these addresses."""
    lan = Interface("lan0", 2, up, b"\2\0\0\0\0\2", 1500, tuple(map(IPv4Interface, addresses)))
    made = plan(parse(text), Facts(interfaces={"lan0": lan}))
    return [Scene(each) for each in made.dhcp]


@pytest.mark.parametrize("addresses", [(), ("127.0.0.1/8",), ("169.254.7.7/16",), ("192.168.7.2/24",)])
def test_case_25_without_its_address_nothing_of_another_one_is_handed_out(addresses: tuple[str, ...]) -> None:
    wanted = LAN.format(address='address = "192.168.200.2"')
    assert served(wanted, *addresses) == []
    for scene in served(LAN.format(address=""), *addresses):
        # The first address of the interface is the server's then; its network has no pool, so nobody is served.
        assert scene.send(message(DISCOVER, (55, bytes((1, 3, 6, 121))))) is None


def test_case_25_interface_down_and_up_and_renumbered() -> None:
    wanted = LAN.format(address="")
    assert served(wanted, "192.168.200.2/24", up=False) == []
    for own in ("192.168.200.2/24", "192.168.200.7/24"):
        (scene,) = served(wanted, own)
        offer = scene.ask(message(DISCOVER, (55, bytes((1, 3, 6, 54, 121)))))
        assert offer.options[54] == offer.options[3] == IPv4Interface(own).ip.packed
        assert offer.options[6] == bytes((192, 168, 200, 1))
        assert b"\x7f\x00\x00\x01" not in b"".join(offer.options.values())


# ---------------------------------------------------------------- 26: the reply as a whole


@pytest.mark.parametrize("kind", [OFFER, ACK, NAK])
@pytest.mark.parametrize("hlen", [0, 6, 16])
def test_case_26_what_is_copied_and_padded(kind: int, hlen: int) -> None:
    from scapy.layers.dhcp import BOOTP, DHCP

    scene, mac = Scene(), bytes(range(2, 2 + hlen))
    wanted = {OFFER: (), ACK: ((50, bytes((192, 168, 200, 50))),), NAK: ((50, bytes((10, 9, 9, 9))),)}[kind]
    data = bytearray(
        message(
            DISCOVER if kind == OFFER else REQUEST,
            *wanted,
            (61, b"\xff\x00\x01"),
            mac=mac,
            hlen=hlen,
            htype=1 if hlen == 6 else 32,
            xid=0xFEDCBA98,
            flags=0x8000,
            giaddr=ip("192.168.200.9"),
            hops=3,
        )
    )
    data[8:10] = b"\x12\x34"
    data[44:48] = b"name"
    reply = scene.send(bytes(data))
    assert reply is not None
    assert len(reply.payload) == 300
    read = BOOTP(reply.payload)
    assert (read.op, read.hops, read.secs, read.xid, int(read.flags)) == (2, 0, 0, 0xFEDCBA98, 0x8000)
    assert (read.htype, read.hlen, read.giaddr) == (1 if hlen == 6 else 32, hlen, "192.168.200.9")
    assert read.chaddr == mac.ljust(16, b"\0")
    assert (read.sname, read.file) == (b"\0" * 64, b"\0" * 128)
    options = [option for option in read[DHCP].options if option != "pad"]
    assert options[0] == ("message-type", kind)
    assert ("client_id", b"\xff\x00\x01") in options
    assert options[-1] == "end"
    assert reply.payload.rstrip(b"\0").endswith(b"\xff")


def test_case_26_flags_other_than_broadcast_go_back_as_they_came() -> None:
    for flags in (0, 1, 0x7FFF, BROADCAST_FLAG, 0xFFFF):
        assert Scene().ask(message(DISCOVER, flags=flags)).flags == flags


# ---------------------------------------------------------------- BOOTP


def test_bootp_is_refused() -> None:
    from scapy.layers.dhcp import BOOTP

    scene = Scene()
    for data in (message(None), message(None, (1, b"\0" * 4)), message(None, (61, b"id"), (55, b"\x03"))):
        assert scene.send(data) is None
    with pytest.raises(WireError, match="cookie"):
        scene.send(bytes(BOOTP(chaddr=MAC_B, xid=7)).ljust(300, b"\0"))
    assert scene.counters["pkt4-unknown-received"] == 3
    assert scene.table.rows() == []


# ---------------------------------------------------------------- every setting, from the text to the wire

ALL = """
[[vpn]]
interface = "wg0"
[[lan]]
interface = "lan0"
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.59"]
  router = "192.168.200.1"
  dns = ["192.168.200.7", "192.168.200.8"]
  search = ["site-b.example", "example"]
  ntp = ["192.168.200.4"]
  domain = "site-b.example"
  lease_time = "2h"
  renew_time = "10m"
  rebind_time = "1h"
  next_server = "192.168.200.5"
  server_name = "boot"
  boot_file = "all.0"
    [[lan.dhcp.option]]
    code = 114
    type = "string"
    value = "https://portal.example/"
    [[lan.dhcp.option]]
    code = 26
    type = "uint16"
    value = 1400
    [[lan.dhcp.option]]
    code = 224
    type = "hex"
    value = "00:01:ff"
    [[lan.dhcp.option]]
    code = 225
    type = "string"
    value = "lan"
    [[lan.dhcp.option]]
    code = 226
    type = "string"
    value = "lan"
    [[lan.dhcp.reservation]]
    mac = "02:00:00:00:00:22"
    address = "192.168.200.22"
    dns = ["192.168.200.9"]
    boot_file = "own.0"
      [[lan.dhcp.reservation.option]]
      code = 225
      type = "string"
      value = "own"
    [[lan.dhcp.subnet]]
    subnet = "192.168.201.0/24"
    router = "192.168.201.1"
    pools = ["192.168.201.50-192.168.201.59"]
    dns = ["192.168.201.7"]
      [[lan.dhcp.subnet.option]]
      code = 225
      type = "string"
      value = "subnet"
      [[lan.dhcp.subnet.reservation]]
      mac = "02:00:00:00:00:22"
      address = "192.168.201.22"
        [[lan.dhcp.subnet.reservation.option]]
        code = 226
        type = "string"
        value = "own of the subnet"
"""
ASKED = (55, bytes((1, 3, 6, 15, 26, 28, 42, 66, 67, 114, 119, 121, 224, 225, 226)))


def test_every_setting_of_a_network_is_on_the_wire() -> None:
    from scapy.layers.dhcp import BOOTP, DHCP

    (scene,) = served(ALL, "192.168.200.2/24")
    reply = scene.send(message(DISCOVER, ASKED, mac=OTHER_MAC))
    assert reply is not None
    read = BOOTP(reply.payload)
    assert (read.siaddr, read.sname.rstrip(b"\0"), read.file.rstrip(b"\0")) == ("192.168.200.5", b"boot", b"all.0")
    named = {option[0]: option[1:] for option in read[DHCP].options if isinstance(option, tuple)}
    assert named["name_server"] == ("192.168.200.7", "192.168.200.8")
    assert named["NTP_server"] == ("192.168.200.4",)
    assert (named["domain"], named["interface-mtu"]) == ((b"site-b.example",), (1400,))
    assert (named["lease_time"], named["renewal_time"], named["rebinding_time"]) == ((7200,), (600,), (3600,))
    options = decode_message(reply.payload).options
    assert options[119] == b"\x06site-b\x07example\x00\x07example\x00"
    assert (options[66], options[67], options[114]) == (b"boot", b"all.0", b"https://portal.example/")
    assert (options[224], options[225], options[226]) == (b"\x00\x01\xff", b"lan", b"lan")


@pytest.mark.parametrize(
    ("mac", "giaddr", "address", "dns", "file", "options"),
    [
        (MAC_B, "0.0.0.0", "192.168.200.22", "192.168.200.9", b"own.0", (b"own", b"lan")),
        (OTHER_MAC, "192.168.201.1", "192.168.201.50", "192.168.201.7", b"all.0", (b"subnet", b"lan")),
        (MAC_B, "192.168.201.1", "192.168.201.22", "192.168.201.7", b"all.0", (b"subnet", b"own of the subnet")),
    ],
)
def test_the_nearest_setting_wins(
    mac: bytes, giaddr: str, address: str, dns: str, file: bytes, options: tuple[bytes, bytes]
) -> None:
    (scene,) = served(ALL, "192.168.200.2/24")
    offer = scene.ask(message(DISCOVER, ASKED, mac=mac, giaddr=ip(giaddr)))
    assert offer.yiaddr == ip(address)
    assert offer.options[6] == ip(dns).to_bytes(4, "big")
    assert offer.file.rstrip(b"\0") == file
    assert (offer.options[225], offer.options[226]) == options
    assert offer.options[114] == b"https://portal.example/"
    assert offer.options[54] == SERVER.packed
