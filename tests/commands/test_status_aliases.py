"""How `routerd status` shows alias addresses."""

from routerd.commands.status_view import alias_table
from routerd.commands.table import Paper


def row(number: int, state: str = "active", used_by: str | None = None) -> dict[str, object]:
    address, peer = f"192.168.200.{number}", f"p{number}"
    return {"address": address, "peer": peer, "state": state, "lan": "lan0", "used_by": used_by}


def test_each_alias_with_its_peer_and_who_has_it() -> None:
    lines = alias_table([row(201), row(202, "conflict", "02:00:00:00:00:99")], Paper())
    assert "\n".join(lines) == (
        """\
Alias addresses:
  ADDRESS          PEER  STATE     LAN   USED BY
  192.168.200.201  p201  active    lan0  -
  192.168.200.202  p202  conflict  lan0  02:00:00:00:00:99
"""
    )
    assert alias_table([], Paper()) == []


def test_of_many_those_that_do_not_work_come_first() -> None:
    lines = alias_table([*(row(number) for number in range(1, 30)), row(99, "asking")], Paper())
    assert "192.168.200.99" in lines[2]
    assert lines[-2:] == ["  … and 10 more (routerd status --json)", ""]
