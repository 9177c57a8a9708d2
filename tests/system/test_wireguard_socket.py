"""Reading a userspace device whose socket misbehaves. The interface is `lo`, which every namespace has."""

import asyncio
import errno
import grp
import logging
import os
import socket
import time
import traceback
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import routerd
from routerd.system import wireguard, wireguard_text
from routerd.system.netlink_error import NetlinkError
from routerd.system.wireguard import WireGuardError, read_device
from routerd.system.wireguard_text import TextError, parse_device

OWN = str(Path(routerd.__file__).parent)

SECRET = "e8" * 32
GOOD = f"private_key={SECRET}\nlisten_port=5\npublic_key={'b8' * 32}\nallowed_ip=10.0.0.1/32\nerrno=0\n\n".encode()


class Kind:
    """Says of every interface that it is of this kind."""

    def __init__(self, kind):
        self._kind = kind

    async def kind(self, _):
        if isinstance(self._kind, Exception):
            raise self._kind
        return self._kind


@asynccontextmanager
async def listening(directory, *pieces, then="close"):
    """A socket that answers each request with the pieces, and then closes, stays silent, or floods."""

    async def serve(reader, writer):
        assert await reader.readuntil(b"\n\n") == b"get=1\n\n"
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            while then == "flood":
                writer.write(b"allowed_ip=10.0.0.1/32\n" * 4096)
                await writer.drain()
            if then == "hang":
                await asyncio.sleep(60)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, directory / "lo.sock")
    try:
        yield
    finally:
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


async def fails(directory, *pieces, then="close", timeout=2.0):
    async with listening(directory, *pieces, then=then):
        with pytest.raises(WireGuardError) as failed:
            await read_device("lo", str(directory), netlink=Kind("tun"), timeout=timeout)
    return failed.value


@pytest.mark.parametrize("then", ["close", "hang"])
@pytest.mark.parametrize("pieces", [[GOOD], [GOOD[i : i + 7] for i in range(0, len(GOOD), 7)]], ids=["whole", "pieces"])
def test_reads(tmp_path, pieces, then):
    async def scenario():
        async with listening(tmp_path, *pieces, then=then):
            device = await read_device("lo", str(tmp_path), netlink=Kind("tun"))
            assert device.listen_port == 5
            assert len(device.peers) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "cut"),
        (GOOD[:90], "cut"),
        (bytes(range(256)) * 50, "cannot be understood"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "cannot be understood"),
        (GOOD.replace(b"=5", b"=-5"), "listen_port"),
        (b"errno=-13\n\n", "error 13"),
        (f"private_key{SECRET}\n".encode(), "key=value"),
    ],
)
def test_garbage(tmp_path, answer, reason):
    error = asyncio.run(fails(tmp_path, answer))
    assert reason in error.reason
    assert error.hint
    assert not error.missing
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("pieces", [[], [GOOD[:90]]], ids=["at once", "in the middle"])
def test_a_socket_that_hangs(tmp_path, pieces):
    started = time.monotonic()
    error = asyncio.run(fails(tmp_path, *pieces, then="hang", timeout=0.1))
    assert "no answer within 0.1 s" in error.reason
    assert time.monotonic() - started < 1.5


def test_an_answer_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(wireguard, "_LARGEST", 1 << 20)
    assert "longer than" in asyncio.run(fails(tmp_path, then="flood")).reason


@pytest.mark.parametrize("line", [b"private_key=\n", b"allowed_ip=10.0.0.1/32\n"])
def test_a_flood_is_given_up_before_it_fills_a_router_s_memory(tmp_path, line):
    sent = []

    async def flood():
        for _ in range(64):
            sent.append(line * ((1 << 20) // len(line)))
            yield sent[-1]

    async def serve(reader, writer):
        await reader.readuntil(b"\n\n")
        try:
            async for piece in flood():
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def scenario():
        async with await asyncio.start_unix_server(serve, tmp_path / "lo.sock"):
            with pytest.raises(WireGuardError, match="longer than 16 MiB"):
                await read_device("lo", str(tmp_path), netlink=Kind("tun"), timeout=10)

    asyncio.run(scenario())
    assert len(sent) <= 20


def test_twenty_thousand_peers_are_no_flood():
    # As wireguard-go writes them, every number as long as it gets in years of use.
    peer = f"public_key={'b8' * 32}\npreshared_key={'18' * 32}\nprotocol_version=1\n"
    peer += "endpoint=[2001:db8:1111:2222:3333:4444:5555:6666]:51820\nlast_handshake_time_sec=1795341600\n"
    peer += "last_handshake_time_nsec=123456789\ntx_bytes=123456789012345\nrx_bytes=123456789012345\n"
    peer += "persistent_keepalive_interval=65535\nallowed_ip=192.168.100.200/32\n"
    peer += "allowed_ip=2001:db8:1111:2222:3333:4444:5555:6666/128\n" * 4
    assert 20_000 * len(peer) < wireguard._LARGEST
    assert 20_000 * peer.count("\n") < wireguard_text._MOST_LINES


def test_no_socket_and_a_dead_one(tmp_path):
    async def reason():
        with pytest.raises(WireGuardError) as failed:
            await read_device("lo", str(tmp_path), netlink=Kind("tun"))
        return failed.value.reason

    assert "ENOENT" in asyncio.run(reason())
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "lo.sock"))
    dead.close()
    assert "ECONNREFUSED" in asyncio.run(reason())


def test_a_socket_of_root_says_how_to_open_it(monkeypatch):
    async def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    async def scenario():
        monkeypatch.setattr(asyncio, "open_unix_connection", refuse)
        with pytest.raises(WireGuardError) as failed:
            await read_device("lo", netlink=Kind("tun"))
        hint = failed.value.hint
        assert "ListenStream=/var/run/wireguard/lo.sock" in hint
        assert f"SocketGroup={grp.getgrgid(os.getegid()).gr_name})" in hint
        assert "without --user" in hint

    asyncio.run(scenario())


def test_an_interface_that_is_not_there():
    async def scenario(netlink):
        with pytest.raises(WireGuardError) as failed:
            await read_device("lo" if netlink else "rt-not-there", netlink=netlink)
        assert failed.value.missing

    asyncio.run(scenario(None))
    asyncio.run(scenario(Kind(None)))


@pytest.mark.parametrize(
    ("raised", "reason", "hint"),
    [
        (OSError(errno.EPERM, "no"), "refuses", "CAP_NET_ADMIN"),
        (OSError(errno.EAGAIN, "no"), "changed", "again"),
        (OSError(errno.ENOENT, "no"), "ENOENT", "again"),
        (OSError(errno.ENOBUFS, "No buffer space"), "ENOBUFS", "again"),
        (OSError(), "EIO", "again"),
        (OSError(errno.ENODEV, "no"), "no such interface", "Create"),
    ],
)
def test_the_kernel_refuses(monkeypatch, raised, reason, hint):
    async def refuse(_):
        raise raised

    async def scenario():
        monkeypatch.setattr(wireguard, "read_kernel_device", refuse)
        with pytest.raises(WireGuardError) as failed:
            await read_device("lo", netlink=Kind("wireguard"))
        assert reason in failed.value.reason
        assert hint in failed.value.hint
        assert failed.value.__context__ is None

    asyncio.run(scenario())


def test_the_kind_cannot_be_learned():
    async def scenario():
        with pytest.raises(WireGuardError, match="EPERM"):
            await read_device("lo", netlink=Kind(NetlinkError("read it", errno.EPERM)))

    asyncio.run(scenario())


@pytest.mark.parametrize("cut", range(0, len(GOOD), 5))
def test_secrets_are_in_no_log_and_no_error(tmp_path, caplog, cut):
    caplog.set_level(logging.NOTSET)
    logging.getLogger("asyncio").setLevel(logging.NOTSET)
    error = asyncio.run(fails(tmp_path, GOOD[:cut] + b"\xffbroken\n", then="close"), debug=True)
    frames, frame = [], error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.startswith(OWN):
            frames.append(repr(frame.tb_frame.f_locals))
        frame = frame.tb_next
    for shown in (caplog.text, str(error), repr(vars(error)), "".join(traceback.format_exception(error)), *frames):
        assert SECRET[:20] not in shown


def test_an_answer_that_takes_too_long_to_read_is_given_up(tmp_path, monkeypatch):
    # A peer with a million networks: whatever is wrong with it, no thread works on for nobody.
    monkeypatch.setattr(wireguard, "_LARGEST", 64 << 20)
    lie = GOOD.replace(b"errno=0\n\n", b"allowed_ip=10.0.0.1/32\n" * 1_000_000 + b"errno=0\n\n")

    async def scenario():
        started = time.monotonic()
        async with listening(tmp_path, lie):
            with pytest.raises(WireGuardError, match="no answer within"):
                await read_device("lo", str(tmp_path), netlink=Kind("tun"), timeout=0.4)
        assert time.monotonic() - started < 5.0
        await asyncio.get_running_loop().shutdown_default_executor()
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 5.0


def test_a_parse_that_nobody_waits_for_ends():
    lines = GOOD.replace(b"errno=0\n\n", b"allowed_ip=10.0.0.1/32\n" * 5000 + b"errno=0\n\n")
    asked = []
    with pytest.raises(TextError, match="given up"):
        parse_device("lo", lines, lambda: asked.append(1) is None and len(asked) == 3)
    assert len(asked) == 3


@pytest.mark.parametrize("pieces", [[GOOD[:90]], [b"garbage"]])
def test_an_interface_that_is_deleted_in_the_middle_of_its_answer(tmp_path, monkeypatch, pieces):
    exists = iter((True, False))
    monkeypatch.setattr(wireguard, "_exists", lambda _: next(exists))
    assert asyncio.run(fails(tmp_path, *pieces)).missing


LIES = {
    "the same peer twice": (b"public_key=" + b"b8" * 32 + b"\nrx_bytes=7\n", [(7, 0.0)]),
    "more bytes than there are": (b"rx_bytes=18446744073709551615\n", [(2**64 - 1, 0.0)]),
    "a handshake in the year 9999": (b"last_handshake_time_sec=253402300799\n", [(0, 253402300799.0)]),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_that_can_be_true(tmp_path, lie):
    more, expected = LIES[lie]

    async def scenario():
        async with listening(tmp_path, GOOD.replace(b"errno", more + b"errno")):
            return await read_device("lo", str(tmp_path), netlink=Kind("tun"))

    assert [(peer.rx_bytes, peer.last_handshake) for peer in asyncio.run(scenario()).peers] == expected


def test_nothing_is_left_open_by_a_socket_that_misbehaves(tmp_path):
    async def scenario():
        before = len(os.listdir("/proc/self/fd"))
        for then, pieces in [("hang", []), ("hang", [GOOD[:90]]), ("close", [GOOD[:90]]), ("close", [b"x"])] * 5:
            async with listening(tmp_path, *pieces, then=then):
                with pytest.raises(WireGuardError):
                    await read_device("lo", str(tmp_path), netlink=Kind("tun"), timeout=0.05)
            (tmp_path / "lo.sock").unlink(missing_ok=True)
        await asyncio.sleep(0.05)
        assert len(os.listdir("/proc/self/fd")) <= before

    asyncio.run(scenario())
