"""`make fuzz`: mutated messages of real clients against the whole receive path.

python -m tests.fuzz [SECONDS [SEED]]; five minutes and a seed of its own by default. Every crash becomes a file in
tests/fuzz/cases, which a unit test replays ever after. Exit 1 where one was found.
"""

import logging
import secrets
import sys
import time

from tests.fuzz.fuzzer import Fuzzer

EVERY = 30.0


def main(seconds: float, seed: int) -> int:
    """Run, and say how it goes."""
    logging.getLogger("routerd").setLevel(logging.CRITICAL)
    print(f"fuzz: seed {seed}, {seconds:g} s", flush=True)
    fuzzer, begin = Fuzzer(seed), time.monotonic()
    while (left := begin + seconds - time.monotonic()) > 0:
        fuzzer.run(min(EVERY, left))
        spent = time.monotonic() - begin
        rate = fuzzer.played / spent
        print(f"fuzz: {spent:5.0f} s  {fuzzer.played} messages, {rate:.0f}/s, {fuzzer.learned} outcomes", flush=True)
    for case in dict.fromkeys(fuzzer.found):
        print(f"fuzz: {case}: {case.read_text().splitlines()[0]}")
    return 1 if fuzzer.found else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else 300.0, int(given[1]) if given[1:] else secrets.randbits(32)))
