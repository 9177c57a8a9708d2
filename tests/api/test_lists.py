"""Lists over HTTP: their parts and the way from one to the next, tags and 304, and what is refused."""

import asyncio
import re
import socket
from ipaddress import IPv4Network
from urllib.parse import unquote

import pytest

from routerd.api.lists import MOST_HELD
from routerd.api.pages import MOST_TAGGED_ROWS
from routerd.model import Route, RouteState
from routerd.reports import PeerState, ProblemReport
from tests.api.scene import AT, KEY, Client, Daemon, peer, until, with_client

LINK = re.compile(r'<(/v1/[^>]+)>; rel="next"')


def _daemon() -> Daemon:
    problems = [
        ProblemReport(code, subject, severity, "text", "mend", AT + since, cause)
        for code, subject, severity, since, cause in (
            ("dhcp-socket", "lan eth0", "error", 3, None),
            ("peer-down", "peer a, b", "warning", 0.125, None),
            ("peer-down", "peer é\t/", "warning", 0.125, None),
            ("peer-down", "peer c", "warning", 1, "interface-down (vpn wg0)"),
        )
    ]
    networks = ("10.0.0.0/24", "10.0.0.0/8", "192.168.1.0/24")
    routes = [
        Route(IPv4Network(network), None, lan, (), RouteState.OFFERED, "") for network in networks for lan in "ab"
    ]
    names = ("b", "a b", "c&d=e", "é", KEY)
    peers = [peer(name, PeerState.UP)._replace(vpn=vpn) for name in names for vpn in ("vpn", "vpn2")]
    return Daemon(peers=tuple(peers), leases=7, problems=tuple(problems), routes=tuple(routes))


@pytest.mark.parametrize("key", ["peers", "routes", "leases", "hosts", "problems"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_parts_make_the_whole(key: str, limit: int) -> None:
    async def test(client: Client) -> None:
        whole = (await client.ask(f"/v1/{key}")).json[key]
        assert isinstance(whole, list)
        found: list[object] = []
        path: str | None = f"/v1/{key}?limit={limit}"
        while path is not None:
            answer = await client.ask(path)
            rows = answer.json[key]
            assert isinstance(rows, list)
            assert 0 < len(rows) <= limit
            found += rows
            match = LINK.fullmatch(answer.headers.get("Link", ""))
            path = match[1] if match else None
            assert ("Link" in answer.headers) == (len(found) < len(whole))
        assert sorted(map(str, found)) == sorted(map(str, whole))
        if key == "problems":
            assert found == whole

    with_client(test, _daemon())


def test_a_part_goes_on_where_its_last_row_is_gone() -> None:
    daemon = _daemon()

    async def test(client: Client) -> None:
        first = await client.ask("/v1/problems?limit=2")
        daemon.problems = daemon.problems[2:]
        match = LINK.fullmatch(first.headers["Link"])
        assert match
        assert "peer-down" in unquote(match[1])
        rest = (await client.ask(match[1])).json["problems"]
        assert isinstance(rest, list)
        assert [row["subject"] for row in rest] == ["peer é\t/", "peer c"]

    with_client(test, daemon)


@pytest.mark.parametrize(
    "query",
    [
        "peers?limit=0",
        "peers?limit=1&limit=2",
        "peers?after=a&after=b",
        "routes?after=nonsense",
        "routes?after=10.0.0.1/24",
        "problems?after=1",
        "problems?after=a%09b%09c%09d%09e",
        "leases?after=%00",
        "hosts?after=nonsense",
        "leases?limit=%31%00",
        "peers?limit=1e1",
        "peers?limit=" + "9" * 5000,
        "events?kind=nonsense",
    ],
)
def test_bad_values_are_400(query: str) -> None:
    async def test(client: Client) -> None:
        answer = await client.ask(f"/v1/{query}")
        assert answer.status == (404 if query.startswith("events") else 400)
        assert list(answer.json) == ["error"]

    with_client(test, _daemon())


@pytest.mark.parametrize(
    "path", ["/v1/peers", "/v1/peers?limit=2", "/v1/routes", "/v1/leases", "/v1/hosts", "/v1/problems", "/v1/peers/b"]
)
def test_what_is_known_is_304(path: str) -> None:
    daemon = _daemon()

    async def test(client: Client) -> None:
        first = await client.ask(path)
        tag = first.headers["ETag"]
        assert tag.startswith('W/"')
        for known in (tag, tag.removeprefix("W/"), "*", f'"other", {tag}'):
            for method in ("GET", "HEAD"):
                again = await client.ask(path, method, headers={"If-None-Match": known})
                assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
                assert again.headers.get("Link") == first.headers.get("Link")
                assert "Content-Type" not in again.headers
        assert (await client.ask(path, headers={"If-None-Match": '"other"'})).body == first.body
        daemon.peers, daemon.routes, daemon.problems = (peer("b", PeerState.DOWN),), (), ()
        daemon.leases = 2
        changed = await client.ask(path, headers={"If-None-Match": tag})
        assert changed.status == 200
        assert changed.headers["ETag"] != tag

    with_client(test, daemon)


@pytest.mark.parametrize("rows", [1001, 1201, MOST_TAGGED_ROWS])
def test_what_is_known_of_a_long_list_is_304(rows: int) -> None:
    daemon = Daemon(leases=rows)

    async def test(client: Client) -> None:
        first = await client.ask("/v1/leases")
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "no-cache"
        assert len(first.json["leases"]) == rows  # type: ignore[arg-type]
        for method in ("GET", "HEAD"):
            again = await client.ask("/v1/leases", method, headers={"If-None-Match": tag})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
            assert "Content-Type" not in again.headers
        head = await client.ask("/v1/leases", "HEAD")
        assert (head.status, head.body, head.headers["ETag"]) == (200, b"", tag)
        daemon.leases -= 1
        changed = await client.ask("/v1/leases", headers={"If-None-Match": tag})
        assert (changed.status, len(changed.json["leases"])) == (200, rows - 1)  # type: ignore[arg-type]
        assert changed.headers["ETag"] != tag

    with_client(test, daemon)


def test_a_very_long_list_has_no_tag_and_its_part_has() -> None:
    rows = MOST_TAGGED_ROWS + 1

    async def test(client: Client) -> None:
        for method in ("GET", "HEAD"):
            answer = await client.ask("/v1/leases", method, headers={"If-None-Match": "*"})
            assert (answer.status, "ETag" in answer.headers) == (200, False)
        assert len((await client.ask("/v1/leases")).json["leases"]) == rows  # type: ignore[arg-type]
        assert "ETag" in (await client.ask("/v1/leases?limit=1000")).headers

    with_client(test, Daemon(leases=rows))


def test_lists_that_are_asked_for_at_once_are_not_all_kept_in_memory() -> None:
    async def test(client: Client) -> None:
        assert isinstance(client.address, tuple)
        # Who asks and does not read keeps its list; every further one is sent while it is made.
        deaf = [await asyncio.to_thread(_never_reading, client.address[:2]) for _ in range(MOST_HELD)]
        await until(lambda: client.service.status()["counters"] == {"requests": MOST_HELD})
        answer = await client.ask("/v1/leases")
        assert (answer.status, "ETag" in answer.headers) == (200, False)
        assert len(answer.json["leases"]) == MOST_TAGGED_ROWS  # type: ignore[arg-type]
        for sock in deaf:
            sock.close()
        await until(lambda: client.service.status()["connections"] == 0)
        assert "ETag" in (await client.ask("/v1/leases")).headers

    with_client(test, Daemon(leases=MOST_TAGGED_ROWS))


def _never_reading(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(address)
    sock.sendall(b"GET /v1/leases HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("leases?after=nope", "after is an IPv4 address, for example 192.168.200.50, or comes from the Link header"),
        ("hosts?after=10.0.0", "after is an IPv4 address, for example 192.168.200.50, or comes from the Link header"),
        ("routes?after=nope", "after is a prefix without host bits, for example 10.0.0.0/24, or comes from the Link"),
        ("problems?after=x", "after of problems comes from the Link header of the part before"),
        *(
            (f"problems?after={'%09'.join(parts)}", "after of problems comes from the Link header of the part before")
            for parts in (
                ("x", "1", "1.5", "peer-down", "peer"),
                ("0", "1_0", "1.5", "peer-down", "peer"),
                ("0", "1", "nan", "peer-down", "peer"),
                ("0", "1", "inf", "peer-down", "peer"),
                ("0", "1", "1_0", "peer-down", "peer"),
                ("0", "%2B1", "1", "peer-down", "peer"),
                ("0", "%D9%A1", "1", "peer-down", "peer"),
            )
        ),
    ],
)
def test_bad_places_are_refused_in_plain_words(query: str, text: str) -> None:
    async def test(client: Client) -> None:
        answer = await client.ask(f"/v1/{query}")
        assert answer.status == 400
        assert str(answer.json["error"]).startswith(text)

    with_client(test, _daemon())


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/v1/peers", "application/json", 200),
        ("/v1/peers", "text/html", 406),
        ("/v1/peers/b/health", "text/html, application/json;q=0", 406),
        ("/livez", "application/json", 406),
        ("/livez", "text/*", 200),
        ("/metrics", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", 200),
        ("/openapi.json", "text/plain", 406),
        ("/nothing", "text/html", 404),
    ],
)
def test_accept(path: str, accept: str, status: int) -> None:
    async def test(client: Client) -> None:
        answer = await client.ask(path, headers={"Accept": accept})
        assert answer.status == status
        if status >= 400:
            assert answer.headers["Content-Type"].startswith("application/json")

    with_client(test, _daemon())
