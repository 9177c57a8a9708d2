"""routerd makes a WireGuard point-to-site network routable by itself."""

__version__ = "0.1.0"
