"""Peers that change while routerd runs: another one, none, another key, address or name, an interface made anew."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from routerd.config.load import parse
from routerd.health import ProblemTracker
from routerd.model import PeersPart, WireGuardDevice
from routerd.observe.service import ObserveService
from routerd.peers.service import PeersService
from routerd.plan_peers import changes, peers_part
from tests.net.helpers_system import space

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("wireguard-go") is None, reason="needs wireguard-go"),
]
INTERVAL = 10.0
KEYS = [f"{letter * 42}{end}=" for letter, end in zip("BCD", "EIM", strict=True)]
CONFIG = """
[[vpn]]
interface = "{name}"
{peers}
[[lan]]
interface = "lo"
"""


def config_of(name: str, *peers: str) -> str:
    return CONFIG.format(name=name, peers="".join(f"[[vpn.peer]]\n{peer}\n" for peer in peers))


class Wired:
    """Observing and peers, wired as the daemon wires them."""

    def __init__(self, text: str) -> None:
        self.config = parse(text)
        self.part = PeersPart()
        self.polls = 0
        self.peers = PeersService(lambda: None)
        self.observe = ObserveService(lambda _: self.plan(), self.devices)

    def devices(self, devices: dict[str, WireGuardDevice]) -> None:
        self.polls += 1
        self.peers.observed(devices)

    def plan(self) -> None:
        part = peers_part(self.config, self.observe.facts)
        self.peers.update(changes(self.part, part))
        self.part = part

    @property
    def known(self) -> dict[str, tuple[str | None, tuple[str, ...]]]:
        return {report.name: (report.public_key, report.addresses) for report in self.peers.report()}

    def codes(self) -> set[str]:
        tracker = ProblemTracker()
        tracker.update([*self.part.problems, *self.peers.problems()], 0.0)
        rows = tracker.report(100.0)
        others = ("probe-socket", "probe-no-address", "peer-down")
        return {f"{row.code} {row.subject}" for row in rows if row.code not in others}


@asynccontextmanager
async def wired(text: str) -> AsyncIterator[Wired]:
    made = Wired(text)
    vpn = made.config.vpns[0]
    made.observe.configure(["lo"], {vpn.name: str(vpn.interface)})
    await made.peers.apply(PeersPart())
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(service.run()) for service in (made.observe, made.peers)]
        try:
            yield made
        finally:
            for task in running:
                task.cancel()


async def within_an_interval(made: Wired, condition: Callable[[], bool]) -> None:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < INTERVAL, (made.known, made.codes())
        await asyncio.sleep(0.01)


async def sh(script: str) -> None:
    await asyncio.to_thread(subprocess.run, ["sh", "-ec", script], check=True, timeout=30)


async def _followed(name: str) -> None:
    a, b, c = KEYS
    by_name = [f'name = "a"\npublic_key = "{a}"', 'name = "b"\naddress = "10.0.0.2"']
    async with wired(config_of(name, *by_name)) as made:
        await within_an_interval(made, lambda: made.codes() == {"peer-unmatched peer a", "peer-unmatched peer b"})
        await sh(f"wg set {name} peer {a} allowed-ips 10.0.0.1/32")
        await within_an_interval(made, lambda: made.known.get("a") == (a, ("10.0.0.1",)))
        # By its address; and one that is not listed, under its key.
        await sh(f"wg set {name} peer {b} allowed-ips 10.0.0.2/32 peer {c} allowed-ips 10.0.0.3/32,fd00::3/128")
        known = {"a": (a, ("10.0.0.1",)), "b": (b, ("10.0.0.2",)), c: (c, ("10.0.0.3", "fd00::3"))}
        await within_an_interval(made, lambda: made.known == known)
        await within_an_interval(made, lambda: made.codes() == {f"peer-no-endpoint peer {name}" for name in known})
        # Its address goes to another one.
        await sh(f"wg set {name} peer {c} allowed-ips 10.0.0.2/32,10.0.0.3/32")
        await within_an_interval(made, lambda: made.known.get("b") == (c, ("10.0.0.2", "10.0.0.3")))
        await within_an_interval(made, lambda: f"peer-no-allowed-ips peer {b}" in made.codes())
        await sh(f"wg set {name} peer {a} remove")
        await within_an_interval(made, lambda: "peer-unmatched peer a" in made.codes())


async def _another_file(name: str) -> None:
    a, b, _ = KEYS
    async with wired(config_of(name)) as made:
        await sh(f"printf '[Peer]\\nPublicKey = {a}\\nAllowedIPs = 10.0.0.1/32\\n' | wg syncconf {name} /dev/stdin")
        await within_an_interval(made, lambda: list(made.known) == [a])
        await sh(f"printf '[Peer]\\nPublicKey = {b}\\nAllowedIPs = 10.0.0.1/32\\n' | wg syncconf {name} /dev/stdin")
        await within_an_interval(made, lambda: list(made.known) == [b])
        made.config = parse(config_of(name, f'name = "new"\npublic_key = "{b}"'))
        made.plan()
        await within_an_interval(made, lambda: list(made.known) == ["new"])
        vpn = replace(made.config.vpns[0], peers=())
        made.config = replace(made.config, vpns=(vpn,))
        made.plan()
        await within_an_interval(made, lambda: list(made.known) == [b])


async def _made_anew(name: str) -> None:
    a, b, _ = KEYS
    async with wired(config_of(name, f'name = "a"\npublic_key = "{a}"')) as made:
        await sh(f"wg set {name} peer {a} allowed-ips 10.0.0.1/32")
        await within_an_interval(made, lambda: made.known.get("a") == (a, ("10.0.0.1",)))
        assert made.peers.report()[0].rx_bytes == 0
        await sh(f"ip link del {name}")
        # No device says anything of it any more.
        await within_an_interval(made, lambda: made.peers.report()[0].rx_bytes is None)
        process = await asyncio.create_subprocess_exec("wireguard-go", "-f", name, stdout=-3, stderr=-3)
        try:
            await sh(f"for i in $(seq 500); do wg show {name} >/dev/null 2>&1 && break; sleep 0.01; done")
            await sh(f"ip link set {name} up")
            await sh(f"wg set {name} peer {a} allowed-ips 10.0.0.9/32 peer {b} allowed-ips 10.0.0.8/32")
            known = {"a": (a, ("10.0.0.9",)), b: (b, ("10.0.0.8",))}
            await within_an_interval(made, lambda: made.known == known)
        finally:
            process.terminate()
            await process.wait()


@pytest.mark.parametrize("what", [_followed, _another_file, _made_anew])
def test_changes_are_followed_within_an_interval(what: Callable[[str], object]) -> None:
    with space() as here, here.wireguard() as (name, _, _):
        here.call(what, name)
