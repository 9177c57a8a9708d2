"""Strategies and port forwards of the running daemon, with the address that the far side sees."""

from collections.abc import Callable

import pytest

from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_SERVER = """
import socket
with socket.create_server(("0.0.0.0", {port})) as server:
    print("listening", flush=True)
    for _ in range(20):
        connection, (address, _) = server.accept()
        connection.sendall(address.encode())
        connection.close()
"""
_CLIENT = """
import socket, sys
with socket.create_connection(("{to}", {port}), 2) as connection:
    print(connection.recv(100).decode())
"""


def test_masquerade_and_forwards_come_and_go_with_the_configuration(site: Site) -> None:
    daemon = site.start()
    site.client("udhcpc").wait_lease()
    example = site.example
    soon("the peer is up", lambda: daemon.get("/v1/peers/endpoint-a/health")[0] == 200)
    address = next(row["address"] for row in daemon.get("/v1/leases")[1]["leases"])
    for machine, port in ((example.b, 8000), (example.a, 80)):
        server = machine.popen(["python3", "-c", _SERVER.format(port=port)], name=f"server{port}")
        soon("it listens", lambda m=machine, p=port: "listening" in m.log(f"server{p}").read_text())
        assert server.poll() is None

    def seen(machine: object, to: str, port: int) -> str:
        done = machine.run(["python3", "-c", _CLIENT.format(to=to, port=port)], check=False)  # type: ignore[attr-defined]
        return str(done.stdout).strip()

    def from_a() -> str:
        return seen(example.a, address, 8000)

    soon("the host has proven its way back", lambda: from_a() == "10.0.0.1")

    lan = f'interface = "{_lan(site)}"\n'
    forward = '  [[lan.forward]]\n  listen = "8080/tcp"\n  to = "endpoint-a:80"\n'
    site.write(_edited(site.config, lan, f'{lan}strategy = "masquerade"\n') + forward)
    daemon.process.send_signal(1)
    soon("flows of peers are masqueraded", lambda: from_a() == "192.168.200.2")
    # The peer's AllowedIPs cover the site, so it can answer the host itself.
    soon("the forward leads to the peer", lambda: seen(example.b, "192.168.200.2", 8080) == address)
    assert daemon.get("/readyz")[0] == 200
    flows = daemon.get("/v1/status")[1]["services"]["nat"]
    assert flows["table"] == "inet routerd"

    site.write()
    daemon.process.send_signal(1)
    soon("the peer's own address is seen again", lambda: from_a() == "10.0.0.1")
    assert daemon.get("/v1/status")[1]["services"]["nat"]["table"] == "inet routerd"

    site.write(_edited(site.config, lan, f'{lan}strategy = "none"\n'))
    daemon.process.send_signal(1)
    gone: Callable[[], bool] = lambda: "inet routerd" not in example.beta.run(["nft", "list", "tables"]).stdout  # noqa: E731
    soon("the table is gone, as nothing concerns routerd", gone)
    assert from_a() == "10.0.0.1"


def _lan(site: Site) -> str:
    return next(line.split('"')[1] for line in site.config.partition("[[lan]]")[2].splitlines() if "interface" in line)


def _edited(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)
