"""The one table of routerd's, as text for `nft -f -`. Pure.

The table is deleted and made anew in one transaction, with the counters' values and the proofs' times in the text:
a packet meets the old rules or the new ones, never a mixture or none; nothing of an older version or of another
program's can be left in it; and no set is flushed and filled in one step, which some kernels' interval sets get wrong.
What is counted between the reading of the values and the transaction, a few milliseconds, is lost.
"""

from collections.abc import Mapping
from hashlib import sha256

from routerd.nat import elements, guard, translation
from routerd.nat.proofs import Held, sets
from routerd.nat.words import TABLE, chain
from routerd.nat_part import NatPart

COUNTERS = {
    "masquerade": "masqueraded",
    "site-gateway": "routed",
    "forward": "forwarded",
    "alias": "aliased",
    "map": "mapped",
    "spoofed": "spoofed",
}
"""What is counted, and the counter's name: some words are nft's own. All count flows, but `spoofed` packets."""

Counted = Mapping[str, tuple[int, int]]
"""Counter's name to packets and bytes."""

DELETE = f"table {TABLE} {{ }}\ndelete table {TABLE}\n"
"""Removes the table, whether it is there or not."""


def is_empty(part: NatPart) -> bool:
    """Does the part want no table?"""
    return not part.vpns


def rules(part: NatPart) -> str:
    """Sets, maps and chains, without what changes by itself. Raises `RulesetError`."""
    lines = elements.maps(part)
    lines += guard.guard(part)
    lines += translation.chains(part)
    lines += guard.clamp(part)
    return "".join(f"{line}\n" for line in lines)


def digest(text: str) -> str:
    """What tells texts apart, in 16 hexadecimal digits."""
    return sha256(text.encode()).hexdigest()[:16]


def transaction(part: NatPart, body: str, held: Held, counted: Counted) -> str:
    """The text that puts `body`, the rules of `part`, in place, with what holds for hosts and the counters' values."""
    lines = []
    for name in COUNTERS.values():
        packets, octets = counted.get(name, (0, 0))
        lines += [f"\tcounter {name} {{", f"\t\tpackets {packets} bytes {octets}", "\t}"]
    lines += sets(held, part)
    lines += chain("about", [f'return comment "text {digest(body)}"'])
    state = "".join(f"{line}\n" for line in lines)
    return f"{DELETE}table {TABLE} {{\n{state}{body}}}\n"


def seal(body: str, listing: str) -> str:
    """The text that notes in the table how it was listed after `transaction`, so that a later start can trust it."""
    return f'flush chain {TABLE} about\nadd rule {TABLE} about return comment "text {digest(body)} listing {listing}"\n'
