"""Leases on a disk that is full, broken or does not answer: known clients notice nothing, new ones are not lied to."""

import sys
from pathlib import Path

import pytest

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from routerd.dhcp.message import Message, decode_message
from tests.dhcp.scene import message
from tests.net.disks import Disk, disk
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

__all__ = ["disk"]

NEW, NEWER = bytes.fromhex("0200000000c1"), bytes.fromhex("0200000000c2")


_ASK = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
s.bind(("lan0", 0x0800))
asked = {}
for line in sys.argv[2:]:
    frame = bytes.fromhex(line)
    asked[frame[46:50]] = s.send(frame)
end = time.monotonic() + float(sys.argv[1])
while asked and (left := end - time.monotonic()) > 0:
    s.settimeout(left)
    try:
        got = s.recv(4096)
    except TimeoutError:
        break
    if got[23] == 17 and got[36:38] == b"\\0D" and got[42] == 2 and asked.pop(got[46:50], None):
        print(got[42:].hex())
"""
_UNANSWERED = 0.7


class Clients:
    """Clients of the LAN, by their hardware addresses."""

    def __init__(self, site: Site) -> None:
        self._machine = site.example.b

    def _ask(self, patience: float, *datas: bytes) -> dict[bytes, Message]:
        """The replies by hardware address."""
        frames = [_frame(data).hex() for data in datas]
        done = self._machine.run([sys.executable, "-Sc", _ASK, str(patience), *frames])
        return {reply.chaddr: reply for reply in map(decode_message, map(bytes.fromhex, done.stdout.split()))}

    def offered(self, *macs: bytes) -> dict[bytes, bytes]:
        """The addresses that clients are offered."""
        found = self._ask(5.0, *(message(1, mac=mac, xid=_xid(mac), flags=0x8000) for mac in macs))
        assert set(found) == set(macs)
        return {mac: reply.yiaddr.to_bytes(4, "big") for mac, reply in found.items()}

    def silent(self, mac: bytes) -> bool:
        """Does a client get no answer at all?"""
        return not self._ask(_UNANSWERED, message(1, mac=mac, xid=_xid(mac), flags=0x8000))

    def leased(self, asked: dict[bytes, bytes], *, refused: int = 0) -> set[bytes]:
        """Which clients that ask for an address, new or their own, get their ACK? So many are expected not to."""
        datas = [message(3, (50, at), mac=mac, xid=_xid(mac), flags=0x8000) for mac, at in asked.items()]
        found = self._ask(_UNANSWERED if refused else 5.0, *datas)
        assert {reply.options[53] for reply in found.values()} <= {b"\5"}
        return set(found)


def _xid(mac: bytes) -> int:
    return int.from_bytes(mac[-4:], "big")


def _frame(data: bytes) -> bytes:
    return udp_frame(
        data,
        source_mac=data[28:34],
        destination_mac=BROADCAST_MAC,
        source=0,
        destination=BROADCAST_ADDRESS,
        source_port=68,
        destination_port=67,
    )


def known(number: int) -> bytes:
    return bytes((2, 0, 0, 0, 0xB0, number))


class Scene:
    """routerd with its leases on the disk, and three clients that have one."""

    def __init__(self, site: Site, disk: Disk, text: str | None = None) -> None:
        self.site, self.disk = site, disk
        self.daemon = disk.start(text)
        self.clients = Clients(site)
        self.leases = self.clients.offered(*map(known, range(3)))
        assert self.clients.leased(self.leases) == set(self.leases)

    def problem(self) -> str | None:
        """The reason why leases cannot be stored, as it is shown."""
        rows = self.daemon.get("/v1/problems")[1]["problems"]
        text = next((row["text"] for row in rows if row["code"] == "lease-store"), None)
        return None if text is None else str(text).partition("cannot be written: ")[2]

    def ends(self) -> dict[bytes, str]:
        """When each lease ends, in a form that sorts."""
        rows = self.daemon.get("/v1/leases")[1]["leases"]
        return {bytes.fromhex(row["mac"].replace(":", "")): str(row["expires"]) for row in rows}

    def expect_trouble(self, *reasons: str) -> None:
        """Known clients are served, a new one is not, and the reason is shown."""
        new = self.clients.offered(NEW)
        assert not self.clients.leased(new, refused=1)
        soon("the problem is shown", lambda: self.problem())
        assert self.problem() in reasons
        assert self.daemon.get("/readyz")[0] == 503
        # The new one asks again, and is not answered although routerd knows it by now.
        assert self.clients.leased(self.leases | new, refused=1) == set(self.leases)
        self.leases |= new

    def expect_all_well(self) -> None:
        """Everything is stored, and everybody is served."""
        soon("the problem is gone", lambda: self.problem() is None)
        soon("all is written", lambda: self.daemon.get("/v1/status")[1]["services"]["dhcp"]["store"]["unwritten"] == 0)
        assert self.daemon.get("/readyz")[0] == 200
        assert self.clients.leased(self.leases) == set(self.leases)
        newer = self.clients.offered(NEWER)
        assert self.clients.leased(newer) == {NEWER}
        self.leases |= newer

    def restart(self, *, stop: bool, trouble: bool = False) -> None:
        """Kill or stop routerd and start it again; every lease is there."""
        if stop:
            assert self.daemon.stop() == 0
        else:
            self.daemon.process.kill()
            self.daemon.process.wait()
        self.daemon = self.disk.start(trouble=trouble)
        rows = self.daemon.get("/v1/leases")[1]["leases"]
        held = {bytes.fromhex(row["mac"].replace(":", "")): row["address"] for row in rows if row["state"] == "bound"}
        for mac, address in self.leases.items():
            assert held[mac] == ".".join(map(str, address))


def test_a_full_disk(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    disk.fill()
    scene.expect_trouble("database or disk is full")
    disk.make_room()
    scene.expect_all_well()
    scene.restart(stop=False)
    assert "Traceback" not in site.log()


@pytest.mark.long
def test_a_disk_that_is_full_at_the_start(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk, disk.config.replace("[leases]", '[leases]\nsync = "bindings"'))
    disk.fill()
    scene.restart(stop=True, trouble=True)
    scene.expect_trouble("database or disk is full")
    # Nor does a crash end what was promised meanwhile.
    del scene.leases[NEW]
    scene.restart(stop=False, trouble=True)
    scene.expect_trouble("database or disk is full")
    disk.make_room()
    scene.expect_all_well()


def test_a_disk_that_is_read_only_at_the_start(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    # The file was closed in order, but what is promised from here on is not in it.
    assert scene.daemon.stop() == 0
    scene.daemon = disk.start(read_only=True)
    assert (scene.problem() or "").startswith("its file system is read-only")
    assert scene.clients.leased(scene.leases) == set(scene.leases)
    promised = scene.ends()
    new = scene.clients.offered(NEW)
    assert not scene.clients.leased(new, refused=1)
    scene.restart(stop=False)
    ends = scene.ends()
    assert all(ends[mac] >= promised[mac] for mac in scene.leases)
    scene.expect_all_well()


def test_a_disk_that_can_be_written_again(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    scene.daemon.process.kill()
    scene.daemon.process.wait()
    scene.daemon = disk.start(read_only=True)
    assert scene.clients.leased(scene.leases) == set(scene.leases)
    disk.remount()
    scene.expect_all_well()
    scene.restart(stop=False)


def test_without_a_file_on_a_read_only_disk_everything_but_dhcp_runs(site: Site, disk: Disk) -> None:
    daemon = disk.start(read_only=True)
    clients = Clients(site)
    row = soon("the problem is shown", lambda: daemon.get("/v1/problems")[1]["problems"])[0]
    assert row["code"] == "lease-store-absent"
    assert "its file system is read-only" in row["text"]
    assert daemon.get("/v1/peers")[0] == 200
    assert daemon.get("/readyz")[0] == 503
    assert clients.silent(NEW)
    disk.remount()
    soon("DHCP is served", lambda: daemon.get("/readyz")[0] == 200)
    assert clients.leased(clients.offered(NEW)) == {NEW}
    assert daemon.get("/v1/problems")[1]["problems"] == []
    assert "Traceback" not in site.log()


def test_a_broken_file_system_and_another_place_for_the_leases(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    disk.break_down()
    # Newer kernels do not say that it is read-only, they only refuse.
    scene.expect_trouble("its file system is read-only", "disk I/O error")
    site.write()
    scene.daemon.process.send_signal(1)
    soon("leases are kept elsewhere", lambda: (site.lab.directory / "leases.db").exists() and scene.problem() is None)
    scene.expect_all_well()


def test_a_disk_that_does_not_answer(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    with disk.frozen():
        assert not scene.clients.leased(scene.clients.offered(NEW), refused=1)
        soon("routerd gives it up", lambda: scene.problem() is not None)
        scene.expect_trouble("its disk has not answered for 5 s")
    scene.expect_all_well()
    scene.restart(stop=False)


def test_a_torn_file_is_set_aside_at_the_start(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    assert scene.daemon.stop() == 0
    path = site.lab.directory / "leases.db"
    path.write_bytes(b"\xa5" * 5000)
    scene.daemon = site.start()
    (problem,) = scene.daemon.get("/v1/problems")[1]["problems"]
    assert problem["code"] == "lease-store-damaged"
    (aside,) = site.lab.directory.glob("leases.db.damaged-*")
    assert str(aside) in problem["text"]
    assert aside.read_bytes() == b"\xa5" * 5000
    assert f"{path}: is damaged or is no lease file" in site.log()
    assert "no leases: clients that renew keep their addresses" in problem["text"]
    # This server is authoritative: they are given their addresses again.
    scene.expect_all_well()
    aside.unlink()
    soon("the problem is gone", lambda: scene.daemon.get("/v1/problems")[1]["problems"] == [])
    assert not list(Path(path.parent).glob("*.damaged-*"))
