"""Run inside the far namespace: services that answer well, badly, slowly or not at all. Ports from 8001 on."""

import asyncio
import contextlib
import ssl
import sys

ANSWERS = {
    8001: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    8002: b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
    8003: b"\x00\xff" * 100_000,
    8004: b"",
    8005: None,
    8007: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
}
"""What each port says after a request; None: nothing, for ever."""


async def serve(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    answer = ANSWERS.get(port, ANSWERS[8001])
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
    writer.close()


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak first, as a mail server does."""
    writer.write(b"220 far ready\r\n")
    with contextlib.suppress(OSError):
        await writer.drain()
    writer.close()


async def main(certificate: str) -> None:
    """Serve all ports on every address; 8443 over TLS if there is a certificate."""
    for port in ANSWERS:
        await asyncio.start_server(lambda r, w, port=port: serve(port, r, w), None, port)
    await asyncio.start_server(greet, None, 8006)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        await asyncio.start_server(lambda r, w: serve(8443, r, w), None, 8443, ssl=context)
    print("serving", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
