"""Reading the kernel's own WireGuard: what is read, and what must never come out of it."""

import asyncio
import errno
import logging
import os
import time
import traceback
from base64 import b64decode
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

import routerd
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from routerd.lab.waiting import wait_for
from routerd.model import WireGuardDevice, WireGuardPeer
from routerd.system.netlink import Netlink
from routerd.system.wireguard import WireGuardError, read_device
from routerd.system.wireguard_netlink import read_kernel_device
from tests.kernel.guest.device import Peer, configure, number_key, run, wireguard
from tests.kernel.guest.spying import spy

OWN = str(Path(routerd.__file__).parent)


def read(name: str = "wg0") -> WireGuardDevice:
    """The device, as routerd reads it."""
    return asyncio.run(read_device(name))


def test_a_device_as_wg_shows_it() -> None:
    peers = [
        Peer(number_key(1), ["10.0.0.1/32", "fd00::1/128", "192.168.7.0/24", "fd00:7::/64"], "192.0.2.1:51821", 25),
        Peer(number_key(2), ["0.0.0.0/0", "::/0"], "[2001:db8::2]:51822", preshared=run("wg", "genpsk")),
        Peer(number_key(3)),
    ]
    with wireguard(*peers, port=51899):
        assert asyncio.run(kind("wg0")) == "wireguard"
        device = read()
        assert (device.interface, device.listen_port) == ("wg0", 51899)
        assert device.public_key == run("wg", "show", "wg0", "public-key")
    assert [peer.public_key for peer in device.peers] == [peer.key for peer in peers]
    for found, made in zip(device.peers, peers, strict=True):
        assert set(found.allowed_ips) == {ip_network(text) for text in made.allowed_ips}
        assert (found.endpoint, found.keepalive) == (made.endpoint, made.keepalive or 0)
        assert (found.last_handshake, found.rx_bytes) == (0.0, 0)


async def kind(name: str) -> str | None:
    """The kind that routerd's own netlink socket tells."""
    netlink = Netlink()
    try:
        return await netlink.kind(name)
    finally:
        netlink.close()


def test_a_link_local_endpoint_has_its_scope() -> None:
    run("ip", "link", "add", "other0", "type", "dummy")
    try:
        index = Path("/sys/class/net/other0/ifindex").read_text().strip()
        with wireguard(Peer(number_key(1), endpoint="[fe80::7%other0]:51821")):
            assert read().peers[0].endpoint == f"[fe80::7%{index}]:51821"
    finally:
        run("ip", "link", "delete", "other0")


def test_changes_are_seen_at_the_next_read() -> None:
    with wireguard(Peer(number_key(1), ["10.0.0.1/32"]), Peer(number_key(2), ["10.0.0.2/32"])):
        run("wg", "set", "wg0", "peer", number_key(1), "remove")
        configure("wg0", Peer(number_key(3), ["10.0.0.2/32"]))  # takes it away from the second
        assert [(peer.public_key, peer.allowed_ips) for peer in read().peers] == [
            (number_key(2), ()),
            (number_key(3), (ip_network("10.0.0.2/32"),)),
        ]
        run("ip", "link", "set", "wg0", "down")
        assert len(read().peers) == 2


def test_handshake_and_counters(lab: Lab) -> None:
    far = lab.namespace("far")
    with wireguard(port=51820):
        run("ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", far.name)
        try:
            far.ip("link add wg1 type wireguard")
            secret = run("wg", "genkey")
            far.run(["wg", "set", "wg1", "listen-port", "51821", "private-key", "/dev/stdin"], input=secret)
            connect(far, run("wg", "pubkey", text=secret))
            begun = time.time()
            run("ping", "-c", "3", "-i", "0.2", "-W", "5", "10.0.0.1")
            (peer,) = wait_for("bytes both ways", lambda: moved(read()), limit=20)
            assert begun - 1 <= peer.last_handshake <= time.time()
            assert peer.endpoint == "[fd00:203::1]:51821"
            shown = run("wg", "show", "wg0", "transfer").split()
            again = read().peers[0]
            assert [peer.rx_bytes, peer.tx_bytes] <= [int(shown[1]), int(shown[2])] <= [again.rx_bytes, again.tx_bytes]
            assert int(peer.last_handshake) == int(run("wg", "show", "wg0", "latest-handshakes").split()[1])
        finally:
            run("ip", "link", "delete", "near0")


def connect(far: Namespace, key: str) -> None:
    """Joins the two ends: the far one has 10.0.0.1, the near one 10.0.0.2, and IPv6 between them."""
    far.ip("address add fd00:203::1/64 dev far0 nodad", "link set far0 up")
    far.ip("address add 10.0.0.1/24 dev wg1", "link set wg1 up")
    run("ip", "address", "add", "fd00:203::2/64", "dev", "near0", "nodad")
    run("ip", "link", "set", "near0", "up")
    run("ip", "address", "add", "10.0.0.2/24", "dev", "wg0")
    near = Peer(run("wg", "show", "wg0", "public-key"), ["10.0.0.2/32"])
    far.run(["wg", "addconf", "wg1", "/dev/stdin"], input=near.text())
    configure("wg0", Peer(key, ["10.0.0.1/32"], "[fd00:203::1]:51821"))


def moved(device: WireGuardDevice) -> tuple[WireGuardPeer, ...] | None:
    """Its peers, once bytes went both ways."""
    return device.peers if all(peer.rx_bytes and peer.tx_bytes for peer in device.peers) else None


def test_no_secret_key_comes_out(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    preshared, other = run("wg", "genpsk"), run("wg", "genpsk")
    peers = [Peer(number_key(1), ["10.0.0.1/32"], preshared=preshared), Peer(number_key(2), preshared=other)]
    caplog.set_level(logging.NOTSET)
    logging.getLogger("asyncio").setLevel(logging.NOTSET)
    with wireguard(*peers) as private:
        assert run("wg", "show", "wg0", "private-key") == private
        assert preshared in run("wg", "show", "wg0", "preshared-keys")
        dump = spy(monkeypatch)
        texts = asyncio.run(everything(), debug=True)
    forms = [form for key in (private, preshared, other) for form in shapes(b64decode(key), key)]
    for text in (*texts, caplog.text):
        assert not any(form in text for form in forms)
    for key in (private, preshared, other):
        assert any(b64decode(key) in message for message in dump.messages)


def shapes(key: bytes, text: str) -> list[str]:
    """The forms in which a key could be written."""
    return [text, key.hex(), key.hex(":"), repr(key)[2:-1], repr(bytearray(key))[12:-2], repr(list(key))[1:-1]]


async def everything() -> list[str]:
    """All that reading shows: values, and errors with their frames, as when time is up or the interface is gone."""
    texts = [repr(await read_device("wg0")), repr(await read_kernel_device("wg0"))]
    for timeout in (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02):
        try:
            texts.append(repr(await read_device("wg0", timeout=timeout)))
        except WireGuardError as error:
            texts += shown(error)
    return texts


def shown(error: BaseException) -> list[str]:
    """An error's text and, in routerd's own frames, every value."""
    assert error.__cause__ is None
    assert error.__context__ is None
    texts = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(OWN):
            texts.append(repr(frame.f_locals))
    return texts


def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(WireGuardError) as missing:
        read("wg7")
    assert missing.value.missing
    # It went after its kind was asked for, or it is of another kind.
    for name, code in (("wg7", errno.ENODEV), ("lo", errno.EOPNOTSUPP)):
        with pytest.raises(OSError, match=os.strerror(code)) as refused:
            asyncio.run(read_kernel_device(name))
        assert refused.value.errno == code


def test_a_user_without_rights_is_told_which_are_missing() -> None:
    with wireguard(Peer(number_key(1))):
        assert "CAP_NET_ADMIN" in as_nobody(hint)


def hint() -> str:
    """What the error says is to be done."""
    with pytest.raises(WireGuardError) as refused:
        read()
    return refused.value.hint


def as_nobody(function: Callable[[], str]) -> str:
    """What the function returns in a process without any rights."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(65534, 65534, 65534)
            os.write(writer, function().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said
