"""Alias addresses: LAN addresses that stand for peers, claimed where nobody else has them, and given up for who has."""
