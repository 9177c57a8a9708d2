"""Leases on a disk that is full, broken or does not answer: known clients notice nothing, new ones are not lied to."""

from pathlib import Path

import pytest

from routerd.dhcp.message import Message
from tests.dhcp.scene import message
from tests.net.asker import ask
from tests.net.disks import Disk, disk
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

__all__ = ["disk"]

NEW, NEWER = bytes.fromhex("0200000000c1"), bytes.fromhex("0200000000c2")


class Clients:
    """Clients of the LAN, by their hardware addresses."""

    def __init__(self, site: Site) -> None:
        self._machine = site.example.b

    def _ask(self, data: bytes) -> Message | None:
        return ask(self._machine, data, tries=1)

    def offered(self, mac: bytes) -> bytes:
        """The address that a client is offered."""
        made = self._ask(message(1, mac=mac, flags=0x8000))
        assert made is not None
        return made.yiaddr.to_bytes(4, "big")

    def leased(self, mac: bytes, address: bytes) -> bool:
        """Does a client that asks for an address, new or its own, get its ACK?"""
        made = self._ask(message(3, (50, address), mac=mac, flags=0x8000))
        assert made is None or made.options[53] == b"\5"
        return made is not None


def known(number: int) -> bytes:
    return bytes((2, 0, 0, 0, 0xB0, number))


class Scene:
    """routerd with its leases on the disk, and three clients that have one."""

    def __init__(self, site: Site, disk: Disk, text: str | None = None) -> None:
        self.site, self.disk = site, disk
        self.daemon = disk.start(text)
        self.clients = Clients(site)
        self.leases = {}
        for mac in map(known, range(3)):
            self.leases[mac] = self.clients.offered(mac)
            assert self.clients.leased(mac, self.leases[mac])

    def problem(self) -> str | None:
        """The reason why leases cannot be stored, as it is shown."""
        rows = self.daemon.get("/v1/problems")[1]["problems"]
        text = next((row["text"] for row in rows if row["code"] == "lease-store"), None)
        return None if text is None else str(text).partition("cannot be written: ")[2]

    def expect_trouble(self, reason: str) -> None:
        """Known clients are served, a new one is not, and the reason is shown."""
        new = self.clients.offered(NEW)
        assert not self.clients.leased(NEW, new)
        soon("the problem is shown", lambda: self.problem() == reason)
        assert self.daemon.get("/readyz")[0] == 503
        for mac, address in self.leases.items():
            assert self.clients.leased(mac, address)
        # It asks again, and is not answered although routerd knows it by now.
        assert not self.clients.leased(NEW, new)
        self.leases[NEW] = new

    def expect_all_well(self) -> None:
        """Everything is stored, and everybody is served."""
        soon("the problem is gone", lambda: self.problem() is None)
        print(self.daemon.get("/v1/status")[1]["services"]["dhcp"]["store"], self.site.log())
        soon("all is written", lambda: self.daemon.get("/v1/status")[1]["services"]["dhcp"]["store"]["unwritten"] == 0)
        assert self.daemon.get("/readyz")[0] == 200
        for mac, address in self.leases.items():
            assert self.clients.leased(mac, address)
        self.leases[NEWER] = self.clients.offered(NEWER)
        assert self.clients.leased(NEWER, self.leases[NEWER])

    def restart(self, *, stop: bool) -> None:
        """Kill or stop routerd and start it again; every lease is there."""
        if stop:
            assert self.daemon.stop() == 0
        else:
            self.daemon.process.kill()
            self.daemon.process.wait()
        self.daemon = self.disk.start()
        rows = self.daemon.get("/v1/leases")[1]["leases"]
        held = {bytes.fromhex(row["mac"].replace(":", "")): row["address"] for row in rows if row["state"] == "bound"}
        for mac, address in self.leases.items():
            assert held[mac] == ".".join(map(str, address))


@pytest.mark.parametrize("sync", ["always", "bindings"])
def test_a_full_disk(site: Site, disk: Disk, sync: str) -> None:
    scene = Scene(site, disk, disk.config.replace("[leases]", f'[leases]\nsync = "{sync}"'))
    disk.fill()
    scene.expect_trouble("database or disk is full")
    disk.make_room()
    scene.expect_all_well()
    scene.restart(stop=False)
    assert "Traceback" not in site.log()


def test_a_disk_that_is_full_at_the_start(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    disk.fill()
    scene.restart(stop=True)
    scene.expect_trouble("database or disk is full")
    # Nor does a crash end what was promised meanwhile.
    del scene.leases[NEW]
    scene.restart(stop=False)
    scene.expect_trouble("database or disk is full")
    disk.make_room()
    scene.expect_all_well()


def test_a_broken_file_system_and_another_place_for_the_leases(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    disk.break_down()
    scene.expect_trouble("attempt to write a readonly database")
    site.write()
    scene.daemon.process.send_signal(1)
    soon("leases are kept elsewhere", lambda: (site.lab.directory / "leases.db").exists() and scene.problem() is None)
    scene.expect_all_well()


def test_a_disk_that_does_not_answer(site: Site, disk: Disk) -> None:
    scene = Scene(site, disk)
    with disk.frozen():
        assert not scene.clients.leased(NEW, scene.clients.offered(NEW))
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
