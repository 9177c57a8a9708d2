"""WireGuard interfaces of the kernel, made with `ip` and `wg` in the machine's own namespace."""

import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as it is configured."""

    key: str
    allowed_ips: Sequence[str] = ()
    endpoint: str | None = None
    keepalive: int | None = None
    preshared: str | None = field(default=None, repr=False)

    def text(self) -> str:
        """Its section in wg's own form."""
        rows = {
            "PublicKey": self.key,
            "PresharedKey": self.preshared,
            "AllowedIPs": ", ".join(self.allowed_ips) or None,
            "Endpoint": self.endpoint,
            "PersistentKeepalive": self.keepalive,
        }
        return "[Peer]\n" + "".join(f"{name} = {value}\n" for name, value in rows.items() if value is not None)


def run(*argv: str, text: str = "") -> str:
    """What a command says; it must succeed."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def number_key(number: int) -> str:
    """A public key that belongs to nobody, another one for each number."""
    return b64encode(number.to_bytes(4, "big") * 8).decode()


NO_KEY = b64encode(bytes(32)).decode()
"""In place of a private key: the device has none, and spends no time on what it would share with its peers."""


def configure(name: str, *peers: Peer) -> None:
    """Adds peers, or changes those that are there."""
    run("wg", "addconf", name, "/dev/stdin", text="".join(peer.text() for peer in peers))


@contextmanager
def wireguard(*peers: Peer, name: str = "wg0", port: int = 51820, private: str = "") -> Iterator[str]:
    """An interface that is up, with the private key that is given, else a fresh one; removes it."""
    private = private or run("wg", "genkey")
    run("ip", "link", "add", name, "type", "wireguard")
    try:
        run("wg", "set", name, "listen-port", str(port), "private-key", "/dev/stdin", text=private)
        run("ip", "link", "set", name, "up")
        configure(name, *peers)
        yield private
    finally:
        with suppress(AssertionError):  # a test may have removed it
            run("ip", "link", "delete", name)
