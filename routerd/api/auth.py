"""Who may change something over HTTP: everybody who can open the Unix socket, and elsewhere who has the token. Pure."""

import hmac
from collections.abc import Sequence

LEAST_TOKEN = 16
"""Characters that a token has at least."""

SCHEME = "bearer"


def has_token(headers: Sequence[str], token: bytes) -> bool:
    """Whether the Authorization headers of a request are exactly one, and that one bears the token."""
    if len(headers) != 1:
        return False
    scheme, _, given = headers[0].strip(" \t").partition(" ")
    # Compared as bytes: of texts, compare_digest takes ASCII only. Headers hold foreign bytes as surrogates.
    matches = hmac.compare_digest(given.strip(" ").encode("utf-8", "surrogateescape"), token)
    return scheme.lower() == SCHEME and matches
