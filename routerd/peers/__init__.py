"""Which peers are reachable."""
