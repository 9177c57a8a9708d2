"""The configuration of routerd on Host β in the example network, as text. Pure."""

from pathlib import PurePath

from routerd.lab.example import ENDPOINT_B_ADDRESS, ENDPOINT_B_MAC

_TEXT = """\
# routerd on Host β of the example network.
[[vpn]]
name = "vpn"
interface = "{interface}"
  [[vpn.peer]]
  name = "endpoint-a"
  public_key = "{public_key}"
  address = "10.0.0.1"
  interval = "1s"

[[lan]]
interface = "lan0"
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.199"]
  router = "192.168.200.1"
    [[lan.dhcp.reservation]]
    mac = "{mac}"
    address = "{address}"
    hostname = "endpoint-b"

[probe]
interval = "1s"
timeout = "500ms"

[http]
listen = ["127.0.0.1:8121", "unix:{directory}/routerd.sock"]

[leases]
store = "sqlite:{directory}/leases.db"
"""


def beta_config(directory: PurePath, interface: str, public_key: str) -> str:
    """The TOML text for Host β: its WireGuard `interface`, Endpoint A's `public_key`, files in `directory`."""
    return _TEXT.format(
        directory=directory,
        interface=interface,
        public_key=public_key,
        mac=ENDPOINT_B_MAC,
        address=ENDPOINT_B_ADDRESS,
    )
