"""DHCP clients of other systems, played by scapy: how the answers reach them, and with which routes they end up."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from routerd.lab.lab import Lab
from tests.net.devices import BROADCAST, DEFAULT, DEVICES, Device, classless, microsoft
from tests.net.site import Site

pytestmark = pytest.mark.net

VPN = {"10.0.0.0/24": "192.168.200.2"}
ROUTER = {DEFAULT: "192.168.200.1"}
EACH = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)

Answers = dict[str, dict[str, Any]]


def mac(device: Device) -> str:
    """A hardware address of its own for each device."""
    return f"02:00:00:00:01:{DEVICES.index(device):02x}"


def play(site: Site, text: str | None = None) -> Answers:
    """Have all devices take a lease from routerd; their OFFERs and ACKs by name."""
    site.start(text)
    clients = []
    for number, device in enumerate(DEVICES):
        facts = {name: value for name, value in asdict(device).items() if name != "rule"}
        identifier = "01" + mac(device).replace(":", "")
        facts["options"] = [*device.options, (61, identifier)]
        clients.append({**facts, "mac": mac(device), "xid": 0x5EED0000 + number})
    program = [sys.executable, str(Path(__file__).with_name("played.py"))]
    done = site.example.b.run(program, input=json.dumps(clients), timeout=60)
    return {device.name: answers for device, answers in zip(DEVICES, json.loads(done.stdout), strict=True)}


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    """What the devices get in the example network."""
    with Lab() as lab:
        yield play(Site(lab))


@pytest.fixture(scope="module")
def answers_without_router() -> Iterator[Answers]:
    """What they get where no router is served."""
    with Lab() as lab:
        site = Site(lab)
        yield play(site, site.config.replace('router = "192.168.200.1"', 'router = "none"'))


@EACH
def test_offer_and_ack_reach_a_client_that_has_no_address(answers: Answers, device: Device) -> None:
    offer, ack = answers[device.name]["offer"], answers[device.name]["ack"]
    assert (offer["options"]["message-type"], ack["options"]["message-type"]) == ([2], [5])
    assert offer["address"] == ack["address"] != "0.0.0.0"
    assert "rapid_commit" not in offer["options"]
    assert ack["options"]["lease_time"] == [3600]
    for answer in (offer, ack):
        if device.flags & BROADCAST:
            assert (answer["to"], answer["ip"]) == ("ff:ff:ff:ff:ff:ff", "255.255.255.255")
        else:
            assert (answer["to"], answer["ip"]) == (mac(device), ack["address"])


@EACH
def test_the_routes_that_a_client_ends_up_with(answers: Answers, device: Device) -> None:
    options = answers[device.name]["ack"]["options"]
    assert device.rule(options) == (ROUTER | VPN if device.learns else ROUTER)


@EACH
def test_both_options_say_the_same_and_go_only_to_who_asks(answers: Answers, device: Device) -> None:
    options = answers[device.name]["ack"]["options"]
    assert classless(options) == (ROUTER | VPN if 121 in device.asks_for else {})
    assert microsoft(options) == (ROUTER | VPN if 249 in device.asks_for else {})
    assert options["router"] == ["192.168.200.1"]


@EACH
def test_without_a_router_nobody_gets_a_default_route(answers_without_router: Answers, device: Device) -> None:
    options = answers_without_router[device.name]["ack"]["options"]
    assert "router" not in options
    assert device.rule(options) == (VPN if device.learns else {})
