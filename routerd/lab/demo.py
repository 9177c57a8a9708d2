"""The demonstration: routerd does its main job in the example network, and every step is checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from routerd.lab.daemon import Daemon, start_example_daemon
from routerd.lab.dhcp_client import DhcpClient, start_client
from routerd.lab.errors import LabError
from routerd.lab.example import ENDPOINT_B_ADDRESS, Example, example_network
from routerd.lab.lab import Lab
from routerd.lab.removal import leftovers
from routerd.lab.state import ROOT
from routerd.lab.story import Story, Told
from routerd.lab.talk import tcp_talk
from routerd.lab.waiting import wait_for

PEER = "endpoint-a"
_A_ADDRESS, _BETA_ADDRESS = "10.0.0.1", "192.168.200.2"
_ROUTES = (("10.0.0.0/24", "192.168.200.2"), ("default", "192.168.200.1"))
_TAIL = 12
_BANNER = ("┌", "│", "└")  # wireguard-go draws a box to say that the kernel has WireGuard


def demo(out: TextIO | None = None, root: Path = ROOT) -> int:
    """Plays the demonstration and removes everything. Returns 0 only if every step held, else 1."""
    story = Story(out)
    story.say("routerd in the example network: Endpoint A == VPN == Host β -- LAN -- Endpoint B")
    story.say()
    try:
        with Lab(root) as lab:
            _play(story, lab)
        story.step("clean-up", lambda: _nothing_left(lab, root))
    except LabError as error:
        return _failed(story, str(error))
    story.say()
    story.say(f"All {story.steps} steps held, in {story.seconds:.1f} s.")
    return 0


def _play(story: Story, lab: Lab) -> None:
    actors = _Actors(lab)
    steps: tuple[tuple[str, Callable[[], Told]], ...] = (
        ("network", actors.build),
        ("routerd", actors.start),
        ("lease", actors.take_lease),
        ("routes", actors.show_routes),
        ("A to B", actors.a_to_b_at_once),
        ("return path", actors.expect_proof),
        ("A to B", actors.a_to_b),
        ("B to A", actors.b_to_a),
        ("peer", lambda: actors.expect_peer(True, f"/v1/peers: {PEER}")),
        ("tunnel cut", actors.cut),
        ("restored", actors.restore),
        ("stop", actors.stop),
    )
    for title, action in steps:
        try:
            story.step(title, action)
        except LabError as error:
            raise LabError(f"step {story.steps}, {title}: {error}{actors.evidence()}") from None


class _Actors:
    """The network and the processes of the story, as far as they were started."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._example: Example | None = None
        self._daemon: Daemon | None = None
        self._client: DhcpClient | None = None

    @property
    def example(self) -> Example:
        assert self._example is not None
        return self._example

    @property
    def daemon(self) -> Daemon:
        assert self._daemon is not None
        return self._daemon

    def build(self) -> Told:
        self._example = example_network(self.lab)
        made = len(self.lab.namespaces)
        return Told(f"lab {self.lab.id}: {made} network namespaces, WireGuard by {self.example.wireguard}")

    def start(self) -> Told:
        self._daemon = start_example_daemon(self.example)
        self.daemon.wait_ready()
        return Told("routerd runs on Host β, /readyz says 200")

    def take_lease(self) -> Told:
        self._client = start_client(self.lab, self.example.b, hostname="endpoint-b")
        lease = self._client.wait_lease()
        if lease.address != ENDPOINT_B_ADDRESS:
            raise LabError(f"{ENDPOINT_B_ADDRESS} is reserved for Endpoint B, but it got {lease.address}")
        if sorted(lease.routes) != sorted(_ROUTES):
            raise LabError(f"option 121 should say {_ROUTES}, but says {lease.routes}")
        routes = [f"{prefix:<12} via {gateway}" for prefix, gateway in lease.routes]
        labels = ["option 121", *[""] * (len(routes) - 1)]
        details = tuple(f"{label:<12} {route}" for label, route in zip(labels, routes, strict=True))
        text = f"{self._client.name} on Endpoint B got {lease.address} from {lease.server} for {lease.seconds} s"
        return Told(text, details)

    def show_routes(self) -> Told:
        table = self.example.b.run(["ip", "-4", "route"]).stdout.splitlines()
        for prefix, gateway in _ROUTES:
            if not any(line.startswith(f"{prefix} via {gateway} ") for line in table):
                raise LabError(f"no {prefix} via {gateway} in Endpoint B's routing table:\n" + "\n".join(table))
        return Told("Endpoint B's routing table", tuple(table))

    def a_to_b_at_once(self) -> Told:
        """Works from the first second; with A's own address only if B has been quick to prove its way back."""
        source = self._source_at_b()
        if source not in (_A_ADDRESS, _BETA_ADDRESS):
            raise LabError(f"B should see {_BETA_ADDRESS} or {_A_ADDRESS} as A's source, but sees {source}")
        text = f"TCP from Endpoint A at once: Endpoint B sees {source}"
        return Told(f"{text} (masqueraded)" if source == _BETA_ADDRESS else text)

    def expect_proof(self) -> Told:
        """Waits until B was seen to have the way back, and new flows to it keep their source."""

        def proven() -> dict[str, Any] | None:
            host = self.daemon.host(ENDPOINT_B_ADDRESS)
            return host if host is not None and host["strategy"] == "site-gateway" else None

        try:
            host = wait_for("Endpoint B has proven its way back", proven, limit=10)
            wait_for("A's own address is seen", lambda: self._source_at_b() == _A_ADDRESS, limit=2)
        except LabError as error:
            raise LabError(f"{error}\nlast answer of /v1/hosts: {self.daemon.host(ENDPOINT_B_ADDRESS)}") from None
        assert host is not None
        way, evidence = host["return_path"], host["evidence"]["kind"]
        return Told(f"Endpoint B has shown its way back ({way}, by {evidence}): now it is routed")

    def _source_at_b(self) -> str:
        return tcp_talk(self.example.a, self.example.b, ENDPOINT_B_ADDRESS).source

    def a_to_b(self) -> Told:
        return self._seen("A", "B", ENDPOINT_B_ADDRESS, self._source_at_b(), _A_ADDRESS)

    def b_to_a(self) -> Told:
        seen = tcp_talk(self.example.b, self.example.a, _A_ADDRESS)
        return self._seen("B", "A", _A_ADDRESS, seen.source, ENDPOINT_B_ADDRESS)

    def _seen(self, near: str, far: str, address: str, source: str, wanted: str) -> Told:
        if source != wanted:
            raise LabError(f"{far} should see {wanted} as the source of {near}'s connection, but sees {source}")
        return Told(f"TCP from Endpoint {near} to {address}: Endpoint {far} sees source {source}")

    def expect_peer(self, reachable: bool, text: str) -> Told:
        """Waits until `/v1/peers` shows the peer so."""
        peer: dict[str, Any] | None = None

        def so() -> bool:
            nonlocal peer
            peer = self.daemon.peer(PEER)
            return peer is not None and peer["reachable"] is reachable

        word = "reachable" if reachable else "unreachable"
        try:
            wait_for(f"{PEER} is {word}", so, limit=10)
        except LabError as error:
            raise LabError(f"{error}\nlast answer of /v1/peers: {peer}") from None
        assert peer is not None
        rtt = peer["probe"]["rtt_ms"]
        measured = f", {rtt:.1f} ms" if reachable and rtt is not None else ""
        return Told(f"{text} is {word} ({peer['state']}{measured})")

    def cut(self) -> Told:
        self.example.cut_tunnel()
        return self.expect_peer(False, f"A's cable is pulled: {PEER}")

    def restore(self) -> Told:
        self.example.restore_tunnel()
        return self.expect_peer(True, f"A's cable is back: {PEER}")

    def stop(self) -> Told:
        code = self.daemon.stop()
        if code != 0:
            raise LabError(f"routerd ended with exit {code} after SIGTERM, 0 was expected")
        return Told("routerd stopped on SIGTERM, exit 0")

    def evidence(self) -> str:
        """The ends of the logs that exist, as text to append."""
        text = ""
        for log in sorted(self.lab.directory.glob("*.log")):
            lines = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith(_BANNER)][
                -_TAIL:
            ]
            if lines:
                text += "\n".join(["", "", f"the end of {log.name}:", *(f"    {line}" for line in lines)])
        return text


def _nothing_left(lab: Lab, root: Path) -> Told:
    left = leftovers(lab.id, root)
    if left:
        raise LabError(f"left behind: {', '.join(left)}")
    return Told("no namespace, process, socket or file is left")


def _failed(story: Story, text: str) -> int:
    story.say()
    story.say(f"Failed: {text}")
    return 1
