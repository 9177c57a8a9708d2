"""The shapes of the JSON answers as JSON Schema, one for each view: what `/openapi.json` promises. Pure."""

from collections.abc import Iterable

from routerd.api.health import FAIL, PASS, WARN
from routerd.api.views import Json
from routerd.lease_records import MOST_RECORDS, OUTCOMES, STATES
from routerd.model import RouteState
from routerd.reports import REACHABLE, ReturnPath

TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}
TIME: Json = {"type": "string", "format": "date-time"}


def ref(name: str) -> Json:
    """A reference to a shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def rows(shape: Json) -> Json:
    """An array of a shape."""
    return {"type": "array", "items": shape}


def maybe(shape: Json) -> Json:
    """A shape, or null where it is not known."""
    return {"anyOf": [shape, {"type": "null"}]}


def one_of(values: Iterable[str]) -> Json:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


def by_name(shape: Json) -> Json:
    """An object whose keys are names."""
    return {"type": "object", "additionalProperties": shape}


def closed(properties: Json, optional: Iterable[str] = ()) -> Json:
    """An object of exactly these properties, all of them there but the optional ones."""
    required = [name for name in properties if name not in set(optional)]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_STATE = one_of(state.value for state in REACHABLE)

_PROBE = closed(
    {
        "kind": TEXT,
        "rtt_ms": maybe({"type": "number", "minimum": 0}),
        "last_success": maybe(TIME),
        "failures": COUNT,
        "failure": maybe(TEXT),
    }
)

_PEER = closed(
    {
        "name": TEXT,
        "public_key": maybe(TEXT),
        "vpn": TEXT,
        "addresses": rows(TEXT),
        "endpoint": maybe(TEXT),
        "state": _STATE,
        "reachable": maybe(FLAG),
        "flapping": FLAG,
        "since": maybe(TIME),
        "last_handshake": maybe(TIME),
        "rx_bytes": maybe(COUNT),
        "tx_bytes": maybe(COUNT),
        "probe": _PROBE,
        "evidence": rows(closed({"kind": TEXT, "at": maybe(TIME)})),
    }
)

_ROUTE = closed(
    {
        "prefix": TEXT,
        "gateway": maybe({"type": "string", "format": "ipv4"}),
        "metric": COUNT,
        "lan": TEXT,
        "channels": rows(TEXT),
        "state": one_of(state.value for state in RouteState),
        "reason": TEXT,
    }
)

_LEASE = closed(
    {
        "address": {"type": "string", "format": "ipv4"},
        "mac": TEXT,
        "client_id": maybe(TEXT),
        "hostname": maybe(TEXT),
        "lan": TEXT,
        "state": one_of(("offered", "bound", "released", "expired", "declined")),
        "starts": maybe(TIME),
        "expires": maybe(TIME),
        "accepts_routes": maybe(FLAG),
        "routes_current": maybe(FLAG),
    }
)

_OCTETS: Json = {"type": "string", "pattern": "^([0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*)?$"}
_SECONDS = maybe({"type": "number", "minimum": 0, "maximum": 100_000_000_000})

_IMPORT = closed(
    {
        "leases": rows(
            closed(
                {
                    "address": {"type": "string", "format": "ipv4"},
                    "hardware": _OCTETS,
                    "client_id": maybe(_OCTETS),
                    "hostname": maybe({"type": "string", "maxLength": 255}),
                    "state": one_of(STATES),
                    "starts": _SECONDS,
                    "expires": _SECONDS,
                    "line": {"type": "integer", "minimum": 0},
                },
                optional=("client_id", "hostname", "starts", "expires", "line"),
            )
        )
        | {"maxItems": MOST_RECORDS},
        "lan": maybe(TEXT),
        "dry_run": FLAG,
    },
    optional=("lan", "dry_run"),
)

_IMPORTED = closed(
    {
        "leases": rows(
            closed(
                {
                    "address": {"type": "string", "format": "ipv4"},
                    "outcome": one_of(OUTCOMES),
                    "state": one_of(STATES),
                    "reason": maybe(TEXT),
                    "line": {"type": "integer", "minimum": 0},
                }
            )
        )
    }
)

_HOST = closed(
    {
        "address": {"type": "string", "format": "ipv4"},
        "mac": maybe(TEXT),
        "hostname": maybe(TEXT),
        "lan": TEXT,
        "lease": maybe(closed({"expires": maybe(TIME), "routes_current": FLAG})),
        "accepts_routes": maybe(FLAG),
        "return_path": one_of(path.value for path in ReturnPath),
        "evidence": maybe(closed({"kind": TEXT, "next_hop_mac": maybe(TEXT), "at": maybe(TIME)})),
        "strategy": one_of(("site-gateway", "masquerade", "none")),
        "pinned": FLAG,
        "since": maybe(TIME),
    }
)

_PROBLEM = closed(
    {
        "code": TEXT,
        "subject": TEXT,
        "severity": one_of(("error", "warning", "info")),
        "text": TEXT,
        "mend": TEXT,
        "since": maybe(TIME),
        "caused_by": maybe(TEXT),
    }
)

_FAULT = closed({"path": TEXT, "value": maybe(TEXT), "rule": TEXT, "mend": TEXT})

_TRIAL = closed({"deadline": maybe(TIME)})

_STATUS = closed(
    {
        "version": TEXT,
        "started": maybe(TIME),
        "now": maybe(TIME),
        "uptime_s": {"type": "number", "minimum": 0},
        "counts": by_name(by_name(COUNT)),
        "services": {"type": "object"},
        "config": closed({"path": TEXT, "loaded": maybe(TIME), "errors": rows(ref("Fault"))}),
        "confirm": _TRIAL,
    },
    optional=("config", "confirm"),
)

_CHECK = closed(
    {
        "componentId": TEXT,
        "componentType": TEXT,
        "observedValue": {"type": ["string", "number"]},
        "observedUnit": TEXT,
        "status": one_of((PASS, WARN, FAIL)),
        "output": TEXT,
        "time": maybe(TIME),
    },
    optional=("componentId", "componentType", "observedValue", "observedUnit", "output", "time"),
)

_HEALTH = closed(
    {
        "status": one_of((PASS, WARN, FAIL)),
        "version": TEXT,
        "releaseId": TEXT,
        "description": TEXT,
        "checks": by_name(rows(_CHECK)),
    }
)

SHAPES: dict[str, Json] = {
    "Peer": _PEER,
    "PeerHealth": closed({"name": TEXT, "state": _STATE, "reachable": maybe(FLAG)}),
    "Route": _ROUTE,
    "Lease": _LEASE,
    "Host": _HOST,
    "Problem": _PROBLEM,
    "Fault": _FAULT,
    "Status": _STATUS,
    "Health": _HEALTH,
    "Error": closed({"error": TEXT}),
    "Reloaded": closed({"reloaded": {"const": True}, "confirm": _TRIAL}, optional=("confirm",)),
    "Confirmed": closed({"confirmed": {"const": True}}),
    "Refused": closed({"reloaded": {"const": False}, "errors": rows(ref("Fault"))}),
    "Import": _IMPORT,
    "Imported": _IMPORTED,
    "Released": closed({"released": {"type": "string", "format": "ipv4"}}),
}
