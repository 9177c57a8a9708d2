"""Reading a real userspace WireGuard device, and what must never come out of it."""

import asyncio
import logging
import shutil
import traceback
from base64 import b64decode
from pathlib import Path

import pytest

import routerd
from routerd.system.wireguard import WireGuardError, read_device
from tests.net.helpers_system import space

OWN = str(Path(routerd.__file__).parent)

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("wireguard-go") is None, reason="needs wireguard-go"),
]


async def reads(interface: str) -> None:
    device = await read_device(interface)
    assert device.interface == interface
    assert device.listen_port > 0
    networks = sorted(str(network) for peer in device.peers for network in peer.allowed_ips)
    assert networks == ["10.0.0.1/32", "10.0.0.7/32", "192.168.7.0/24", "fd00::/64"]
    assert all(peer.endpoint == "192.0.2.1:51820" and peer.last_handshake == 0.0 for peer in device.peers)
    with pytest.raises(WireGuardError) as missing:
        await read_device("nope")
    assert missing.value.missing


async def is_not_of_this_namespace(interface: str) -> None:
    with pytest.raises(WireGuardError, match="no such interface") as missing:
        await read_device(interface)
    assert missing.value.missing


async def keeps_secrets(interface: str, private: str, preshared: str) -> None:
    # Everything that is logged at the lowest level, every value, error and frame: no form of the keys is in it.
    logging.basicConfig(level=logging.NOTSET, format="%(name)s %(message)s")
    asyncio.get_running_loop().set_debug(True)
    forms = [form for key in (private, preshared) for form in (key, b64decode(key).hex(), repr(b64decode(key)))]
    device = await read_device(interface)
    texts = [repr(device)]
    for timeout in (0.0, 0.0005, 0.001):
        try:
            await read_device(interface, timeout=timeout)
        except WireGuardError as error:
            texts += _everything(error)
    for text in texts:
        assert not any(form in text for form in forms)
    print(texts)


def _everything(error: BaseException) -> list[str]:
    texts = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    assert error.__cause__ is None
    assert error.__context__ is None
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.startswith(OWN):
            texts.append(repr(frame.tb_frame.f_locals))
        frame = frame.tb_next
    return texts


def test_reads_a_real_device():
    with space() as here, here.wireguard("10.0.0.1/32,192.168.7.0/24,fd00::/64", "10.0.0.7/32") as (name, _, _):
        here.call(reads, name)


def test_a_device_of_another_namespace_does_not_count():
    with space() as here, here.wireguard() as (name, _, _), space() as elsewhere:
        elsewhere.call(is_not_of_this_namespace, name)


def test_no_secret_key_comes_out():
    with space() as here, here.wireguard("10.0.0.1/32") as (name, private, preshared):
        output = here.call(keeps_secrets, name, private, preshared)
        assert "preshared" not in output
