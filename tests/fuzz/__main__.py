"""`make fuzz`: mutated messages against the whole receive path of DHCP and of RIP.

python -m tests.fuzz [SECONDS [SEED [dhcp|rip]]]; five minutes, a seed of its own and both by default, one after the
other. Every crash becomes a file in tests/fuzz/cases, which a unit test replays ever after. Exit 1 where one was found.
"""

import logging
import secrets
import sys
import time

from tests.fuzz.dhcp import DHCP
from tests.fuzz.fuzzer import Fuzzer
from tests.fuzz.rip import RIP
from tests.fuzz.target import Target

EVERY = 30.0
TARGETS: dict[str, Target] = {target.name: target for target in (DHCP, RIP)}


def main(seconds: float, seed: int, *names: str) -> int:
    """Run, and say how it goes."""
    logging.getLogger("routerd").setLevel(logging.CRITICAL)
    targets = [TARGETS[name] for name in names or TARGETS]
    return max(_run(target, seconds / len(targets), seed) for target in targets)


def _run(target: Target, seconds: float, seed: int) -> int:
    print(f"fuzz {target.name}: seed {seed}, {seconds:g} s", flush=True)
    fuzzer, begin = Fuzzer(target, seed), time.monotonic()
    while (left := begin + seconds - time.monotonic()) > 0:
        fuzzer.run(min(EVERY, left))
        spent = time.monotonic() - begin
        told = f"{fuzzer.played} messages, {fuzzer.played / spent:.0f}/s, {fuzzer.learned} outcomes"
        print(f"fuzz {target.name}: {spent:5.0f} s  {told}", flush=True)
    for case in dict.fromkeys(fuzzer.found):
        print(f"fuzz {target.name}: {case}: {case.read_text().splitlines()[0]}")
    return 1 if fuzzer.found else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    chosen = int(given[1]) if given[1:] else secrets.randbits(32)
    sys.exit(main(float(given[0]) if given else 300.0, chosen, *given[2:]))
