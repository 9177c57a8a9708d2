"""A lab: namespaces, the links between them and the processes in them, made one by one and removed as one."""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from routerd.lab.errors import LabError
from routerd.lab.namespace import Namespace, execute
from routerd.lab.processes import process
from routerd.lab.removal import remove, sweep, undisturbed
from routerd.lab.state import ROOT, Record, State, claim

# A new namespace takes these over from the machine; the lab must be the same everywhere. Without duplicate address
# detection an IPv6 address can be used at once.
_DEFAULTS = """
cd /proc/sys/net/ipv4
echo 0 > ip_forward
for kind in all default; do
    echo 0 > conf/$kind/rp_filter
    echo 1 > conf/$kind/send_redirects
    if [ -d ../ipv6 ]; then echo 0 > ../ipv6/conf/$kind/accept_dad; fi
done
"""


class Lab:
    """A context: inside it namespaces can be made, at its end everything is removed, whatever happened.

    Entering removes first what dead labs left behind. Made namespaces are attributes by role: `lab.beta.run([...])`.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._state: State | None = None
        self._namespaces: dict[str, Namespace] = {}
        self._children: list[subprocess.Popen[str]] = []
        self._id = ""

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise LabError("the lab needs root: it makes network namespaces")
        sweep(self._root)
        with undisturbed():
            self._state = claim(self._root)
        self._id = self._state.record.id
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._state is not None and self._state.record.kept:
            self._state.release()
            return
        self.close()

    def close(self) -> None:
        """Ends and removes everything that this lab made. A second call does nothing."""
        if self._state is None:
            return
        with undisturbed():
            state, self._state = self._state, None
            remove(state)
            for child in self._children:
                child.wait()
                for stream in (child.stdin, child.stdout, child.stderr):
                    if stream is not None:
                        stream.close()
            self._children.clear()

    def keep(self) -> None:
        """Leaves the lab running when the context ends without an error; `routerd lab down` removes it."""
        self._open.record.kept = True
        self._open.save()

    @property
    def id(self) -> str:
        """The four hexadecimal digits that are in every name of this lab; known also after its end."""
        return self._id

    @property
    def directory(self) -> Path:
        """The lab's own directory, removed with it: logs, configuration, sockets."""
        return self._open.directory

    @property
    def record(self) -> Record:
        """What was made so far."""
        return self._open.record

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        """The namespaces in the order in which they were made."""
        return tuple(self._namespaces.values())

    def __getitem__(self, role: str) -> Namespace:
        return self._namespaces[role]

    def __getattr__(self, role: str) -> Namespace:
        try:
            return self.__dict__["_namespaces"][role]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"this lab has no namespace {role}") from None

    def namespace(self, role: str) -> Namespace:
        """Makes a namespace `routerd-<id>-<role>` with its loopback up and the kernel's own default settings."""
        state = self._open
        name = f"routerd-{state.record.id}-{role}"
        state.record.namespaces.append(name)
        state.save()
        done = execute(["ip", "netns", "add", name])
        if done.returncode:
            if "File exists" in done.stderr:  # not ours, so it must not be removed with us
                state.record.namespaces.remove(name)
                state.save()
            raise LabError(f"could not make the namespace {name}: {done.stderr.strip()}")
        made = Namespace(name, role, state.record.mark, state.directory, self._started)
        made.ip("link set lo up")
        made.run(["sh", "-ec", _DEFAULTS])
        self._namespaces[role] = made
        return made

    def expect_socket(self, name: str) -> None:
        """Records a WireGuard socket, before the process that makes it starts, to be removed with the lab."""
        self._open.record.sockets.append(name)
        self._open.save()

    @property
    def _open(self) -> State:
        if self._state is None:
            raise LabError("the lab is not open")
        return self._state

    def _started(self, child: subprocess.Popen[str], name: str) -> None:
        self._children.append(child)
        known = process(child.pid, name)
        if known is not None:
            self._open.record.processes.append(known)
            self._open.save()


class Switch:
    """An Ethernet switch: a namespace with a bridge. Its cables are made inside namespaces only."""

    def __init__(self, lab: Lab, role: str) -> None:
        self.namespace = lab.namespace(role)
        self.namespace.ip("link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up")

    def attach(self, machine: Namespace, interface: str, *, mac: str | None = None) -> str:
        """Plugs `machine` in by its new interface, which is up afterwards. Returns the name of the switch's port."""
        port = self.port(machine)
        address = f"address {mac} " if mac else ""
        self.namespace.ip(
            f"link add {port} type veth peer name {interface} {address}netns {machine.name}",
            f"link set {port} master br0 up",
        )
        machine.ip(f"link set {interface} up")
        return port

    @staticmethod
    def port(machine: Namespace) -> str:
        """The name of the port that `machine` is plugged into."""
        return f"p-{machine.role}"[:15]
