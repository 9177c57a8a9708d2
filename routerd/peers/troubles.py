"""What is wrong with peers now, as problems; of many that share one cause the first hundred are named. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from routerd.config.probes import probing
from routerd.model import PeerKey, Problem
from routerd.peers.entries import Entry
from routerd.peers.failures import told
from routerd.peers.sends import key_of
from routerd.reports import PeerState

MOST_NAMED = 100


def troubles(entries: Iterable[Entry], devices: dict[str, str], flapping: frozenset[PeerKey]) -> Iterator[Problem]:
    """The problems of these entries; `devices` are the interfaces of the vpns that can be read now.

    `flapping` are peers whose coming and going is one problem that stays.
    """
    for entry in entries:
        state, target = entry.status.state, entry.target
        interface = devices.get(target.vpn) or target.interface or "?"
        if flapping and key_of(target) in flapping:
            yield _problem("peer-flapping", entry, interface=interface)
        elif state is PeerState.DOWN:
            yield _down(entry, interface)
        if target.vpn not in devices:
            continue
        if entry.peer is None:
            if entry.listed:
                yield _problem("peer-unmatched", entry, vpn=target.vpn)
        elif entry.peer.endpoint is None and not entry.peer.last_handshake:
            yield _problem("peer-no-endpoint", entry, name=target.name)


def _down(entry: Entry, interface: str) -> Problem:
    target = entry.target
    what, hint = told(probing(target.kind), target.kind, str(target.address), entry.failure, interface)
    return _problem("peer-down", entry, what=what, hint=hint)


def named(problems: Iterable[Problem], most: int = MOST_NAMED) -> Iterator[Problem]:
    """The first `most` problems of each code and vpn, and for the rest one problem that counts them."""
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for problem in problems:
        kind = (problem.code, problem.within)
        counts[kind] += 1
        if counts[kind] <= most:
            yield problem
    for (code, within), count in counts.items():
        if count > most:
            values = (("code", code), ("count", str(count - most)))
            yield Problem("peers-more", f"{within[0]}, {code}", values, within)


def _problem(code: str, entry: Entry, **values: str) -> Problem:
    target = entry.target
    return Problem(code, f"peer {target.name}", tuple(values.items()), (f"vpn {target.vpn}",))
