"""The law of items: any sequence of updates leaves what one apply of the result makes from nothing."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from routerd.model import PeerChange, PeerKey, PeersPart, ProbeTarget
from routerd.peers.probes import Probes
from routerd.peers.roster import Roster


def target(name: str, key: str | None, address: str | None, interval: float, interface: str) -> ProbeTarget:
    kind = "icmp" if address is not None else "handshake"
    return ProbeTarget(name, "vpn", key, ip_address(address) if address else None, kind, interval, interface)


TARGETS = st.builds(
    target,
    st.sampled_from("abcd"),
    st.sampled_from((None, "key1", "key2", "key3")),
    st.sampled_from((None, "10.0.0.1", "10.0.0.2", "fd00::1")),
    st.sampled_from((1.0, 10.0)),
    st.sampled_from(("wg0", "wg1")),
)
CHANGES = st.lists(
    st.one_of(
        TARGETS.map(lambda t: PeerChange(("vpn", t.name), t)),
        st.sampled_from("abcd").map(lambda n: PeerChange(("vpn", n), None)),
    )
)


def shown(roster: Roster, probes: Probes) -> tuple[object, ...]:
    entries = {(entry.target.vpn, entry.target.name): (entry.target, entry.listed) for entry in roster.entries()}
    return entries, probes.probed()


@given(st.lists(CHANGES, max_size=8), st.lists(TARGETS, max_size=4, unique_by=lambda t: t.name))
def test_updates_equal_one_apply(batches: list[list[PeerChange]], first: list[ProbeTarget]) -> None:
    roster, probes = Roster(), Probes(1)
    start = PeersPart(tuple(first))
    roster.apply(start, 0.0, 0.0)
    probes.configure(start, 0.0)
    wanted: dict[PeerKey, ProbeTarget] = {("vpn", t.name): t for t in first}
    for now, batch in enumerate(batches):
        latest = {change.key: change for change in batch}.values()
        roster.update(latest, float(now), float(now))
        probes.update(latest, float(now))
        probes.on_deadline(float(now))
        for key, changed in latest:
            wanted.pop(key, None)
            if changed is not None:
                wanted[key] = changed
    fresh_roster, fresh_probes = Roster(), Probes(1)
    part = PeersPart(tuple(wanted.values()))
    fresh_roster.apply(part, 0.0, 0.0)
    fresh_probes.configure(part, 0.0)
    assert shown(roster, probes) == shown(fresh_roster, fresh_probes)


def test_an_empty_part_leaves_nothing() -> None:
    roster, probes = Roster(), Probes(1)
    part = PeersPart((target("a", "key1", "10.0.0.1", 1.0, "wg0"),))
    roster.apply(part, 0.0, 0.0)
    probes.configure(part, 0.0)
    roster.apply(PeersPart(), 1.0, 1.0)
    probes.configure(PeersPart(), 1.0)
    assert shown(roster, probes) == ({}, {})
    assert probes.next_deadline() is None
