"""What a relay agent says in option 82 (RFC 3046).

Link selection (RFC 3527), server identifier override (RFC 5107), a UDP port of its own (RFC 8357).
"""

from typing import NamedTuple

from routerd.wire import Reader, WireError

CIRCUIT_ID = 1
LINK_SELECTION = 5
SERVER_OVERRIDE = 11
SOURCE_PORT = 19


class RelayInfo(NamedTuple):
    """The sub-options that decide; None or 0 where they are absent or of a wrong length.

    `port` is the UDP port that the answer goes to; as it is decoded, 1 if the port of the message is the one to use.
    """

    circuit_id: bytes | None = None
    link: int = 0
    server: bytes | None = None
    port: int = 0


def decode_relay_info(data: bytes) -> RelayInfo:
    """The sub-options in a whole option 82. What is cut or wrong counts as absent; it is echoed anyway."""
    reader = Reader(data)
    found: dict[int, bytes] = {}
    while reader.left >= 2:
        code = reader.uint8()
        try:
            value = reader.bytes(reader.uint8())
        except WireError:
            break
        found.setdefault(code, value)
    link, server = found.get(LINK_SELECTION, b""), found.get(SERVER_OVERRIDE, b"")
    return RelayInfo(
        circuit_id=found.get(CIRCUIT_ID) or None,
        link=int.from_bytes(link, "big") if len(link) == 4 else 0,
        server=server if len(server) == 4 and any(server) else None,
        port=int(found.get(SOURCE_PORT) == b""),
    )
