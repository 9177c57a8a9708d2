"""What routerd would do, as JSON and as lines for people. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from routerd.commands.plan_beside_view import beside_json, beside_text
from routerd.commands.plan_nat_view import nat_json, nat_text
from routerd.commands.plan_rip_view import rip_json, rip_text
from routerd.commands.table import Cell, Paper, columns, table, wrap
from routerd.model import KernelRoute, Plan, ProbeTarget, Sysctl
from routerd.reports import ProblemReport
from routerd.routes.desired import Key, diff, on_link_prefixes, sysctl_changes
from routerd.routes.problems import route_text, setting_name

_ACTIONS = {
    "add": ("to be added", "good"),
    "present": ("there already", "dim"),
    "foreign": ("there already, made by another program", "dim"),
    "remove": ("to be removed", "warning"),
}
_SEVERITIES = {"error": "error", "warning": "warning"}


@dataclass(frozen=True, slots=True)
class Outlook:
    """The plan, and what of it is so already: routerd's own kernel routes, prefixes of others' routes, settings.

    `unmade` are the forwards of the configuration that are not in the plan: LAN, where they listen, and lead.
    """

    plan: Plan
    targets: tuple[ProbeTarget, ...] = ()
    problems: tuple[ProblemReport, ...] = ()
    present: Collection[KernelRoute] = ()
    foreign: Collection[IPv4Network] = ()
    settings: Mapping[Key, int] | None = None
    unmade: tuple[tuple[str, str, str], ...] = ()


def kernel_routes(outlook: Outlook) -> Iterator[tuple[KernelRoute, str]]:
    """Every kernel route of the plan, and those that go, with what becomes of it: add, present, foreign or remove."""
    part = outlook.plan.kernel
    add, delete = diff(part, outlook.present, outlook.foreign)
    taken = on_link_prefixes(part) & set(outlook.foreign)
    for route in dict.fromkeys(part.routes):
        is_on_link = route.gateway is None and route.interface is not None
        if route in add:
            yield route, "add"
        else:
            yield route, "foreign" if is_on_link and route.prefix in taken else "present"
    yield from ((route, "remove") for route in delete)


def settings(outlook: Outlook) -> Iterator[tuple[Sysctl, int | None, bool]]:
    """Every setting of the plan, its value now (None: there is none), and whether it will be changed."""
    now = outlook.settings or {}
    changes = sysctl_changes(outlook.plan.kernel, now)
    for wish in outlook.plan.kernel.sysctls:
        yield wish, now.get((wish.interface, wish.name)), wish in changes


def as_json(outlook: Outlook) -> dict[str, object]:
    """The whole plan for machines."""
    routes = [
        {
            "prefix": str(route.prefix),
            "gateway": _text(route.gateway),
            "metric": route.metric,
            "lan": route.lan,
            "channels": list(route.channels),
            "state": route.state.value,
            "reason": route.reason,
        }
        for route in outlook.plan.routes
    ]
    dhcp = [
        {
            "lan": part.interface,
            "address": str(part.address),
            "network": str(part.network),
            "pools": [str(pool) for pool in part.settings.pools],
            "router": _text(part.router),
            "routes": [{"prefix": str(prefix), "gateway": str(gateway)} for prefix, gateway in part.routes],
        }
        for part in outlook.plan.dhcp
    ]
    kernel = {
        "routes": [{"route": route_text(route), "action": action} for route, action in kernel_routes(outlook)],
        "sysctls": [
            {"name": setting_name(wish.interface, wish.name), "value": wish.value, "now": now, "change": change}
            for wish, now, change in settings(outlook)
        ],
    }
    peers = [
        {"name": target.name, "vpn": target.vpn, "probe": target.kind, "address": _text(target.address)}
        for target in outlook.targets
    ]
    problems = [{"code": p.code, "subject": p.subject, "text": p.text, "mend": p.mend} for p in outlook.problems]
    nat = nat_json(outlook.plan.nat, outlook.plan.aliases)
    beside = beside_json(outlook.plan.beside)
    parts = {
        "routes": routes,
        "dhcp": dhcp,
        "dhcp_beside": beside,
        "kernel": kernel,
        "nat": nat,
        "rip": rip_json(outlook.plan.rip),
    }
    unmade = [
        {"lan": lan, "listen": listen, "to": to, "why": _why(outlook, listen, to)} for lan, listen, to in outlook.unmade
    ]
    return {**parts, "forwards_not_made": unmade, "peers": peers, "problems": problems}


def as_text(outlook: Outlook, paper: Paper) -> list[str]:
    """The whole plan for people."""
    made = outlook.plan
    routes = [(r.prefix, r.gateway, r.lan, ", ".join(r.channels), r.state.value, r.reason) for r in made.routes]
    head = columns("PREFIX", "VIA", "~LAN", "~CHANNELS", "STATE", "~REASON")
    lines = table("Routes", head, routes, "none", paper)
    dhcp = [
        (p.interface, p.address, ", ".join(str(pool) for pool in p.settings.pools) or None, p.router,
         ", ".join(f"{prefix} via {gateway}" for prefix, gateway in p.routes) or None)
        for p in made.dhcp
    ]  # fmt: skip
    lines += table("DHCP", columns("LAN", "FROM", "~POOLS", "ROUTER", "~OPTION 121"), dhcp, "not served", paper)
    lines += beside_text(made.beside, paper)
    kernel = [(route_text(route), Cell(*_ACTIONS[action])) for route, action in kernel_routes(outlook)]
    lines += table("Kernel routes", columns("~ROUTE", "~ACTION"), kernel, "none", paper)
    values = [
        (setting_name(w.interface, w.name), w.value, _become(now, change)) for w, now, change in settings(outlook)
    ]
    lines += table("Kernel settings", columns("~NAME", ">VALUE", "~ACTION"), values, "none", paper)
    lines += nat_text(made.nat, made.aliases, paper)
    lines += _unmade(outlook, paper)
    lines += rip_text(made.rip, paper)
    peers = [(t.name, t.vpn, t.kind, t.address) for t in outlook.targets]
    lines += table("Peers", columns("~NAME", "~VPN", "PROBE", "ADDRESS"), peers, "none", paper)
    return [*lines, *_problems(outlook, paper)]


def _unmade(outlook: Outlook, paper: Paper) -> list[str]:
    rows = [(listen, to, lan, _why(outlook, listen, to)) for lan, listen, to in outlook.unmade]
    head = columns("LISTEN", "~TO", "LAN", "~WHY")
    return table("Port forwards that are not made", head, rows, "none", paper) if rows else []


def _why(outlook: Outlook, listen: str, to: str) -> str:
    """What keeps a forward from being made; where it is no problem of its own, it is one of those that are told."""
    subject = f"forward {listen} to {to}"
    texts = (p.text.removeprefix(f"{subject}: ") for p in outlook.problems if p.subject == subject)
    return next(texts, "its LAN or its vpn is not there now").removeprefix("nothing is forwarded, because ")


def _become(now: int | None, change: bool) -> Cell:
    if now is None:
        return Cell("not there now", "dim")
    return Cell(f"to be set, now {now}", "good") if change else Cell("so already", "dim")


def _problems(outlook: Outlook, paper: Paper) -> Iterator[str]:
    for problem in outlook.problems:
        severity = problem.severity
        text, *rest = wrap(f"{severity}: {problem.text}", paper, "  ")
        yield text.replace(severity, paper.paint(severity, _SEVERITIES.get(severity, "")), 1)
        yield from rest
        yield from wrap(f"  {problem.mend}", paper, "  ")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
