"""What the commands say of a real daemon: `status`, `plan`, and `export`, whose text really makes a peer."""

import json
import subprocess
import sys
from functools import partial

import pytest

from routerd.lab.namespace import Namespace
from routerd.lab.talk import tcp_talk
from routerd.lab.wireguard import KeyPair, Peer, Tunnel, add_peers, create_tunnel, generate_keys
from tests.net.site import Site, soon

pytestmark = pytest.mark.net


def run(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of routerd on Host β."""
    config = site.lab.directory / "routerd.toml"
    argv = [sys.executable, "-m", "routerd", *words, "--config", str(config)]
    return site.example.beta.run(argv, check=False)


def test_status_of_a_peer_that_comes_and_goes(site: Site) -> None:
    daemon = site.start()
    soon("endpoint-a is up", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "up")
    done = run(site, "status", "--peer", "endpoint-a")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("endpoint-a: up for ")
    client = site.client()
    client.wait_lease()
    lines = run(site, "status").stdout.splitlines()
    assert lines[0].startswith("routerd 0.")
    assert lines[0].endswith(", ready, 1 of 1 peer reachable")
    assert any("192.168.200.22" in line and "endpoint-b" in line and " bound " in line for line in lines)
    assert lines[-1] == "Problems: none"
    site.example.cut_tunnel()
    soon("endpoint-a is down", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "down")
    done = run(site, "status", "--peer", "endpoint-a")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("endpoint-a: down for ")
    assert "does not answer" in done.stdout
    done = run(site, "status", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["ready"], said["peers"][0]["state"]) == (0, True, "down")
    assert run(site, "status", "--probe", "endpoint-a").returncode == 1
    site.example.restore_tunnel()
    soon("endpoint-a is up again", lambda: run(site, "status", "--peer", "endpoint-a").returncode == 0)
    done = run(site, "status", "--peer", "endpoint-b")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'endpoint-a'?" in done.stderr
    daemon.stop()
    done = run(site, "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "is it running?" in done.stderr


def test_plan_says_what_is_there_already(site: Site) -> None:
    site.write()
    tunnel = site.example.tunnel_beta.interface

    def actions() -> dict[str, str]:
        routes = json.loads(run(site, "plan", "--json").stdout)["kernel"]["routes"]
        return {row["route"]: row["action"] for row in routes}

    on_link, last = f"10.0.0.0/24 dev {tunnel} metric 121", "unreachable 10.0.0.0/24 metric 4294967295"
    assert actions() == {on_link: "foreign", last: "add"}
    site.start()
    own = site.example.beta.run(["ip", "route", "show", "proto", "121"]).stdout
    assert tunnel not in own
    assert actions() == {on_link: "foreign", last: "present"}


def fresh_endpoint(site: Site, keys: KeyPair) -> Tunnel:
    """A machine on the Internet with a WireGuard interface that knows nothing yet; Host β knows its public key."""
    machine: Namespace = site.lab.namespace("c")
    site.example.net.attach(machine, "wan")
    machine.ip("address add 203.0.113.3/24 dev wan")
    tunnel = create_tunnel(site.lab, machine, "c", port=51821)
    add_peers(site.example.tunnel_beta, [Peer(keys.public, ["10.0.0.3/32"])])
    return tunnel


def test_an_exported_configuration_really_joins_a_peer_to_the_site(site: Site) -> None:
    keys, beta = generate_keys(), site.example.tunnel_beta
    tunnel = fresh_endpoint(site, keys)
    site.start()
    site.client().wait_lease()
    assert keys.public in run(site, "export").stdout
    done = run(site, "export", "wg-quick", keys.public, "--site-endpoint", "203.0.113.2:51822")
    assert (done.returncode, done.stderr) == (0, "")
    for private in (keys.private, beta.keys.private):
        assert private not in done.stdout
    text = done.stdout.replace("PrivateKey =\n", f"PrivateKey = {keys.private}\n")
    # wireguard-go does not tell its public key; it is made from the private one, which goes nowhere.
    assert f"\nPublicKey = {beta.keys.public}\n" in text
    machine, path = tunnel.machine, site.lab.directory / f"{tunnel.interface}.conf"
    path.touch(0o600)
    path.write_text(text)
    # What `wg-quick up` does with it, on an interface that is there already.
    stripped = machine.run(["wg-quick", "strip", str(path)]).stdout
    machine.run(["wg", "setconf", tunnel.interface, "/dev/stdin"], input=stripped)
    values = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line and not line.startswith("#"))
    assert (values["Address"], values["PersistentKeepalive"]) == ("10.0.0.3/32", "25")
    machine.ip(
        f"address add {values['Address']} dev {tunnel.interface}",
        f"link set mtu 1420 up dev {tunnel.interface}",
        *(f"route add {network} dev {tunnel.interface}" for network in values["AllowedIPs"].split(", ")),
    )
    to_b = partial(tcp_talk, machine, site.example.b, "192.168.200.22")
    soon("the host has proven its way back", lambda: to_b().source == "10.0.0.3")
    assert tcp_talk(site.example.b, machine, "10.0.0.3").source == "192.168.200.22"
    machine.run(["ping", "-c1", "-W2", "10.0.0.2"])


def test_what_cannot_be_exported(site: Site) -> None:
    site.write()
    done = run(site, "export", "wg-quick", "endpoint-b")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'endpoint-a'?" in done.stderr
    assert run(site, "export", "wg-quick", "endpoint-a", "--site-endpoint", "nowhere").returncode == 2
    said = json.loads(run(site, "export", "--json").stdout)
    assert said == {"exports": [{"system": "wg-quick", "names": ["endpoint-a"]}]}
    text = json.loads(run(site, "export", "wg-quick", "endpoint-a", "--json").stdout)["text"]
    assert "\nAllowedIPs = 10.0.0.2/32, 192.168.200.0/24\n" in text
