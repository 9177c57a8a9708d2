"""The public key of a WireGuard private key: X25519 with the base point, RFC 7748 section 5.

Its time depends on the key, which nobody can measure here: it is made once for each key, when a device is read first.
"""

_PRIME = 2**255 - 19
_A24 = 121665
_BASE = 9


def public_key(private: bytes) -> bytes:
    """The 32 bytes of the public key that belongs to the 32 bytes of a private one."""
    scalar = bytearray(private)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    return _multiplied(int.from_bytes(scalar, "little")).to_bytes(32, "little")


def _multiplied(scalar: int) -> int:
    """The Montgomery ladder: the u-coordinate of `scalar` times the base point."""
    x2, z2, x3, z3 = 1, 0, _BASE, 1
    swapped = 0
    for bit in range(254, -1, -1):
        wanted = scalar >> bit & 1
        if wanted != swapped:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = wanted
        a, b = x2 + z2, x2 - z2
        da, cb = (x3 - z3) * a % _PRIME, (x3 + z3) * b % _PRIME
        aa, bb = a * a % _PRIME, b * b % _PRIME
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % _PRIME, _BASE * (da - cb) ** 2 % _PRIME
        x2, z2 = aa * bb % _PRIME, e * (aa + _A24 * e) % _PRIME
    if swapped:
        x2, z2 = x3, z3
    return x2 * pow(z2, _PRIME - 2, _PRIME) % _PRIME
