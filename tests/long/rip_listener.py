"""Notes when RIPv2 packets of a machine come, on a raw socket; run in the namespace of a machine of the LAN.

python -m tests.long.rip_listener INTERFACE ADDRESS: prints the monotonic time and the first metric of every response.
"""

import socket
import sys
import time


def listen(interface: str, address: str) -> None:
    """For ever."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    wire.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
    wire.bind((interface, 0x0800))
    own = socket.inet_aton(address)
    # Whoever claims to be that machine has another address in its frames.
    mac = b""
    while True:
        got = wire.recv(2048)
        if got[23] != 17 or got[26:30] != own or got[36:38] != b"\x02\x08" or got[42] != 2:
            continue
        if got[6:8] == b"\2\7":
            continue
        mac = mac or got[6:12]
        if got[6:12] == mac:
            print(f"{time.monotonic():.4f} {got[62 + 3]}", flush=True)


if __name__ == "__main__":
    listen(sys.argv[1], sys.argv[2])
