"""X25519 with the base point: the keys of RFC 7748, and those that `wg pubkey` makes."""

import shutil
import subprocess
from base64 import b64decode, b64encode
from random import Random

import pytest

from routerd.system.curve25519 import public_key

RFC_7748_SECTION_6_1 = [
    (
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    ),
    (
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    ),
]


@pytest.mark.parametrize(("private", "public"), RFC_7748_SECTION_6_1)
def test_the_keys_of_the_rfc(private: str, public: str) -> None:
    assert public_key(bytes.fromhex(private)).hex() == public


@pytest.mark.skipif(shutil.which("wg") is None, reason="needs wg")
def test_the_same_as_wg_pubkey() -> None:
    rng = Random(25519)
    for private in (bytes(32), b"\xff" * 32, *(rng.randbytes(32) for _ in range(8))):
        done = subprocess.run(["wg", "pubkey"], input=b64encode(private), capture_output=True, check=True, timeout=10)
        assert public_key(private) == b64decode(done.stdout)
