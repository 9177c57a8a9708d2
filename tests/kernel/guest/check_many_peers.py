"""An interface of 2,000 peers: a dump of many messages, read as a whole, also while things change under it."""

import asyncio
import os
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from routerd.lab.waiting import wait_for
from routerd.model import WireGuardDevice
from routerd.system.wireguard import WireGuardError, read_device
from tests.kernel.guest.conftest import Recorder
from tests.kernel.guest.device import NO_KEY, Peer, number_key, run, wireguard
from tests.kernel.guest.spying import spy

PEERS, LARGE, NETWORKS = 2000, 1000, 1200


def address(number: int) -> str:
    """The address of the peer with this number."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/32"


def networks(number: int) -> list[str]:
    """Its AllowedIPs: an address of either kind; the large one's are hundreds more."""
    more = [f"fd01:{at:x}::/64" for at in range(NETWORKS // 2)] + [
        f"172.{16 + at // 256}.{at % 256}.0/24" for at in range(NETWORKS // 2)
    ]
    return [address(number), f"fd00::{number:x}/128", *(more if number == LARGE else [])]


def peers() -> list[Peer]:
    """All peers, in order."""
    return [
        Peer(number_key(number), networks(number), "192.0.2.1:51821", 25 if number == LARGE else None)
        for number in range(1, PEERS + 1)
    ]


@pytest.fixture(scope="module")
def many() -> Iterator[list[Peer]]:
    """The interface with all peers, one for all tests here: what a test takes away it takes off the list as well."""
    made = peers()
    with wireguard(*made, private=NO_KEY):
        yield made


def holds(device: WireGuardDevice, made: list[Peer]) -> None:
    """The device has exactly these peers, each once, with all that was configured."""
    assert [peer.public_key for peer in device.peers] == [peer.key for peer in made]
    for found, peer in zip(device.peers, made, strict=True):
        assert len(found.allowed_ips) == len(peer.allowed_ips)
        assert set(found.allowed_ips) == {ip_network(text) for text in peer.allowed_ips}
        assert (found.endpoint, found.keepalive) == (peer.endpoint, peer.keepalive or 0)


def test_all_are_read_and_what_is_split_is_joined(
    many: list[Peer], monkeypatch: pytest.MonkeyPatch, record_property: Recorder
) -> None:
    dump = spy(monkeypatch)
    holds(asyncio.run(read_device("wg0", timeout=60)), many)
    parts = dump.parts(b64decode(number_key(LARGE)))
    assert len(dump.messages) > 10
    assert len(parts) > 1, "the large peer was not split"
    assert all(parts)
    record_property("messages of the dump", len(dump.messages))
    record_property(f"the peer of {NETWORKS + 2} networks came in parts of", parts)


def test_the_time_that_it_takes(many: list[Peer], record_property: Recorder) -> None:
    for title in ("for the first time", "once more"):
        begun, used = time.perf_counter(), time.process_time()
        device = asyncio.run(read_device("wg0", timeout=60))
        text = f"{time.perf_counter() - begun:.2f} s, {time.process_time() - used:.2f} s of it computing"
        record_property(f"{PEERS} peers read {title} in", text)
        assert len(device.peers) == PEERS
    begun = time.perf_counter()
    run("wg", "show", "wg0", "dump")
    record_property("wg itself", f"{time.perf_counter() - begun:.2f} s")


def test_a_peer_that_goes_in_mid_dump_hides_no_other(many: list[Peer], monkeypatch: pytest.MonkeyPatch) -> None:
    def remove(number: int) -> None:
        if number == 3:
            run("wg", "set", "wg0", "peer", many.pop().key, "remove")

    dump = spy(monkeypatch, remove)
    holds(asyncio.run(read_device("wg0", timeout=60)), many)
    assert dump.attempts == 2


def test_peers_that_never_hold_still_are_no_device(many: list[Peer], monkeypatch: pytest.MonkeyPatch) -> None:
    def remove(number: int) -> None:
        if number % 3 == 0:
            run("wg", "set", "wg0", "peer", many.pop().key, "remove")

    spy(monkeypatch, remove)
    with pytest.raises(WireGuardError, match="changed") as failed:
        asyncio.run(read_device("wg0", timeout=60))
    assert not failed.value.missing


def test_reading_that_is_given_up_leaves_nothing_open(many: list[Peer]) -> None:
    before = sockets()
    for timeout in (0.01, 0.05, 0.1):
        with pytest.raises(WireGuardError, match="no answer within"):
            asyncio.run(read_device("wg0", timeout=timeout))
    assert sockets() == before
    holds(asyncio.run(read_device("wg0", timeout=60)), many)


def sockets() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_an_interface_that_is_deleted_in_mid_dump_is_read_whole_or_not_at_all(
    many: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    deleting: list[subprocess.Popen[bytes]] = []

    def delete(number: int) -> None:
        if number == 3:
            # It returns only when nobody holds the interface, as this dump does; its name is gone before.
            deleting.append(subprocess.Popen(["ip", "link", "delete", "wg0"]))
            wait_for("wg0 is gone", lambda: "wg0" not in names(), limit=60)

    dump = spy(monkeypatch, delete)
    try:
        # While a dump holds it, this kernel leaves the interface its peers.
        holds(asyncio.run(read_device("wg0", timeout=60)), many)
        assert len(dump.messages) > 10
        with pytest.raises(WireGuardError) as failed:
            asyncio.run(read_device("wg0", timeout=60))
        assert failed.value.missing
    finally:
        assert [process.wait(60) for process in deleting] == [0]


def names() -> list[str]:
    """The interfaces of this namespace."""
    return [name for _, name in socket.if_nameindex()]
