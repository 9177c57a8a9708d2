"""The probes that open a TCP connection: one task each while it lasts; how many there are is the schedule's affair."""

import asyncio
import errno
import os
import ssl
from collections.abc import Callable

from routerd.config.probes import probing
from routerd.peers import http_get
from routerd.peers.failures import NO_TLS, REFUSED, UNTRUSTED
from routerd.peers.sends import Link, Send
from routerd.system.sockets_connect import ConnectSocket


class Connects:
    """All connections that are out. `on_end` is called with the reason why one failed, empty where it did not."""

    def __init__(self, on_end: Callable[[Send, str], None]) -> None:
        self._on_end = on_end
        self._tasks: dict[Send, asyncio.Task[None]] = {}
        self.errors: dict[Link, int] = {}
        """The errno of every link that no socket could be opened for when it was tried last."""

    def start(self, send: Send) -> int:
        """Begin a probe: 0, or the errno for which the link cannot be used."""
        try:
            opened = ConnectSocket(send.link.version, send.link.interface, send.link.source)
        except OSError as error:
            self.errors[send.link] = error.errno or errno.EIO
            return self.errors[send.link]
        self.errors.pop(send.link, None)
        task = asyncio.get_running_loop().create_task(self._run(send, opened))
        self._tasks[send] = task
        # A task that is cancelled before it begins runs none of its own code.
        task.add_done_callback(lambda _: self._ended(send, opened))
        return 0

    def keep(self, is_wanted: Callable[[Send], bool]) -> None:
        """End the probes that nobody waits for any more."""
        for send, task in list(self._tasks.items()):
            if not is_wanted(send):
                task.cancel()

    def forget(self, links: set[Link]) -> None:
        """Only these links are used from now on."""
        self.errors = {link: error for link, error in self.errors.items() if link in links}

    async def close(self) -> None:
        """End all."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, send: Send, opened: ConnectSocket) -> None:
        self._tasks.pop(send, None)
        opened.close()

    async def _run(self, send: Send, opened: ConnectSocket) -> None:
        try:
            reason = await _ask(send, opened)
        except ssl.SSLCertVerificationError as error:
            reason = f"{UNTRUSTED}{error.verify_message}"
        except ssl.SSLError as error:
            reason = f"{NO_TLS}{(error.reason or 'no reason given').replace('_', ' ').lower()}"
        except OSError as error:
            reason = REFUSED if error.errno == errno.ECONNREFUSED else os.strerror(error.errno or errno.EIO)
        finally:
            opened.close()
        self._on_end(send, reason)


async def _ask(send: Send, opened: ConnectSocket) -> str:
    probe = probing(send.kind)
    await opened.connect(send.address, probe.port)
    if probe.scheme == "tcp":
        return ""
    request = http_get.request(probe)
    if probe.scheme == "https":
        return http_get.failure(await opened.ask_tls(request, str(probe.host), http_get.is_whole))
    return http_get.failure(await opened.ask(request, http_get.is_whole))
