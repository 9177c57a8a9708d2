"""POST /v1/leases/import and /v1/leases/save: who may, what is refused, what comes back."""

import asyncio
import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from routerd.lease_records import TAKEN, Import, Imported, LeaseRecord, Outcome, read_import, to_json
from tests.api.scene import ANY, Answer, Client, Daemon, serving

TOKEN = "a-token-of-enough-length"
RECORD = LeaseRecord(IPv4Address("192.168.200.50"), b"\x01\x02\0\0\0\0\1", b"\xff\1\2", "h", "bound", 2e9, 1.9e9, 7)


class Taker:
    """A daemon that takes leases over."""

    def __init__(self) -> None:
        self.asked: list[Import] = []
        self.stored = True

    async def take_over(self, asked: Import) -> Imported:
        self.asked.append(asked)
        return Imported(
            tuple(Outcome(one.address, TAKEN, one.state, "", one.line) for one in asked.records), self.stored
        )

    async def saved(self) -> bytes | None:
        return b"SQLite format 3\0\xff" * 30_000 if self.stored else None

    def daemon(self) -> Daemon:
        return Daemon(take_over=self.take_over, saved=self.saved)


def ask(
    tmp_path: Path,
    taker: Taker,
    path: str,
    body: bytes | None = None,
    *,
    tcp: bool = False,
    token: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    listen = ANY if tcp else f"unix:{tmp_path}/routerd.sock"
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)

    async def main() -> Answer:
        async with serving(taker.daemon(), listen, token_file=str(file) if token else None) as service:
            return await Client(service, listen).ask(path, "POST", headers, body)

    return asyncio.run(main())


def body_of(*records: LeaseRecord, **more: object) -> bytes:
    return json.dumps({"leases": [to_json(each) for each in records], **more}).encode()


def test_records_go_over_http_unchanged(tmp_path: Path) -> None:
    plain = RECORD._replace(client=RECORD.hardware, hostname=None, expires=None, starts=None)
    declined = LeaseRecord(IPv4Address("192.168.200.51"), b"", b"", None, "declined", 2e9)
    taker = Taker()
    answer = ask(tmp_path, taker, "/v1/leases/import", body_of(RECORD, plain, declined, lan="eth0", dry_run=True))
    assert taker.asked == [Import((RECORD, plain, declined), "eth0", True)]
    assert answer.status == 200
    first = {"address": "192.168.200.50", "outcome": "taken", "state": "bound", "reason": None, "line": 7}
    rows = answer.json["leases"]
    assert isinstance(rows, list)
    assert (rows[0], len(rows)) == (first, 3)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "192.168.200"}, "leases[0].address"),
        ({"address": 5}, "leases[0].address"),
        ({"hardware": ""}, "leases[0].hardware"),
        ({"hardware": "02:0"}, "leases[0].hardware"),
        ({"hardware": "02:" * 17 + "01"}, "leases[0].hardware"),
        ({"client_id": "zz"}, "leases[0].client_id"),
        ({"hostname": "h" * 256}, "leases[0].hostname"),
        ({"hostname": 5}, "leases[0].hostname"),
        ({"state": "lost"}, "leases[0].state"),
        ({"expires": -1}, "leases[0].expires"),
        ({"expires": 1e300}, "leases[0].expires"),
        ({"expires": True}, "leases[0].expires"),
        ({"starts": "now"}, "leases[0].starts"),
        ({"line": -1}, "leases[0].line"),
    ],
)
def test_a_record_that_breaks_a_rule_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        read_import({"leases": [to_json(RECORD) | changes]})
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"leases": 5}',
        b'{"leases": [5]}',
        b'{"leases": [], "lan": 5}',
        b'{"leases": [], "dry_run": 1}',
        b'{"leases": [], "x": 1}',
        b"[" * 30_000,
        b'{"leases": [' + b"{}," * 1000 + b"{}]}",
        b"\xff",
    ],
)
def test_what_is_no_import_is_refused(tmp_path: Path, body: bytes) -> None:
    taker = Taker()
    answer = ask(tmp_path, taker, "/v1/leases/import", body)
    assert (answer.status, taker.asked) == (400, [])
    assert list(answer.json) == ["error"]


def test_a_body_is_bounded(tmp_path: Path) -> None:
    assert ask(tmp_path, Taker(), "/v1/leases/import", b" " * 70_000).status == 413


@pytest.mark.parametrize("path", ["/v1/leases/import", "/v1/leases/save"])
def test_only_who_may(tmp_path: Path, path: str) -> None:
    taker, body = Taker(), body_of(RECORD)
    assert ask(tmp_path, taker, path, body, tcp=True).status == 403
    assert ask(tmp_path, taker, path, body, tcp=True, token=True).status == 401
    wrong = {"Authorization": "Bearer another-token-than-that"}
    assert ask(tmp_path, taker, path, body, tcp=True, token=True, headers=wrong).status == 401
    assert taker.asked == []
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert ask(tmp_path, taker, path, body, tcp=True, token=True, headers=right).status == 200


def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    taker = Taker()
    taker.stored = False
    for path in ("/v1/leases/import", "/v1/leases/save"):
        answer = ask(tmp_path, taker, path, body_of(RECORD))
        assert (answer.status, "/v1/problems" in str(answer.json["error"])) == (503, True)


def test_the_lease_file_comes_as_it_is(tmp_path: Path) -> None:
    answer = ask(tmp_path, Taker(), "/v1/leases/save")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/vnd.sqlite3")
    assert answer.body == b"SQLite format 3\0\xff" * 30_000
