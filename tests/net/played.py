"""Plays DHCP clients on a raw socket with scapy: a process of its own, because scapy is slow to load.

Reads a JSON list of clients on standard input, plays DISCOVER and REQUEST for each, and prints what came back.
"""

import json
import sys
from typing import Any

from scapy.config import conf
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.sendrecv import srp1


def ask(client: dict[str, Any], kind: str, *options: tuple[str | int, Any]) -> Any:
    """The answer to one broadcast message of a client, as a frame, or None."""
    mac = client["mac"]
    sent = [(code, bytes.fromhex(value)) for code, value in client["options"]]
    if client["asks_for"]:
        sent.append((55, bytes(client["asks_for"])))
    frame = (
        Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")
        / IP(src="0.0.0.0", dst="255.255.255.255")
        / UDP(sport=68, dport=67)
        / BOOTP(op=1, chaddr=bytes.fromhex(mac.replace(":", "")), xid=client["xid"], flags=client["flags"])
        / DHCP(options=[("message-type", kind), *options, *sent, "end"])
    )
    return srp1(frame, iface="lan0", timeout=3, verbose=0)


def shown(answer: Any) -> dict[str, Any] | None:
    """What matters of an answer: where the frame went, the address, and every option as scapy reads it."""
    if answer is None:
        return None
    named = [option for option in answer[DHCP].options if isinstance(option, tuple)]
    # Scapy knows 121 and joins nothing; 249 it leaves as bytes.
    options = {
        str(name): [value.hex() if isinstance(value, bytes) else value for value in rest] for name, *rest in named
    }
    return {"to": answer[Ether].dst, "ip": answer[IP].dst, "address": answer[BOOTP].yiaddr, "options": options}


def play(client: dict[str, Any]) -> dict[str, Any]:
    """The OFFER and the ACK that a client gets."""
    offer = ask(client, "discover")
    if offer is None:
        return {"offer": None, "ack": None}
    server = next(option[1] for option in offer[DHCP].options if option[0] == "server_id")
    ack = ask(client, "request", ("requested_addr", offer[BOOTP].yiaddr), ("server_id", server))
    return {"offer": shown(offer), "ack": shown(ack)}


if __name__ == "__main__":
    conf.checkIPaddr = False
    json.dump([play(client) for client in json.load(sys.stdin)], sys.stdout)
