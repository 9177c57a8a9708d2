"""Every counter is declared, shown from the start, and counts what it says."""

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import routerd.dhcp
from routerd.dhcp.counters import COUNTERS, zeros
from routerd.dhcp.leases import BOUND, DECLINED, Row
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore
from tests.dhcp.scene import Scene, message, part, settings

_FILES = sorted(Path(routerd.dhcp.__file__).parent.glob("*.py"))
_DROPS = ("_drop",)


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def _counted(path: Path) -> Iterator[str]:
    """The names that a file counts by: what stands in the brackets of counters, and what is handed to `_drop`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and "counters" in ast.unparse(node.value).lower():
            yield from _texts(node.slice)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _DROPS:
            yield from _texts(node)


def _named(path: Path) -> Iterator[str]:
    """Every text that looks like the name of a counter."""
    if path.name != "counters.py":
        tree = ast.parse(path.read_text())
        yield from (text for text in _texts(tree) if text.startswith(("pkt4-", "v4-")) and " " not in text)


def test_every_counter_is_declared() -> None:
    used = {name for path in _FILES for name in (*_counted(path), *_named(path))}
    assert used - COUNTERS.keys() == set()


def test_every_declared_counter_is_counted_somewhere() -> None:
    used = {text for path in _FILES if path.name != "counters.py" for text in _texts(ast.parse(path.read_text()))}
    assert COUNTERS.keys() - used == set()


def test_all_are_there_from_the_start() -> None:
    assert dict(zeros()) == dict.fromkeys(COUNTERS, 0)


def test_what_ends_by_itself_is_counted(tmp_path: Path) -> None:
    async def main() -> None:
        service = DhcpService(LeaseStore(str(tmp_path / "leases.db")))
        await service.open()
        assert dict(service.counters) == dict(zeros())
        client = b"\1\2\0\0\0\0\3"
        ended = [Row(50 + n, client + bytes((n,)), client, None, BOUND, 0.0, 1.0) for n in range(3)]
        service._table("lan0").load([*ended, Row(60, client, client, None, DECLINED, 0.0, 1.0)])
        service._tick()
        assert (service.counters["reclaimed-leases"], service.counters["reclaimed-declined-addresses"]) == (3, 1)
        service._tick()
        assert (service.counters["reclaimed-leases"], service.counters["reclaimed-declined-addresses"]) == (3, 1)
        await service.abandon()

    asyncio.run(main())


def test_a_renewal_is_no_new_assignment() -> None:
    scene = Scene()
    scene.counters.update(zeros())
    address = scene.lease()
    scene.ask(message(3, ciaddr=address), unicast=True)
    assert scene.counters["cumulative-assigned-addresses"] == 1
    assert scene.counters["pkt4-ack-sent"] == 2
    scene.send(message(7, ciaddr=address), unicast=True)
    scene.lease()
    assert scene.counters["cumulative-assigned-addresses"] == 2


def test_a_client_without_an_address_is_counted() -> None:
    scene = Scene(part(settings("192.168.200.50-192.168.200.50")))
    scene.lease(b"\2\0\0\0\0\1")
    assert scene.send(message(1, mac=b"\2\0\0\0\0\2")) is None
    assert scene.counters["v4-allocation-fail"] == 1
