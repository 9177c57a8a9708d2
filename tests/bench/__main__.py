"""`make bench`: prints routerd's figures and writes them, with date and machine, to RESULTS.md."""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import dhcp, http, nat, peers, rip, start

RESULTS = Path(__file__).with_name("RESULTS.md")

SECTIONS = {
    "start": start.measure,
    "dhcp": dhcp.measure,
    "http": http.measure,
    "peers": peers.measure,
    "nat": nat.measure,
    "rip": rip.measure,
}


def machine() -> str:
    """The machine in one line."""
    model = next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "?")
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    return Path("/proc/cpuinfo").read_text().splitlines()


def main(names: list[str]) -> int:
    """Measure the named sections, or all, and replace them in RESULTS.md."""
    wanted = names or list(SECTIONS)
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        print(f"bench: no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    kept = _sections(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in wanted:
        print(f"measuring {name} …", flush=True)
        body = SECTIONS[name]()
        kept[name] = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}\n\n{body}"
        print(body, flush=True)
    order = [*SECTIONS, *(name for name in kept if name not in SECTIONS)]
    text = (
        "# Figures\n\nWritten by `make bench`: medians of several runs; every ratio is of programs in the same run.\n"
    )
    text += "".join(f"\n## {name}\n\n{kept[name].strip()}\n" for name in order if name in kept)
    RESULTS.write_text(text)
    return 0


def _sections(text: str) -> dict[str, str]:
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0].strip(): part.partition("\n")[2].strip() for part in parts}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
