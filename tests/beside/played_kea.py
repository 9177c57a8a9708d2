"""A Kea that is played: it keeps a configuration as Kea does, or answers in ways that no Kea should."""

import asyncio
import copy
import json
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, ClassVar, Self

from routerd.beside_part import BesidePart, Told

Answer = dict[str, Any] | bytes | None


class PlayedKea:
    """Listens at `path` in the loop that it is entered in.

    `answers` maps a command's name to what is said instead of the usual: a map, bytes as they are, or None for silence.
    `before` is called with every command before it is answered.
    """

    at: ClassVar[dict[str, "PlayedKea"]] = {}
    """Those that listen, by their sockets."""

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path, self.config = path, copy.deepcopy(config)
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.before: Callable[[str], None] = lambda name: None
        self.hashes = False
        self.is_deaf = False
        """It answers no client."""
        self.made: Callable[[dict[str, Any]], dict[str, Any]] = lambda given: given
        """What it makes of a configuration that it is given."""
        self.file: Path | None = None
        """The file that config-write writes; None: it does not know the command."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))
        self.at[str(self.path)] = self
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End, as a Kea that is stopped: its socket is gone."""
        self.at.pop(str(self.path), None)
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)
        for writer in list(self._writers):
            writer.transport.abort()

    def count(self, name: str) -> int:
        """How often a command came."""
        return self.asked.count(name)

    def answer_to(self, part: BesidePart) -> tuple[Told, ...]:
        """What a client of the LAN is told."""
        for subnet in () if self.is_deaf else self.config.get("subnet4", ()):
            if subnet["subnet"] == str(part.networks[0].network):
                options = (*self.config.get("option-data", ()), *subnet.get("option-data", ()))
                data = {each["code"]: bytes.fromhex(each["data"]) for each in options if not each["csv-format"]}
                return (Told(IPv4Address("192.168.200.2"), True, data),)
        return ()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            asked = await _command(reader)
            if asked is None:
                return
            self.asked.append(asked["command"])
            self.before(asked["command"])
            said = self.answers.get(asked["command"], b"-")
            if said is None:
                await reader.read()
                return
            if said == b"-":
                said = self._answer(asked["command"], asked.get("arguments", {}))
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            writer.write(data)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._writers.discard(writer)

    def _answer(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "config-get":
            return {"result": 0, "arguments": {"Dhcp4": self.config, **self._hash()}}
        if name == "config-hash-get" and self.hashes:
            return {"result": 0, "arguments": self._hash()}
        if name == "config-set":
            self.config = self.made(arguments["Dhcp4"])
        if name in ("config-set", "config-test"):
            return {"result": 0, "text": "fine"}
        if name == "config-write" and self.file is not None:
            self.file.write_text(json.dumps({"Dhcp4": self.config}))
            return {"result": 0, "text": "written", "arguments": {"filename": str(self.file)}}
        if name == "status-get":
            return {"result": 0, "arguments": {"uptime": 100, "reload": 100}}
        if name == "version-get":
            return {"result": 0, "text": "9.9.9"}
        return {"result": 2, "text": f"'{name}' command not supported."}

    def _hash(self) -> dict[str, str]:
        return {"hash": str(hash(json.dumps(self.config, sort_keys=True)))} if self.hashes else {}


async def _command(reader: asyncio.StreamReader) -> Any:
    data = b""
    while piece := await reader.read(65536):
        data += piece
        try:
            return json.loads(data)
        except ValueError:
            continue
    return None
