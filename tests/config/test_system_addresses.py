"""The addresses of this machine, read from the kernel."""

from ipaddress import IPv4Interface

from routerd.system.addresses import interface_addresses


def test_the_loopback_interface_is_there() -> None:
    found = interface_addresses()
    assert "lo" in found
    assert all(isinstance(address, IPv4Interface) for addresses in found.values() for address in addresses)
