"""The rpcd plugin under the real `ucode`: against a real routerd, and against servers that do not behave.

Needs ucode with its modules fs, socket, ubus and uci, as an OpenWrt router has them; ROUTERD_UCODE may say where it is.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.net.site import Site, soon
from tests.openwrt.ucode_scene import Router

pytestmark = pytest.mark.net

_OLDER = {"rx_bytes", "tx_bytes", "last_success", "at", "now", "uptime_s", "services", "rtt_ms"}
"""What moves on between two questions."""


@contextmanager
def answering(path: Path, *pieces: bytes, pause: float = 0.0, hold: float = 0.0) -> Iterator[list[bytes]]:
    """A server that answers one request with these pieces; what it was asked, it says at the end."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(65536))
                for piece in pieces:
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return
                    time.sleep(pause)
                time.sleep(hold)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            thread.join()


def still(value: Any) -> Any:
    """The value without what moves on."""
    if isinstance(value, dict):
        return {key: still(each) for key, each in value.items() if key not in _OLDER}
    return [still(each) for each in value] if isinstance(value, list) else value


def names(value: Any) -> Any:
    """The names of all that an answer has."""
    if isinstance(value, dict):
        return {key: names(each) for key, each in value.items()}
    return [names(each) for each in value] if isinstance(value, list) else type(value).__name__


def test_every_method_answers_as_the_daemon_does(site: Site) -> None:
    daemon, router = site.start(), Router(site.lab.directory)
    soon("endpoint-a is up", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "up")
    site.client().wait_lease()
    router.serves(daemon.socket)
    for name in ("peers", "hosts", "routes", "leases", "problems"):
        # Hosts are sorted where they are asked for in parts, as the plugin does.
        status, expected = daemon.get(f"/v1/{name}?limit=500")
        found = router.call(name)
        assert status == 200
        assert still(found) == still(expected)
        assert names(found) == names(expected)
        assert name == "problems" or found[name]
    found = router.call("status")
    assert still(found) == still(daemon.get("/v1/status")[1])
    assert found["services"].keys() == daemon.get("/v1/status")[1]["services"].keys()
    probed = router.call("probe", name="endpoint-a")
    assert still(probed) == still(daemon.peer("endpoint-a"))
    assert router.call("reload") == {"reloaded": True}
    assert router.call("faults") == {"faults": []}


def test_refusals_are_told_in_the_daemons_words(site: Site) -> None:
    daemon, router = site.start(), Router(site.lab.directory)
    site.client().wait_lease()
    router.serves(daemon.socket)
    name = "fish/+ x?&é"
    assert router.calls(
        ("probe", {"name": name}),
        ("probe", {}),
        ("release", {"address": "192.168.200.22"}),
        ("release", {"address": "../reload"}),
        ("release", {}),
        ("leases", {"limit": 0}),
    ) == [
        {"error": f"no peer has the name or public key {name!r}"},
        {"error": "name is missing: the name of a peer, or its public key"},
        {"error": "192.168.200.22 is reserved: remove the reservation from the configuration"},
        {"error": "'../reload' is no IPv4 address"},
        {"error": "address is missing: the leased address"},
        {"error": "limit is a number from 1 to 1000"},
    ]


def test_lease_is_released(site: Site) -> None:
    reservation = site.config.index("    [[lan.dhcp.reservation]]")
    daemon = site.start(site.config[:reservation] + site.config[site.config.index("[probe]") :])
    router = Router(site.lab.directory)
    router.serves(daemon.socket)
    site.client().wait_lease()
    address = router.call("leases")["leases"][0]["address"]
    assert router.call("release", address=address) == {"released": address}
    assert router.call("release", address="192.168.200.99") == {"error": "there is no lease of 192.168.200.99"}


def test_long_list_goes_on_behind_its_key(site: Site) -> None:
    daemon, router = site.start(), Router(site.lab.directory)
    router.serves(daemon.socket)
    site.client().wait_lease()
    soon("both hosts are known", lambda: len(router.call("hosts")["hosts"]) > 1)
    rows = router.call("hosts")["hosts"]
    first = router.call("hosts", limit=1)
    assert (first["hosts"], first["next"]) == (rows[:1], f"{rows[0]['address']}\tlan0")
    assert router.call("hosts", limit=1, after=first["next"])["hosts"] == rows[1:2]


def test_reload_says_what_is_wrong(site: Site) -> None:
    daemon, router = site.start(), Router(site.lab.directory)
    router.serves(daemon.socket)
    site.write(site.config + "\n[oops]\n")
    found = router.call("reload")
    assert found["reloaded"] is False
    assert found["errors"][0]["path"] == "oops"
    assert found["error"] == "the configuration has faults; routerd goes on with the one that it has"
    site.write()
    router.write(f"config http\n\toption listen 'unix:{daemon.socket}'\n", "routerd.@lan[0].x: is no option\nsecond\n")
    lines = ["routerd.@lan[0].x: is no option", "second"]
    assert router.call("faults") == {"faults": lines}
    # What the init script refuses, the daemon is not told.
    assert router.call("reload") == {"reloaded": False, "faults": lines, "error": found["error"]}


def test_daemon_that_is_not_there(tmp_path: Path) -> None:
    router, path = Router(tmp_path), tmp_path / "none.sock"
    router.serves(path)
    said = {"error": f"routerd does not run, or not at {path}: No such file or directory"}
    assert router.call("status") == said
    assert router.call("probe", name="endpoint-a") == said
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert router.call("status")["error"].endswith(": Connection refused")
    router.write("config routerd 'main'\n")
    # The default of http.listen.
    assert "/run/routerd/routerd.sock: " in router.call("status")["error"]
    router.write("config http\n\toption listen '127.0.0.1:8121'\n")
    assert "http.listen has no Unix socket" in router.call("status")["error"]


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "broke off, or is not routerd"),
        (b"SSH-2.0-dropbear\r\n", "broke off, or is not routerd"),
        (_HEAD, "broke off, or is not routerd"),
        (_HEAD + b'Content-Length: 12\r\n\r\n{"a": ', "broke off, or is not routerd"),
        (_HEAD + b"Content-Length: -1\r\n\r\n{}", "broke off, or is not routerd"),
        (_HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n', "broke off, or is not routerd"),
        (_HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n{}\r\n0\r\n\r\n", "broke off, or is not routerd"),
        (_HEAD + b"Transfer-Encoding: chunked\r\n\r\nno\r\n{}\r\n0\r\n\r\n", "broke off, or is not routerd"),
        (_HEAD + b"\r\n<html>", "answered 200 without JSON"),
        (_HEAD + b"\r\n" + b"[" * 100_000, "answered 200 without JSON"),
        (_HEAD + b"\r\n[1, 2]", "answered 200 without JSON"),
        (_HEAD + b"\r\n\xff\x00", "answered 200 without JSON"),
        (b"HTTP/1.1 500 Oops\r\n\r\n{}", "routerd answered 500"),
        (b"HTTP/1.1 503 Oops\r\n\r\n", "answered 503 without JSON"),
        (_HEAD + b'\r\n{"a": "' + b"x" * 1_000_000 + b'"}', "is too large for ubus"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, answer: bytes, told: str) -> None:
    router, path = Router(tmp_path), tmp_path / "d.sock"
    router.serves(path)
    with answering(path, answer):
        assert told in router.call("status")["error"]


def test_answers_in_pieces(tmp_path: Path) -> None:
    router = Router(tmp_path)
    chunked = (
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"5;x=1\r\n",
        b'{"a":\r\n',
        b"9\r\n 1",
        b"234567}\r\n0\r\n\r\n",
    )
    plain = (_HEAD + b"Content-Length: 8\r\n\r", b'\n{"a": 1', b"}")
    for number, (pieces, said) in enumerate(((chunked, {"a": 1234567}), (plain, {"a": 1}))):
        path = tmp_path / f"{number}.sock"
        router.serves(path)
        with answering(path, *pieces, pause=0.02) as asked:
            assert router.call("status") == said
        assert asked[0].startswith(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n")


def test_silence_does_not_hold_rpcd(tmp_path: Path) -> None:
    router = Router(tmp_path)
    for number, pieces in enumerate(((), (_HEAD, *[b"x"] * 40))):
        path = tmp_path / f"{number}.sock"
        router.serves(path)
        with answering(path, *pieces, pause=0.1, hold=4.0 - 0.1 * len(pieces)):
            begun = time.monotonic()
            assert router.call("status") == {"error": "routerd has not answered within 3 s"}
            assert time.monotonic() - begun < 4
