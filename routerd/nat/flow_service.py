"""Flows whose translation can no longer work are ended, and masqueraded ones are told to the log on request."""

import logging
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Protocol

from routerd.flows import Flow
from routerd.model import Address, Network, Problem
from routerd.nat.stale import after_change, concerned, without_way_back
from routerd.nat_part import NatPart
from routerd.system.conntrack import Conntrack, ConntrackEvents, events_are_on
from routerd.system.netlink_error import NetlinkError

log = logging.getLogger(__name__)
flow_log = logging.getLogger("routerd.flows")


class Tracker(Protocol):
    """What is needed of the kernel's table of flows; `routerd.system.conntrack.Conntrack`."""

    async def flows(self, networks: Iterable[Network]) -> list[Flow]:
        """Flows to or from these networks."""

    async def delete(self, flows: Sequence[Flow]) -> int:
        """End them; how many were there."""


class FlowKeeper:
    """Ends flows after changes. What fails is a problem, and is not tried again: such flows end by themselves."""

    def __init__(self, tracker: Tracker | None = None) -> None:
        self._tracker: Tracker = Conntrack() if tracker is None else tracker
        self._reason: str | None = None
        self._events: ConntrackEvents | None = None
        self._logged: tuple[Network, ...] = ()
        self._log_fault: str | None = None

    async def changed(self, old: NatPart, new: NatPart) -> None:
        """The rules are those of `new` now, and were those of `old`."""
        networks = concerned(old, new)
        if networks:
            await self._end(networks, lambda flows: after_change(flows, old, new))

    async def fallen(self, hosts: dict[Address, bool], part: NatPart) -> None:
        """These hosts are not routed any more; True: because their way back is lost. Connections stay all the same."""
        if hosts:
            await self._end([ip_network(host) for host in hosts], lambda flows: without_way_back(flows, hosts, part))

    def watch(self, part: NatPart) -> None:
        """Tell the log of every flow from the VPN that this machine hides, or stop that, as the part says."""
        prefixes = {prefix for vpn in part.vpns if vpn.interface is not None for prefix in vpn.prefixes}
        networks = tuple(sorted(prefixes, key=str)) if part.log_flows else ()
        if networks == self._logged and self._log_fault is None:
            return
        self.close()
        self._logged, self._log_fault = networks, None
        if not networks:
            return
        try:
            self._events = ConntrackEvents(networks, self._tell, self._missed)
        except NetlinkError as error:
            self._log_fault = error.reason
        else:
            if not events_are_on():
                self._log_fault = "the kernel does not tell of flows (net.netfilter.nf_conntrack_events is 0)"

    def close(self) -> None:
        """Stop telling."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def problems(self) -> tuple[Problem, ...]:
        """What could not be done."""
        found = []
        if self._reason is not None:
            found.append(Problem("nat-flows", "nat", (("reason", self._reason),)))
        if self._log_fault is not None:
            found.append(Problem("nat-flow-log", "nat", (("reason", self._log_fault),)))
        return tuple(found)

    async def _end(self, networks: Sequence[Network], choose: "Choose") -> None:
        try:
            chosen = list(choose(await self._tracker.flows(networks)))
            ended = await self._tracker.delete(chosen)
        except NetlinkError as error:
            self._reason = error.reason
            return
        self._reason = None
        if ended:
            log.info("nat: %d flow%s ended, whose translation works no more", ended, "" if ended == 1 else "s")

    def _tell(self, what: str, flow: Flow) -> None:
        if what == "new" and flow.source_changed and any(flow.source in network for network in self._logged):
            flow_log.info("nat: flow %s", flow, extra={"every": True})

    @staticmethod
    def _missed() -> None:
        log.warning("nat: flows came faster than they could be logged; some are missing here")


class Choose(Protocol):
    """Which of the flows to end."""

    def __call__(self, flows: Iterable[Flow]) -> Iterable[Flow]: ...
