"""Every problem that routerd can have: its text, how bad it is, what to do, and what explains it. Pure."""

from routerd.problems import aliases, beside, dhcp, forwards, hosts, http, kernel, nat, peers, rip, site
from routerd.problems.declared import ERROR, INFO, WARNING, Declared

__all__ = ["ERROR", "INFO", "REGISTRY", "WARNING", "Declared"]

_AREAS = (site, forwards, aliases, rip, dhcp, beside, kernel, peers, http, hosts, nat)

REGISTRY: dict[str, Declared] = {declared.code: declared for area in _AREAS for declared in area.DECLARED}
