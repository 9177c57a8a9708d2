"""Shifted port ranges by few rules. Pure.

nftables cannot add, and a map has no ranges to shift, so a range of n ports would take n elements: 60,000 of them take
seconds to load. But to add a constant is to flip the bits where the constant and the carry differ, and which bits these
are depends on few bits of the port: those that decide over carries. A rule for each such case does the same:

    tcp dport & 0x0010 == 0x0000 dnat ip to 10.0.0.1 : tcp dport ^ 0x2710

Round numbers take some tens of rules, the worst constant 1,597.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from routerd.nat_part import NatForward

_BITS = 16
_LAST = _BITS - 1
_DEARER = 4
"""A rule costs about as much as so many elements."""


class Step(NamedTuple):
    """A case: where the port's bits in `mask` are those of `value`, those in `flip` are to be flipped."""

    mask: int
    value: int
    flip: int


def by_rules(forward: NatForward) -> tuple[Step, ...]:
    """The cases of a forward that is better done by rules; none where it is not shifted, or so short."""
    shift, count = forward.to_first - forward.first, forward.last - forward.first + 1
    if not shift or count <= 2 * _DEARER:
        return ()
    found = steps(forward.first, forward.last, shift)
    return found if len(found) * _DEARER < count * len(forward.addresses) else ()


@lru_cache(maxsize=256)
def steps(first: int, last: int, shift: int) -> tuple[Step, ...]:
    """For each port from `first` to `last` there is exactly one case, and its flip adds `shift`."""
    cases = _cases(shift & (1 << _BITS) - 1, 0, 0, Step(0, 0, 0))
    return tuple(step for step in cases if _holds(step, first, last))


def _cases(shift: int, bit: int, carry: int, so_far: Step) -> Iterator[Step]:
    if bit == _BITS:
        yield so_far
        return
    mask, value, flip = so_far
    if shift >> bit & 1 == carry:
        # 0 + 0 or 1 + 1: the port's bit stays, whatever it is, and the carry too.
        yield from _cases(shift, bit + 1, carry, so_far)
        return
    here = 1 << bit
    if bit == _LAST:
        yield Step(mask, value, flip | here)
        return
    # The port's bit is flipped, and is the next carry.
    yield from _cases(shift, bit + 1, 0, Step(mask | here, value, flip | here))
    yield from _cases(shift, bit + 1, 1, Step(mask | here, value | here, flip | here))


def _holds(step: Step, first: int, last: int) -> bool:
    """Is there a port of this case between the two?"""
    edges = {(True, True)}
    for bit in range(_LAST, -1, -1):
        low, high = first >> bit & 1, last >> bit & 1
        fixed = (step.value >> bit & 1,) if step.mask >> bit & 1 else (0, 1)
        edges = {
            (at_first and one == low, at_last and one == high)
            for at_first, at_last in edges
            for one in fixed
            if not (at_first and one < low) and not (at_last and one > high)
        }
    return bool(edges)
