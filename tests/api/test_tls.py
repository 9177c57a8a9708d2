"""HTTP over TLS: versions, certificates that are renewed, bad ones, and clients that do not speak it."""

import asyncio
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from routerd.api import encrypted
from routerd.api import service as service_module
from routerd.api.service import ApiService
from routerd.config.model import Http
from routerd.health import ProblemTracker
from tests.api.scene import ANY, AT, Client, Daemon, serving, until

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
RSA = ("rsa:2048",)


def make(directory: Path, name: str, key_type: tuple[str, ...] = EC) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 with this common name, and its key."""
    certificate, key = str(directory / f"{name}.crt"), str(directory / f"{name}.key")
    argv = ["openssl", "req", "-x509", "-newkey", *key_type, "-nodes"]
    argv += ["-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name}"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
    return certificate, key


async def ask(client: Client, authority: str, settle: ssl.TLSVersion | None = None) -> tuple[str, bytes]:
    """The TLS version and the answer to /livez, from a client that trusts one certificate."""
    assert isinstance(client.address, tuple)
    context = ssl.create_default_context(cafile=authority)
    if settle is not None:
        context.minimum_version = context.maximum_version = settle
    reader, writer = await asyncio.open_connection(*client.address[:2], ssl=context)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    await writer.wait_closed()
    return version, answer


async def kept(client: Client, authority: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An encrypted connection that stays open."""
    assert isinstance(client.address, tuple)
    return await asyncio.open_connection(*client.address[:2], ssl=ssl.create_default_context(cafile=authority))


def shown(service: ApiService) -> list[str]:
    """The problems in words."""
    tracker = ProblemTracker()
    tracker.update(service.problems(), AT)
    assert all(report.mend and "?" not in report.text for report in tracker.report(AT))
    return [report.text for report in tracker.report(AT)]


def test_tcp_is_encrypted_and_unix_is_not(tmp_path: Path) -> None:
    files = make(tmp_path, "one")
    unix = f"unix:{tmp_path}/routerd.sock"

    async def main() -> None:
        async with serving(Daemon(), ANY, unix, tls=files) as service:
            client = Client(service, ANY)
            version, answer = await ask(client, files[0])
            assert (version, answer[-3:]) == ("TLSv1.3", b"ok\n")
            assert (await ask(client, files[0], ssl.TLSVersion.TLSv1_2))[0] == "TLSv1.2"
            assert (await Client(service, unix).ask("/livez")).status == 200
            with pytest.raises((ConnectionError, OSError)):
                await client.ask("/livez")
            assert service.problems() == ()
            assert all(check.ok for check in service.checks())

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_old_versions_are_refused(tmp_path: Path) -> None:
    files = make(tmp_path, "one")

    async def main() -> None:
        async with serving(Daemon(), ANY, tls=files) as service:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await ask(Client(service, ANY), files[0], ssl.TLSVersion.TLSv1_1)

    asyncio.run(main())


@pytest.mark.parametrize("key_types", [(EC, EC), (EC, RSA), (RSA, EC), (RSA, RSA)])
def test_a_renewed_certificate_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key_types: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    monkeypatch.setattr(service_module, "_LOOK_EVERY", 0.05)
    first, second = make(tmp_path, "one", key_types[0]), make(tmp_path, "two", key_types[1])
    used = (str(tmp_path / "used.crt"), str(tmp_path / "used.key"))

    def install(pair: tuple[str, str]) -> None:
        for source, target in zip(pair, used, strict=True):
            shutil.copy(source, f"{target}.new")
            os.rename(f"{target}.new", target)

    async def main() -> None:
        install(first)
        async with serving(Daemon(), ANY, tls=used) as service:
            client = Client(service, ANY)
            await ask(client, first[0])
            reader, writer = await kept(client, first[0])
            shutil.copy(second[0], used[0])
            await until(lambda: bool(service.problems()))
            assert "the key does not belong to it; the one from before is in use" in shown(service)[0]
            await ask(client, first[0])
            install(second)
            await until(lambda: service.problems() == ())
            await ask(client, second[0])
            with pytest.raises(ssl.SSLError):
                await ask(client, first[0])
            # Connections from before go on.
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200")
            writer.transport.abort()
            os.unlink(used[1])
            await until(lambda: bool(service.problems()))
            await ask(client, second[0])

    asyncio.run(main())


def test_reload_takes_over_switches_on_and_off(tmp_path: Path) -> None:
    first, second = make(tmp_path, "one"), make(tmp_path, "two")

    async def main() -> None:
        async with serving(Daemon(), ANY) as service:
            client = Client(service, ANY)
            assert (await client.ask("/livez")).status == 200
            await service.apply(Http((ANY,), None, *first))
            await until(lambda: ANY in service.addresses())
            before = client.address
            await ask(client, first[0])
            await service.apply(Http((ANY,), None, *second))
            assert client.address == before
            await ask(client, second[0])
            await service.apply(Http((ANY,), None, second[0], first[1]))
            assert len(shown(service)) == 1
            await ask(client, second[0])
            await service.apply(Http((ANY,)))
            await until(lambda: ANY in service.addresses())
            assert (await client.ask("/livez")).status == 200
            assert service.problems() == ()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["missing", "garbage", "directory", "mismatch", "password", "fifo"])
def test_without_a_good_certificate_tcp_is_not_served(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_LOOK_EVERY", 0.05)
    good, other = make(tmp_path, "one"), make(tmp_path, "two")
    bad = str(tmp_path / "bad.key")
    if kind == "garbage":
        Path(bad).write_text("no key")
    elif kind == "directory":
        os.mkdir(bad)
    elif kind == "mismatch":
        shutil.copy(other[1], bad)
    elif kind == "fifo":
        os.mkfifo(bad)
    elif kind == "password":
        argv = ["openssl", "pkey", "-in", good[1], "-aes256", "-passout", "pass:secret", "-out", bad]
        subprocess.run(argv, check=True, capture_output=True, timeout=30)
    unix = f"unix:{tmp_path}/routerd.sock"

    async def main() -> None:
        async with serving(Daemon(), ANY, unix, tls=(good[0], bad), wait=False) as service:
            await until(lambda: unix in service.addresses())
            (text,) = shown(service)
            assert text.endswith("TCP addresses are not served")
            assert ANY not in service.addresses()
            assert not all(check.ok for check in service.checks())
            assert (await Client(service, unix).ask("/livez")).status == 200
            if kind == "directory":
                os.rmdir(bad)
            shutil.copy(good[1], f"{bad}.new")
            os.rename(f"{bad}.new", bad)
            await until(lambda: ANY in service.addresses())
            await ask(Client(service, ANY), good[0])

    asyncio.run(main())


def test_handshakes_that_never_end_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make(tmp_path, "one")
    monkeypatch.setattr(encrypted, "HANDSHAKE_SECONDS", 2.0)

    async def main() -> None:
        async with serving(Daemon(), ANY, tls=files) as service:
            client = Client(service, ANY)
            assert isinstance(client.address, tuple)
            opened = [await asyncio.open_connection(*client.address[:2]) for _ in range(300)]
            for reader, writer in opened[224:]:
                assert await asyncio.wait_for(reader.read(), 10) == b""
                writer.close()
            for _, writer in opened[:100]:
                writer.write(b"GET /livez HTTP/1.1\r\n\r\n")
            await until(lambda: service.status()["connections"] == 124)
            assert service.status()["counters"] == {"refused-connections": 76, "failed-handshakes": 100}
            assert (await ask(client, files[0]))[1].endswith(b"ok\n")
            await until(lambda: service.status()["connections"] == 0)
            for _, writer in opened:
                writer.transport.abort()

    asyncio.run(main())


def test_stop_ends_handshakes(tmp_path: Path) -> None:
    files = make(tmp_path, "one")

    async def main() -> None:
        async with serving(Daemon(), ANY, tls=files) as service:
            address = service.addresses()[ANY]
            assert isinstance(address, tuple)
            reader, writer = await asyncio.open_connection(*address[:2])
            await until(lambda: service.status()["connections"] == 1)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.transport.abort()

    asyncio.run(main())
