"""The field's three recipes, set up by hand, and routerd in the same network: who reaches whom, and as whom.

Pro Custodibus, "WireGuard Point to Site": masquerading, port forwarding, site gateway, with nftables for iptables.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from routerd.lab.example import LAN
from routerd.lab.namespace import Namespace
from tests.net.nat_scene import ask, serve
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_MASQUERADE = """
table ip field {
    chain prerouting {
        type filter hook prerouting priority mangle
        iifname "WG" meta mark set 0x30
    }
    chain postrouting {
        type nat hook postrouting priority srcnat
        oifname != "WG" meta mark 0x30 masquerade
    }
}
"""
_FORWARD = """
table ip field {
    chain prerouting {
        type nat hook prerouting priority dstnat
        iifname "lan0" meta l4proto { tcp, udp } th dport 8080 dnat to 10.0.0.1:80
    }
    chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "WG" masquerade
    }
}
"""
_FORWARDS = '  [[lan.forward]]\n  listen = "8080/{}"\n  to = "endpoint-a:80"\n'


@dataclass(frozen=True)
class Recipe:
    """How it is done by hand, and by routerd. `allowed`: the site is in Endpoint A's AllowedIPs; `route`: B has it."""

    rules: str
    strategy: str
    forwards: str = ""
    allowed: bool = True
    route: bool = False


RECIPES = {
    "masquerading": Recipe(_MASQUERADE, "masquerade"),
    "port forwarding": Recipe(_FORWARD, "none", _FORWARDS.format("tcp") + _FORWARDS.format("udp"), allowed=False),
    "site gateway": Recipe("", "site-gateway", route=True),
}
REACHED = {
    "masquerading": {"A to B": "192.168.200.2 8000"},
    "port forwarding": {"B to the forward": "10.0.0.2 80"},
    "site gateway": {"A to B": "10.0.0.1 8000", "B to A": "192.168.200.22 80"},
}


def test_what_the_recipes_reach_routerd_reaches_too_and_with_the_same_addresses(site: Site) -> None:
    example = site.example
    serve(site.lab, example.a, [80])
    serve(site.lab, example.b, [8000])
    for name, recipe in RECIPES.items():
        _by_hand(site, name, recipe)
    daemon = None
    for name, recipe in RECIPES.items():
        _prepare(site, recipe)
        example.b.ip("address flush dev lan0")
        site.write(_config(site, recipe))
        if daemon is None:
            daemon = site.start(site.lab.directory.joinpath("routerd.toml").read_text())
        else:
            daemon.process.send_signal(1)
        if recipe.route:
            # By hand the route was put there; here it comes with the lease.
            site.client("udhcpc").wait_lease()
        else:
            example.b.ip("address add 192.168.200.22/24 dev lan0")
        soon(f"routerd does what {name} did", _same(site, REACHED[name]), limit=10.0)


def _same(site: Site, wanted: dict[str, str]) -> Callable[[], bool]:
    return lambda: _reached(site) == wanted


def _by_hand(site: Site, name: str, recipe: Recipe) -> None:
    example = site.example
    _prepare(site, recipe)
    example.beta.sysctl(ip_forward=1)
    example.b.ip("address flush dev lan0", "address add 192.168.200.22/24 dev lan0")
    if recipe.route:
        example.b.ip("route add 10.0.0.0/24 via 192.168.200.2")
    example.beta.nft(recipe.rules.replace("WG", example.tunnel_beta.interface))
    soon(f"{name} by hand", _same(site, REACHED[name]), limit=10.0)
    example.beta.nft("flush ruleset")
    example.beta.sysctl(ip_forward=0)


def _prepare(site: Site, recipe: Recipe) -> None:
    """Endpoint A's side, which is set up by hand either way."""
    example = site.example
    networks = ",".join(["10.0.0.2/32", *([LAN] if recipe.allowed else [])])
    key = example.tunnel_beta.keys.public
    example.a.run(["wg", "set", example.tunnel_a.interface, "peer", key, "allowed-ips", networks])


def _config(site: Site, recipe: Recipe) -> str:
    return site.config.replace('interface = "lan0"\n', f'interface = "lan0"\nstrategy = "{recipe.strategy}"\n').replace(
        "\n[probe]", f"{recipe.forwards}\n[probe]"
    )


def _reached(site: Site) -> dict[str, str]:
    """What was reached, the same by TCP and UDP, and the address that was seen there."""
    example = site.example
    asked: dict[str, tuple[Namespace, str, int]] = {
        "A to B": (example.a, "192.168.200.22", 8000),
        "B to A": (example.b, "10.0.0.1", 80),
        "B to the forward": (example.b, "192.168.200.2", 8080),
    }
    found = {}
    for name, (machine, to, port) in asked.items():
        tcp, udp = ask(machine, ("tcp", to, port), ("udp", to, port), timeout=0.25)
        if tcp == udp and not tcp.endswith("Error"):
            found[name] = tcp
    return found
