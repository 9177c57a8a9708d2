"""Host β where a dnsmasq serves the LAN and stays: its configuration, its process, and routerd's configuration."""

import subprocess
from pathlib import Path

from routerd.dhcp.message import Message
from tests.net.asker import offer
from tests.net.site import Site, soon

POOL = "dhcp-range=192.168.200.100,192.168.200.150,2m"
DEFAULT = ("default", "192.168.200.1")
VPN = ("10.0.0.0/24", "192.168.200.2")
ROUTES = bytes.fromhex("180a0000c0a8c802" + "00c0a8c801")
"""The VPN by Host β, and all else by the gateway, as option 121 has it."""


class Beside:
    """A dnsmasq on Host β. `lines` is its configuration; `options_file` is what routerd writes."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.directory = site.lab.directory / "dnsmasq"
        self.directory.mkdir(mode=0o755)
        # dnsmasq's own user comes by here.
        site.lab.directory.chmod(0o755)
        self.options_file = self.directory / "options"
        self.pid_file = self.directory / "pid"
        self.conf = self.directory / "dnsmasq.conf"
        self.process: subprocess.Popen[str] | None = None
        self.lines = [POOL, "dhcp-option=3,192.168.200.1", f"dhcp-optsfile={self.options_file}"]

    @property
    def config(self) -> str:
        """routerd's configuration: the example's, but that dnsmasq serves."""
        text = self.site.plain
        start, end = text.index("  [lan.dhcp]\n"), text.index("[probe]")
        dhcp = f"""  [lan.dhcp]
  mode = "dnsmasq"
  router = "192.168.200.1"
    [lan.dhcp.dnsmasq]
    options_file = "{self.options_file}"
    pid_file = "{self.pid_file}"

"""
        return text[:start] + dhcp + text[end:]

    def start(self, *arguments: str, user: str = "nobody") -> None:
        """Start dnsmasq; it listens when this returns."""
        beta = self.site.example.beta
        common = ["port=0", "no-ping", "bind-dynamic", "interface=lan0", f"dhcp-leasefile={self.directory}/leases"]
        self.conf.write_text("\n".join([*common, f"user={user}", *self.lines]) + "\n")
        argv = ["dnsmasq", "--keep-in-foreground", f"--conf-file={self.conf}", f"--pid-file={self.pid_file}"]
        process = beta.popen([*argv, "--log-facility=-", "--log-dhcp", *arguments], name="dnsmasq")

        def listens() -> bool:
            assert process.poll() is None, self.log()
            return f"pid={process.pid}," in beta.run(["ss", "-Hlunp", "sport = :67"]).stdout

        soon("dnsmasq listens", listens)
        self.process = process

    def stop(self) -> None:
        """End dnsmasq."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(5)

    def log(self) -> str:
        """What dnsmasq has said."""
        return self.site.example.beta.log("dnsmasq").read_text()

    def offered(self, *codes: int) -> Message:
        """The OFFER to a client of the LAN that asks for these options."""
        made = offer(self.site.example.b, *(codes or (3, 121, 249)))
        assert made is not None
        return made

    def routes(self) -> bytes:
        """Option 121 of an OFFER; empty where there is none."""
        return self.offered().options.get(121, b"")

    def tunnel(self, state: str) -> None:
        """Set the tunnel's interface on Host β up or down."""
        tunnel = self.site.example.tunnel_beta
        self.site.example.beta.ip(f"link set {tunnel.interface} {state}")


def read(path: Path) -> str:
    """A file's text; empty where there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
