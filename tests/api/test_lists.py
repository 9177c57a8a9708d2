"""Lists over HTTP: their parts and the way from one to the next, tags and 304, and what is refused."""

import re
from ipaddress import IPv4Network
from urllib.parse import unquote

import pytest

from routerd.model import Route, RouteState
from routerd.reports import PeerState, ProblemReport
from tests.api.scene import AT, KEY, Client, Daemon, peer, with_client

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


def test_a_long_list_has_no_tag_and_its_part_has() -> None:
    async def test(client: Client) -> None:
        assert "ETag" not in (await client.ask("/v1/leases", headers={"If-None-Match": "*"})).headers
        assert "ETag" in (await client.ask("/v1/leases?limit=1000")).headers

    with_client(test, Daemon(leases=1001))


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
