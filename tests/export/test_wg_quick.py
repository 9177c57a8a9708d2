"""The wg-quick configuration of a peer's side: golden texts, and what it is made from."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

import pytest

from routerd.config.load import parse
from routerd.export.wg_quick import PeerSide, parse_endpoint, peer_side, wg_quick
from routerd.model import Facts, Interface, Network, VpnFacts, WireGuardDevice, WireGuardPeer
from routerd.plan_peers import peers_part

KEY = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
OTHER = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
SITE = "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M="

KNOWN = """\
# WireGuard on endpoint-a: how it reaches the site. Fill in what is blank, save it as /etc/wireguard/site.conf
# with mode 0600, and run: wg-quick up site

[Interface]
# The private key of the public key QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=;
# it never leaves endpoint-a.
PrivateKey =
Address = 10.0.0.1/32
# The site also sends packets here for: 10.77.0.0/24
# If names are to be asked of the site's DNS server:
# DNS = 192.168.200.1

[Peer]
PublicKey = Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=
# Only where the site has one for this peer:
# PresharedKey =

# The gateway of the site, then the networks of the site.
AllowedIPs = 10.0.0.2/32, 192.168.200.0/24
# To reach the site's other peers as well, add: 10.0.0.0/24, 10.88.0.0/24

Endpoint = 203.0.113.2:51822

# Keeps the way through NAT and firewalls open: without it the site reaches endpoint-a only for a while after
# endpoint-a has sent something.
PersistentKeepalive = 25
"""

UNKNOWN = """\
# WireGuard on phone: how it reaches the site. Fill in what is blank, save it as /etc/wireguard/site.conf
# with mode 0600, and run: wg-quick up site
# The site does not know this peer yet. To be run there, and kept in its configuration:
# wg set wg0 peer PUBLIC-KEY allowed-ips ADDRESS/32

[Interface]
# A new private key: wg genkey. The site needs the public key that belongs to it: wg pubkey
PrivateKey =
# The address in the VPN, one that the site's AllowedIPs for this peer hold:
Address =
# If names are to be asked of the site's DNS server:
# DNS = ADDRESS

[Peer]
# The site's public key; there it is shown by: wg show wg0 public-key
PublicKey =
# Only where the site has one for this peer:
# PresharedKey =

# The gateway of the site, then the networks of the site.
# Not known now, to be added: the gateway's own address in the VPN, the network of the LAN lan0.
AllowedIPs =

# Where the site is reached from outside; UDP port PORT of its WireGuard host must be open there.
# Endpoint = HOST:PORT

# Keeps the way through NAT and firewalls open: without it the site reaches phone only for a while after
# phone has sent something.
PersistentKeepalive = 25
"""

ALLOWED: dict[str, tuple[Network, ...]] = {
    KEY: (IPv4Network("10.0.0.1/32"), IPv4Network("10.77.0.0/24")),
    OTHER: (
        IPv4Network("10.0.0.9/32"),
        IPv4Network("10.88.0.0/24"),
        IPv4Network("0.0.0.0/0"),
        IPv6Network("fd00::/64"),
    ),
}
CONFIG = f"""
[[vpn]]
name = "vpn"
interface = "wg0"
  [[vpn.peer]]
  name = "endpoint-a"
  public_key = "{KEY}"
[[lan]]
interface = "lan0"
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.60"]
  dns = ["192.168.200.1"]
"""
WG = Interface("wg0", 3, True, b"", 1420, (IPv4Interface("10.0.0.2/24"),))
LAN = Interface("lan0", 2, True, b"", 1500, (IPv4Interface("192.168.200.2/24"),))
FACTS = Facts({"wg0": WG, "lan0": LAN}, (), {"vpn": VpnFacts(True, tuple(ALLOWED.items()))})
DEVICE = WireGuardDevice("wg0", SITE, 51822, tuple(WireGuardPeer(key, nets) for key, nets in ALLOWED.items()))


def side(
    text: str = CONFIG,
    facts: Facts = FACTS,
    device: WireGuardDevice | None = DEVICE,
    name: str = "endpoint-a",
    own_ipv6: tuple[IPv6Interface, ...] = (),
) -> PeerSide:
    config = parse(text)
    target = next(target for target in peers_part(config, facts).targets if target.name == name)
    return peer_side(config, facts, target, device, own_ipv6)


def test_all_is_known() -> None:
    assert wg_quick(side(), "203.0.113.2:51822") == KNOWN


def test_nothing_is_known() -> None:
    assert wg_quick(PeerSide("phone", site_interface="wg0", unread=("lan0",), is_known=False)) == UNKNOWN


def test_a_device_that_is_not_read_leaves_the_key_and_the_port_open() -> None:
    found = side(device=None)
    assert (found.site_key, found.site_port, found.is_known) == (None, None, True)
    text = wg_quick(found)
    assert "\nPublicKey =\n" in text
    assert "# Endpoint = HOST:PORT\n" in text
    assert "# Endpoint = HOST:51822\n" in wg_quick(side())


def test_a_peer_that_the_device_lacks_is_told_to_the_site() -> None:
    text = CONFIG.replace(f'public_key = "{KEY}"', f'public_key = "{SITE}"\n  address = "10.0.0.44"')
    found = side(text)
    assert (found.is_known, found.addresses, found.behind) == (False, (IPv4Address("10.0.0.44"),), ())
    assert f"\n# wg set wg0 peer {SITE} allowed-ips 10.0.0.44/32\n" in wg_quick(found)


def test_an_unlisted_peer_has_its_key_for_a_name() -> None:
    found = side(name=OTHER)
    assert (found.public_key, found.addresses) == (OTHER, (IPv4Address("10.0.0.9"),))
    assert found.others == (IPv4Network("10.0.0.0/24"), IPv4Network("10.77.0.0/24"))


def test_an_ipv6_peer() -> None:
    facts = replace(FACTS, vpns={"vpn": VpnFacts(True, ((KEY, (IPv6Network("fd00::1/128"),)),))})
    found = side(facts=facts)
    assert found.addresses == (IPv6Address("fd00::1"),)
    assert "\nAddress = fd00::1/128\n" in wg_quick(found)
    assert "\nAllowedIPs = 10.0.0.2/32, 192.168.200.0/24\n" in wg_quick(found)


OWN_IPV6 = (IPv6Interface("fd00::2/64"), IPv6Interface("fe80::2/64"))


def test_a_peer_with_ipv6_takes_the_site_s_own_ipv6_address() -> None:
    for networks, address in (
        ((IPv6Network("fd00::1/128"),), "fd00::1/128"),
        ((IPv6Network("fd00::1/128"), IPv4Network("10.0.0.1/32")), "10.0.0.1/32, fd00::1/128"),
    ):
        facts = replace(FACTS, vpns={"vpn": VpnFacts(True, ((KEY, networks),))})
        found = side(facts=facts, own_ipv6=OWN_IPV6)
        assert found.behind == ()
        text = wg_quick(found)
        assert f"\nAddress = {address}\n" in text
        assert "\nAllowedIPs = 10.0.0.2/32, fd00::2/128, 192.168.200.0/24\n" in text
    # A peer without IPv6 would only get a route that it cannot use.
    assert "fd00::2" not in wg_quick(side(own_ipv6=OWN_IPV6))


def test_an_address_that_is_configured_goes_before_what_allowed_ips_say() -> None:
    text = CONFIG.replace(f'public_key = "{KEY}"', f'public_key = "{KEY}"\n  address = "10.0.0.5"')
    networks = (IPv4Network("10.0.0.5/32"), IPv4Network("10.0.0.6/32"), IPv6Network("fd00::1/128"))
    found = side(text, replace(FACTS, vpns={"vpn": VpnFacts(True, ((KEY, networks),))}))
    assert found.addresses == (IPv4Address("10.0.0.5"), IPv6Address("fd00::1"))
    assert found.behind == (IPv4Network("10.0.0.6/32"),)


def test_networks_behind_relay_agents_are_of_the_site() -> None:
    relayed = '[[lan.dhcp.subnet]]\nsubnet = "192.168.201.0/24"\nrouter = "192.168.201.1"\n'
    relayed += 'pools = ["192.168.201.50-192.168.201.60"]\n'
    assert "\nAllowedIPs = 10.0.0.2/32, 192.168.200.0/24, 192.168.201.0/24\n" in wg_quick(side(CONFIG + relayed))


def test_only_lans_that_take_part_in_this_vpn() -> None:
    text = CONFIG + '[[lan]]\ninterface = "lan1"\nvpns = ["vpn"]\n[[lan]]\ninterface = "lan2"\nvpns = ["b"]\n'
    text += '[[vpn]]\nname = "b"\ninterface = "wg1"\n'
    shared = Interface("lan1", 4, True, b"", 1500, (IPv4Interface("10.5.0.9/32"), IPv4Interface("10.5.0.1/16")))
    hidden = replace(LAN, name="lan2", addresses=(IPv4Interface("10.6.0.1/16"),))
    found = side(text, replace(FACTS, interfaces={**FACTS.interfaces, "lan1": shared, "lan2": hidden}))
    assert found.networks == (IPv4Network("192.168.200.0/24"), IPv4Network("10.5.0.0/16"))
    assert side(text).unread == ("lan1",)


def test_wireguard_on_another_machine() -> None:
    text = CONFIG.replace('interface = "wg0"', 'gateways = ["192.168.200.3"]\nprefixes = ["10.0.0.0/24"]')
    found = side(text.replace("public_key", 'address = "10.0.0.1"\n  public_key'), device=None)
    assert (found.site_interface, found.gateways, found.addresses) == (None, (), (IPv4Address("10.0.0.1"),))
    text = wg_quick(found)
    assert "wg show wg0 public-key" in text
    assert "\nAllowedIPs = 192.168.200.0/24\n# To reach the site's other peers as well, add: 10.0.0.0/24\n" in text


def test_no_line_can_be_smuggled_in() -> None:
    text = wg_quick(PeerSide("x\n[Interface]\nPostUp = reboot"))
    assert not any(line.startswith("PostUp") for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        *(("vpn.example.net:51820", "vpn.example.net:51820"), ("203.0.113.2:051820", "203.0.113.2:51820")),
        *(("[2001:db8:0::1]:1", "[2001:db8::1]:1"), ("router:65535", "router:65535")),
    ],
)
def test_endpoints(text: str, canonical: str) -> None:
    assert parse_endpoint(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "x:",
        ":1",
        "x:0",
        "x:65536",
        "x:1111111111",
        "2001:db8::1:51820",
        "[x]:1",
        "a b:1",
        "a\n:1",
        "-x:1",
        "x:²",
    ],
)
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match=r" must (begin|end|have) "):
        parse_endpoint(text)
