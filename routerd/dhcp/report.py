"""What is shown of leases and networks, as reports and as JSON for `/v1/status`. Pure."""

from collections.abc import Sequence
from ipaddress import IPv4Address

from routerd.dhcp.lease import BOUND, NOBODY, STATE_NAMES, Row
from routerd.dhcp.scope import Scope
from routerd.model import Event
from routerd.reports import LeaseReport
from routerd.wire import dotted


def lan_of(key: str) -> str:
    """The LAN's interface in the key of its leases, or of those of a network behind its relay agents."""
    return key.partition(" ")[0]


def lease_report(key: str, row: Row, offset: float, scope: Scope | None) -> LeaseReport:
    """One lease; `offset` turns the row's clock into Unix seconds. Without `scope` its network is not served now.

    A network that is not served hands out no routes, so who was sent some has others than the current ones.
    """
    current = None
    if row.state == BOUND:
        current = not row.given.routes and row.given.routes is not None if scope is None else scope.is_current(row)
    return LeaseReport(
        address=IPv4Address(row.address),
        mac=row.hardware[1:].hex(":"),
        client_id=None if row.client in (NOBODY, row.hardware) else row.client.hex(":"),
        hostname=row.hostname,
        lan=lan_of(key),
        state=STATE_NAMES[row.state],
        starts=row.starts + offset,
        expires=row.expires + offset,
        accepts_routes=row.given.accepts_routes,
        routes_current=current,
    )


def lease_event(key: str, row: Row, at: float) -> Event:
    """What has become of a lease at the time `at` (Unix seconds)."""
    data = {"lan": lan_of(key), "mac": row.hardware[1:].hex(":"), "hostname": row.hostname}
    return Event("lease", dotted(row.address), STATE_NAMES[row.state], at, data)


def routes_status(scopes: Sequence[Scope]) -> dict[str, int]:
    """How far the routes of a LAN have got: `handed_out` now, and of the bound `leases` how many are `current`.

    Routes count that only some clients are sent, and leases that are on their way to the disk. The leases by whether
    their clients ask for routes: `accepting`, `not_accepting`, and `unknown`. Costs as much with 50,000 leases as with
    one, but for what `Scope.current` says.
    """
    tallies = [scope.table.given for scope in scopes]
    routes = [told for scope in scopes for told in (scope.part.routes, *(own for _, own in scope.part.own_routes))]
    return {
        "handed_out": len({prefix for told in routes for prefix, _ in told}),
        "leases": sum(map(len, tallies)),
        "current": sum(scope.current() for scope in scopes),
        "accepting": sum(tally.accepting(True) for tally in tallies),
        "not_accepting": sum(tally.accepting(False) for tally in tallies),
        "unknown": sum(tally.accepting(None) for tally in tallies),
    }


def subnet_status(scope: Scope) -> dict[str, object]:
    """One network's addresses, named as Kea's statistics of a subnet: in its pools, held by clients, kept off.

    Kept off are those that a client or a probe found in use; as in Kea they count as assigned as well.
    """
    declined = len(scope.table.declined()) + len(scope.table.occupied())
    return {
        "subnet": str(scope.part.network),
        "total-addresses": scope.table.pools.size(),
        "assigned-addresses": len(scope.table.given) + declined,
        "declined-addresses": declined,
    }
