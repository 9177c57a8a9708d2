"""The service against the real kernel: what others do to the table, crashes, hosts, flows, and the end."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from routerd.nat.flow_service import FlowKeeper
from routerd.nat.listing import Listing, parse
from routerd.nat.service import NatService
from routerd.nat_part import HostChange, NatPart, Strategy
from routerd.system.conntrack import Conntrack
from routerd.system.nft import Nft, NftError
from tests.nat.parts import ALIAS, HOST, LAN, PEER, PLAIN, VPN, forward
from tests.net.helpers_system import space

pytestmark = pytest.mark.net

PART = replace(PLAIN, forwards=(forward(8080, 80), forward(9000, 9000, last=9010)), aliases=(ALIAS,))
ROUTED = HostChange("lan0", HOST, Strategy.SITE_GATEWAY, 90.0)
HIDDEN = HostChange("lan0", HOST, Strategy.MASQUERADE, 0.0)
STATELESS = "nft -s list table inet routerd || true"
SITE = """
ip link add lan0 type veth peer far
ip link add wg0 type veth peer tunnel
ip address add 192.168.200.2/24 dev lan0
ip address add 10.0.0.2/24 dev wg0
for name in lan0 far wg0 tunnel; do ip link set $name up; done
"""


async def sh(command: str) -> str:
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == 0, command
    return said.decode()


async def table() -> Listing | None:
    text = await Nft().list_table()
    return None if text is None else parse(text)


async def proven() -> set[str]:
    found = await table()
    return {str(address) for _, address in found.hosts} if found is not None else set()


async def soon(holds: Callable[[], Awaitable[bool]], limit: float = 10.0) -> float:
    """How long it took until it held."""
    begun = time.monotonic()
    while not await holds():
        assert time.monotonic() - begun < limit, "not so in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def same(text: str) -> bool:
    """Is the table as it was listed before, but for the order of hashes and what counts or runs down?"""
    now = await sh(STATELESS)
    one, other = (sorted(re.sub(r",|timeout \d\S+", " ", listed).split()) for listed in (now, text))
    return one == other


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def puts_back_what_others_take() -> None:
    service = NatService()
    task = asyncio.create_task(service.run())
    await service.apply(PART)
    service.update([ROUTED])
    await service.flush()
    await sh("nft add table ip other")
    right = await table()
    assert right is not None
    took = []
    for command in (
        "nft flush ruleset",
        "nft delete table inet routerd",
        "nft flush table inet routerd",
        "nft flush chain inet routerd to_vpn",
        "nft 'flush set inet routerd proven4'",
        "nft 'delete element inet routerd aliases4 { 192.168.200.201 }'",
        "nft 'add table inet routerd { flags dormant; }'",
        "nft 'add rule inet routerd leave masquerade'",
    ):
        await sh(command)

        async def again() -> bool:
            now = await table()
            return now is not None and (now.digest, now.sealed, set(now.hosts)) == (
                *(right.digest, right.sealed),
                {("lan0", HOST)},
            )

        took.append(await soon(again))
    assert sorted(took)[len(took) // 2] < 1.0
    # The same again and again is somebody who does not know better.
    assert [problem.code for problem in service.problems()] == ["nat-contested"]
    assert dict(service.problems()[0].values)["who"].startswith("nft (process ")
    assert all(check.ok for check in service.checks())
    await end(task)
    assert await table() is None


async def moves_hosts_as_one_apply_would() -> None:
    service = NatService()
    task = asyncio.create_task(service.run())
    await service.apply(PART)
    before = await table()
    assert before is not None
    others = [ROUTED._replace(address=ip_address(f"192.168.200.{n}")) for n in range(30, 130)]
    service.update([ROUTED, *others])
    service.update([ROUTED._replace(lan="gone0")])

    async def all_there() -> bool:
        return len(await proven()) == 101

    await soon(all_there)
    service.update([HIDDEN, *(change._replace(strategy=Strategy.MASQUERADE) for change in others[:99])])
    await service.flush()
    assert await proven() == {"192.168.200.129"}
    # Renewed: its time begins anew, which only deleting it first does on older kernels.
    service.update([others[99]._replace(seconds=30.0)])
    await service.flush()
    service.update([others[99]])
    await service.flush()
    found = await table()
    assert found is not None
    ((_, left),) = found.hosts.values()
    assert 60 < left <= 90
    # All these moves have made what one apply makes from nothing.
    text = await sh(STATELESS)
    assert found.digest == before.digest
    await sh("nft delete table inet routerd")
    await soon(all_again := lambda: same(text))
    fresh = NatService()
    fresh.update([others[99]])
    await fresh.apply(PART)
    assert await all_again()
    # A proof ends by itself when nobody renews it.
    service.update([others[99]._replace(seconds=0.3)])
    await service.flush()

    async def none() -> bool:
        return await proven() == set()

    await soon(none, 3.0)
    await end(task)


async def adopts_and_keeps() -> None:
    """A table that is right is not touched by the next start; what is wrong in it is."""
    first = NatService()
    await first.apply(replace(PART, keep=True))
    first.update([ROUTED])
    await first.flush()
    handle = "nft -a list table inet routerd | head -1"
    before = await sh(handle)
    task = asyncio.create_task(first.run())
    await asyncio.sleep(0)
    await end(task)
    second = NatService()
    await second.apply(PART)
    assert await sh(handle) == before
    assert await proven() == {str(HOST)}
    assert second.report().hosts == 1
    await sh("nft flush chain inet routerd leave")
    third = NatService()
    await third.apply(PART)
    assert await sh(handle) != before
    assert await proven() == {str(HOST)}
    assert "jump turned" in await sh("nft list chain inet routerd leave")
    await third.apply(NatPart(keep=True))
    assert await table() is None
    assert third.checks()[0].ok


async def sees_others_rules_soon() -> None:
    service = NatService()
    task = asyncio.create_task(service.run())
    await service.apply(PART)

    async def is_told(*codes: str) -> bool:
        return {problem.code for problem in service.problems()} == set(codes)

    async def load(*rules: str) -> None:
        body = "".join(f"add rule ip fire f {rule}\n" for rule in rules)
        table = "add table ip fire\nadd chain ip fire f { type filter hook forward priority 0; policy drop; }\n"
        await sh(f"nft -f - <<'EOF'\nadd table ip fire\ndelete table ip fire\n{table}{body}EOF")

    await soon(lambda: is_told(), 5.0)
    known = "ct state established,related accept"
    await load(known)
    await soon(lambda: is_told("foreign-drop"), 6.0)
    # What is mended is over as soon; between two looks lie two seconds.
    await load(known, "tcp dport 80 accept")
    await soon(lambda: is_told("foreign-partly"), 6.0)
    await end(task)


async def counters_survive() -> None:
    service = NatService()
    await service.apply(PART)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.bind(("192.168.200.2", 0))
        sender.sendto(b"x", (str(ALIAS.address), 9))
    await service.apply(PLAIN)
    await sh("nft flush ruleset")
    await service.apply(PART)
    assert service.report().flows["alias"] == 1
    assert service.status()["flows"] == {"masquerade": 0, "site-gateway": 0, "forward": 0, "alias": 1, "map": 0}
    await service.apply(NatPart())


async def ends_flows_whose_translation_went() -> None:
    service = NatService()
    task = asyncio.create_task(service.run())
    await service.apply(PART)
    kernel, networks = Conntrack(), [ip_network("192.168.200.0/24"), ip_network("10.0.0.0/24")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("192.168.200.2", 0))
        sender.sendto(b"x", (str(ALIAS.address), 9))
        sender.sendto(b"x", ("10.0.0.1", 9))
    assert {str(flow.reply_source) for flow in await kernel.flows(networks)} == {"10.0.0.1"}

    async def ended() -> bool:
        return [str(flow.destination) for flow in await kernel.flows(networks)] == ["10.0.0.1"]

    async def swept() -> bool:
        return service._swept is PART

    await soon(swept)
    assert not await ended()
    await service.apply(PLAIN)
    await soon(ended)
    await end(task)


async def says_what_is_wrong() -> None:
    """No program, a text that is refused: the old table stays, the problem says why, and it ends by itself."""
    missing = NatService(nft=Nft("no-such-nft"))
    await missing.apply(PART)
    (problem,) = missing.problems()
    assert problem.code == "nat-rules"
    assert "not installed" in dict(problem.values)["reason"]
    assert [check.ok for check in missing.checks()] == [False]
    service = NatService()
    await service.apply(PART)
    right = await table()
    await service.apply(replace(PART, lans=(replace(LAN, interface='x"; }'),)))
    assert "cannot be written" in dict(service.problems()[0].values)["reason"]
    overlapping = (forward(9000, 9000, last=9010), forward(9005, 9005, last=9020))
    await service.apply(replace(PART, forwards=overlapping))
    assert [problem.code for problem in service.problems()] == ["nat-rules"]
    assert await table() == right
    await service.apply(PART)
    assert service.problems() == ()
    with pytest.raises(NftError, match="syntax error"):
        await Nft().load("nonsense")
    await service.apply(NatPart())


async def tells_masqueraded_flows(log: str) -> None:
    import logging

    logging.basicConfig(filename=log, level=logging.INFO, format="%(message)s")
    keeper = FlowKeeper()
    keeper.watch(replace(PART, log_flows=True))
    await sh(
        "echo 1 > /proc/sys/net/ipv4/ip_forward; ip netns exec $(ip netns identify) true; "
        "nft 'table inet hide { chain c { type nat hook postrouting priority 0; ip saddr 10.0.0.2 masquerade; }; }'"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("10.0.0.2", 4000))
        sender.sendto(b"x", ("192.168.200.22", 80))
        sender.sendto(b"x", ("10.0.0.1", 80))

    async def told() -> bool:
        return "flow udp 10.0.0.2:4000 to 192.168.200.22:80, as 192.168.200.2:4000" in await sh(f"cat {log}")

    await soon(told)
    keeper.watch(PART)
    assert keeper.problems() == ()
    assert PEER in VPN.prefixes[0]
    keeper.close()


@pytest.mark.parametrize(
    "function",
    [
        puts_back_what_others_take,
        moves_hosts_as_one_apply_would,
        adopts_and_keeps,
        sees_others_rules_soon,
        counters_survive,
        ends_flows_whose_translation_went,
        says_what_is_wrong,
    ],
)
def test_service(function) -> None:
    with space(SITE) as here:
        here.call(function)


def test_masqueraded_flows_are_told_with_the_real_peer(tmp_path: Path) -> None:
    with space(SITE) as here:
        here.call(tells_masqueraded_flows, str(tmp_path / "log"))


def test_without_rights_it_says_which() -> None:
    with space(SITE) as here:
        here.call(says_which_right, user="setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all")


async def says_which_right() -> None:
    service = NatService()
    await service.apply(PART)
    (problem,) = service.problems()
    assert "CAP_NET_ADMIN" in dict(problem.values)["hint"], problem
    assert (os.geteuid(), signal.SIGTERM, bool(sys.argv)) == (65534, 15, True)
