"""Alias addresses of the running daemon: who reaches whom and is seen as what, and that nothing is answered for that
another machine has or that has no rules.

The tests share one network and one daemon.
"""

import json
import signal
from collections.abc import Iterator

import pytest

from routerd.lab.lab import Lab
from routerd.lab.wireguard import Peer, add_peers
from tests.net.alias_scene import ALIAS, POOL, Aliased
from tests.net.nat_scene import ask
from tests.net.own import kill
from tests.net.site import soon

pytestmark = pytest.mark.net

OTHER = "02:00:00:00:00:99"
ALL = {"neighbour", "route", "rules"}


@pytest.fixture(scope="module")
def scene() -> Iterator[Aliased]:
    """At its start another machine has the alias."""
    with Lab() as lab:
        made = Aliased(lab)
        made.other.ip(f"address add {ALIAS}/24 dev lan0")
        made.begin()
        made.wait("conflict")
        yield made


def test_what_another_machine_has_is_left_to_it_until_it_goes(scene: Aliased) -> None:
    assert scene.problems() == {
        "alias-conflict": f"alias {ALIAS}: it does not stand for endpoint-a, because {OTHER} has it"
    }
    assert scene.kernel() == set()
    assert scene.ask(("tcp", ALIAS, 80)) == ["ConnectionRefusedError"]
    assert scene.probe() == OTHER
    scene.other.ip(f"address del {ALIAS}/24 dev lan0")
    scene.b.ip("neighbour flush all")
    scene.wait("active")
    assert (scene.problems(), scene.kernel()) == ({}, ALL)
    assert scene.probe() == scene.mac()
    told = [row["state"] for row in scene.rows().values()]
    assert told == ["active", "active"]


def test_both_sides_reach_each_other(scene: Aliased) -> None:
    """The alias by TCP, UDP and ping, from a host, from Host β and through a second LAN; hosts see the peer as the
    alias. The peer sees Host β, and hosts themselves once its AllowedIPs hold all LANs."""
    scene.ready()
    assert scene.ask() == ["10.0.0.2"] * 2
    for machine in (scene.b, scene.beta, scene.c):
        assert machine.run(["ping", "-c1", "-W2", ALIAS]).returncode == 0
    assert ask(scene.beta, ("tcp", ALIAS, 80), ("udp", ALIAS, 80)) == ["10.0.0.2 80"] * 2
    assert ask(scene.c, ("tcp", ALIAS, 80), ("udp", ALIAS, 80)) == ["10.0.0.2 80"] * 2
    assert ask(scene.a, ("tcp", "192.168.200.22", 80), ("udp", "192.168.200.22", 80)) == [f"{ALIAS} 80"] * 2
    at = scene.chosen()
    assert at in POOL
    assert scene.ask(at=at) == ["10.0.0.2"] * 2
    assert ask(scene.x, ("tcp", "192.168.200.22", 80)) == [f"{at} 80"]
    key = scene.site.example.tunnel_beta.keys.public
    add_peers(scene.site.example.tunnel_a, [Peer(key, ["10.0.0.2/32", "192.168.200.0/23"])])
    scene.a.ip(f"route add 192.168.201.0/24 dev {scene.site.example.tunnel_a.interface}")
    soon("hosts keep their address", lambda: scene.ask() == ["192.168.200.22"] * 2)


def test_a_peer_and_a_link_that_go_and_come_back(scene: Aliased) -> None:
    scene.ready()
    example, daemon = scene.site.example, scene.daemon
    assert daemon is not None
    example.cut_tunnel()
    soon("the peer is down", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "down")
    assert (scene.state_of(), scene.kernel()) == ("active", ALL)
    port = example.lan.port(scene.beta)
    example.lan.namespace.cut(port)
    scene.wait("away")
    assert scene.kernel() == {"route", "rules"}
    example.lan.namespace.restore(port)
    example.restore_tunnel()
    scene.wait("active")
    soon("it stands for the peer", lambda: "TimeoutError" not in scene.ask())


def test_without_rules_nothing_is_answered_sent_or_sent_round(scene: Aliased) -> None:
    """While nobody puts them back, packets for the alias end at the tunnel, once each; then all is well within 1 s."""
    scene.ready()
    assert scene.daemon is not None
    seen = {}
    for machine, tunnel in ((scene.beta, scene.tunnel), (scene.a, scene.site.example.tunnel_a.interface)):
        seen[machine.role] = machine.log(f"dump-{machine.role}")
        machine.popen(["tcpdump", "-lnni", tunnel, f"host {ALIAS} or udp port 9"], name=f"dump-{machine.role}")
        soon("tcpdump listens", lambda m=machine: "listening" in seen[m.role].read_text())
    scene.daemon.process.send_signal(signal.SIGSTOP)
    scene.beta.run(["nft", "flush", "ruleset"])
    scene.beta.run(["conntrack", "-F"], check=False)
    assert scene.b.run(["ping", "-c3", "-i0.1", "-W0.5", ALIAS], check=False).returncode == 1
    soon("it was seen", lambda: seen["beta"].read_text().count("echo request") >= 3)
    scene.daemon.process.send_signal(signal.SIGCONT)
    soon("rules are back", lambda: "rules" in scene.kernel(), limit=2.0)
    assert set(scene.ask()) <= {"192.168.200.22", "10.0.0.2"}
    assert seen["beta"].read_text().count(f"> {ALIAS}") == 3
    assert ALIAS not in seen["a"].read_text().partition("listening")[2]
    assert (scene.state_of(), scene.kernel()) == ("active", ALL)


@pytest.mark.long
def test_who_insists_gets_it(scene: Aliased) -> None:
    """A machine that takes the alias is told once that it is taken; then nothing of routerd's answers for it."""
    scene.ready()
    scene.other.ip(f"address add {ALIAS}/24 dev lan0")
    for _ in range(2):
        scene.other.run(["ping", "-c1", "-W1", "-I", ALIAS, "192.168.200.1"], check=False)
        scene.other.ip("neighbour flush all")
    scene.wait("conflict")
    soon("rules and route are gone", lambda: scene.kernel() == set())
    assert scene.ask(("tcp", ALIAS, 80)) == ["ConnectionRefusedError"]
    assert f"alias {ALIAS}: {OTHER} says that it has it on lan0; it is told once" in scene.site.log()
    scene.other.ip(f"address del {ALIAS}/24 dev lan0")
    # Nor does an address of this machine itself become an alias.
    scene.beta.ip("address add 192.168.200.203/32 dev lo")
    scene.reload(scene.text.replace(ALIAS, "192.168.200.203"))
    scene.wait("conflict", "192.168.200.203")
    assert scene.kernel(ALIAS) == set()
    assert "this machine itself has it" in scene.problems()["alias-conflict"]
    assert scene.kernel("192.168.200.203") == set()
    scene.beta.ip("address del 192.168.200.203/32 dev lo")
    scene.reload(scene.text)
    scene.wait("active")


def test_only_who_holds_the_shared_address_claims(scene: Aliased) -> None:
    scene.ready()
    shared = scene.text.replace('interface = "lan0"\n', 'interface = "lan0"\naddress = "192.168.200.3"\n', 1)
    scene.reload(shared)
    scene.wait("active")
    scene.beta.ip("address del 192.168.200.3/24 dev lan0")
    soon("all is given up", lambda: scene.rows() == {} and scene.kernel() == set())
    assert scene.probe(seconds=0.2) == "nobody"
    scene.beta.ip("address add 192.168.200.3/24 dev lan0")
    scene.wait("active")
    scene.reload(scene.text)


def test_ends_and_starts(scene: Aliased) -> None:
    """After kill -9 all goes on, and the next start takes it over; a stop takes all back, and so does `clean`."""
    scene.ready()
    at = scene.chosen()
    assert scene.daemon is not None
    kill(scene.daemon)
    running = scene.state()
    assert (scene.kernel(), scene.kernel(at)) == (ALL, ALL)
    assert "TimeoutError" not in scene.ask()
    with scene.beta.log("changes").open("w") as file:
        monitor = scene.beta.popen(["ip", "-4", "monitor", "route"], name="monitor", stdout=file)
        scene.begin()
        scene.wait("active")
    assert scene.chosen() == at
    soon("all is as before", lambda: scene.state() == running)
    assert ALIAS not in scene.beta.log("changes").read_text()
    monitor.terminate()
    assert "taken over" in scene.site.log()
    # A stop takes all back; the memory stays, also with another name for the same peer.
    assert scene.daemon.stop() == 0
    assert (scene.kernel(), scene.kernel(at)) == (set(), set())
    memory = scene.files / "leases.db-aliases"
    assert [row["address"] for row in json.loads(memory.read_text())["aliases"]] == [at]
    name = f'  [[vpn.peer]]\n  name = "x"\n  public_key = "{scene.tunnel_x.keys.public}"\n\n[[lan]]'
    scene.begin(scene.text.replace("\n[[lan]]", f"\n{name}", 1) + "\n[nat]\nkeep = true\n")
    assert (scene.chosen(), scene.rows()[at]["peer"]) == (at, "x")
    scene.wait("active")
    # With nat.keep rules and claims stay at a stop. `clean` knows them without any memory.
    assert scene.daemon.stop() == 0
    assert (scene.kernel(), scene.kernel(at)) == (ALL, ALL)
    said = scene.clean()
    assert said["neighbours"] == [f"{ALIAS} dev lan0", f"{at} dev lan0"]
    assert (scene.kernel(), scene.kernel(at), said["problems"]) == (set(), set(), [])
    # A damaged memory is set aside. What an earlier routerd has claimed goes where no alias is wanted any more.
    memory.write_text("{")
    scene.begin()
    assert scene.chosen() == at
    assert "alias-store-damaged" in scene.problems()
    kill(scene.daemon)
    scene.begin(scene.plain)
    soon("nothing is left", lambda: scene.kernel() | scene.kernel(at) == set())
