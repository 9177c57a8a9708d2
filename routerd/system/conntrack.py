"""The kernel's table of flows: read it, end entries, hear of new ones. Needs CAP_NET_ADMIN, no `conntrack` program."""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from routerd.flows import Flow
from routerd.model import Network
from routerd.system import conntrack_message as message
from routerd.system.netlink_error import NetlinkError

_NETFILTER = 12
_TIMEOUT = 5.0
_BUFFER = 1 << 20
_SO_RCVBUFFORCE = 33
_GROUP_NEW, _GROUP_UPDATE, _GROUP_DESTROY = 1, 2, 4
_DATAGRAMS_AT_ONCE = 64
_ATTEMPTS = 3
_EVENTS = Path("/proc/sys/net/netfilter/nf_conntrack_events")


class Conntrack:
    """Every method raises `NetlinkError`, opens a socket of its own and works beside the event loop, on a thread."""

    async def flows(self, networks: Iterable[Network]) -> list[Flow]:
        """Those flows whose first packet's source or destination (as it came in) is in one of the networks."""
        wanted = message.masks(networks)
        families = [family for family, pairs in wanted.items() if pairs]
        return await asyncio.to_thread(_dump, families, wanted) if families else []

    async def delete(self, flows: Sequence[Flow]) -> int:
        """End these entries, so that the next packet of each is judged anew; how many there were still."""
        return await asyncio.to_thread(_delete, tuple(flows)) if flows else 0


class ConntrackEvents:
    """Calls `heard(what, flow)` from the event loop until `close`; `what` is new, changed or ended.

    Only flows whose first packet's source or destination is in one of `networks` are told. `lost` is called where the
    kernel had more to say than fits into the buffer. Raises `NetlinkError` at the start.
    """

    def __init__(
        self,
        networks: Iterable[Network],
        heard: Callable[[str, Flow], None],
        lost: Callable[[], None] = lambda: None,
        *,
        new: bool = True,
        changed: bool = False,
        ended: bool = False,
    ) -> None:
        self._wanted, self._heard, self._lost = message.masks(networks), heard, lost
        self._loop = asyncio.get_running_loop()
        groups = new * _GROUP_NEW | changed * _GROUP_UPDATE | ended * _GROUP_DESTROY
        with _errors("listen to conntrack"):
            self._socket = _open(groups)
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Stop; nothing is called any more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                datagram = self._socket.recv(65536)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._lost()
                if error.errno != errno.ENOBUFS:
                    return
                continue
            for kind, flags, _, body in message.messages(datagram):
                if kind in (message.NEW, message.DELETE) and message.concerns(body, self._wanted):
                    what = "ended" if kind == message.DELETE else "new" if flags & message.CREATE else "changed"
                    with contextlib.suppress(message.MessageError):
                        self._heard(what, message.decode(body))


def events_are_on() -> bool:
    """Does this kernel tell of flows at all? (nf_conntrack_events: 0 is never; absent is a kernel without it.)"""
    try:
        return _EVENTS.read_text().strip() != "0"
    except OSError:
        return False


def _open(groups: int = 0) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    try:
        try:
            opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except OSError:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        opened.settimeout(_TIMEOUT)
        opened.bind((0, groups))
    except BaseException:
        opened.close()
        raise
    return opened


def _dump(families: Sequence[int], wanted: message.Masks) -> list[Flow]:
    with _errors("read the flows"), _open() as asked:
        return [flow for family in families for flow in _family(asked, family, wanted)]


def _family(asked: socket.socket, family: int, wanted: message.Masks) -> list[Flow]:
    found: dict[bytes, Flow] = {}
    for sequence in range(1, _ATTEMPTS + 1):
        asked.send(message.dump_request(family, sequence))
        interrupted = False
        for flags, body in _answers(asked, sequence):
            interrupted |= bool(flags & message.DUMP_INTERRUPTED)
            if message.concerns(body, wanted):
                with contextlib.suppress(message.MessageError):
                    flow = message.decode(body)
                    found[flow.key] = flow
        if not interrupted:
            break
    return list(found.values())


def _answers(asked: socket.socket, sequence: int) -> Iterator[tuple[int, bytes]]:
    while True:
        for kind, flags, number, body in message.messages(asked.recv(1 << 18)):
            if number != sequence:
                continue
            if kind in (message.NLMSG_ERROR, message.NLMSG_DONE):
                code = message.error_code(body)
                if code:
                    raise OSError(code, os.strerror(code))
                return
            yield flags, body


def _delete(flows: Sequence[Flow]) -> int:
    count = 0
    with _errors("end flows"), _open() as asked:
        for sequence, flow in enumerate(flows, 1):
            asked.send(message.delete_request(flow, sequence))
            try:
                for _ in _answers(asked, sequence):
                    pass
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
            else:
                count += 1
    return count


@contextlib.contextmanager
def _errors(action: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise NetlinkError(action, errno.ETIMEDOUT, "the kernel did not answer") from None
    except (OSError, struct.error) as error:
        raise NetlinkError(action, getattr(error, "errno", None) or errno.EIO) from None
