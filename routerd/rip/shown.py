"""A speaker as `/v1/status` shows it. Pure."""

from datetime import UTC, datetime

from routerd.rip_part import RipLearned, RipNeighbour, RipReport


def speaker_status(is_open: bool, report: RipReport) -> dict[str, object]:
    """Ready for JSON; the counters have the names of RFC 1724, where it has one."""
    return {
        "lan": report.lan,
        "version": report.version,
        "speaking": is_open,
        # Who is silent announces nothing: neighbours forget.
        "announced": report.announced if is_open else 0,
        "withdrawn": report.withdrawn if is_open else 0,
        "learned": report.learned,
        "key": report.key_id,
        "key_expired": report.key_expired,
        "last_error": report.last_error,
        "counters": dict(report.counters),
        "neighbours": [_neighbour(each) for each in report.neighbours],
    }


def learned_status(learned: RipLearned) -> dict[str, object]:
    """One learned route, ready for JSON."""
    return {
        "prefix": str(learned.prefix),
        "lan": learned.lan,
        "gateway": str(learned.gateway),
        "neighbour": str(learned.neighbour),
        "metric": learned.metric,
        "tag": learned.tag,
    }


def _neighbour(each: RipNeighbour) -> dict[str, object]:
    return {
        "address": str(each.address),
        "version": each.version,
        "last_update": _time(each.last_update),
        "routes": each.routes,
        "RcvBadPackets": each.bad_packets,
        "RcvBadRoutes": each.bad_routes,
        "authentication-failure": each.authentication_failures,
        "last_error": each.last_error,
    }


def _time(unix: float | None) -> str | None:
    if unix is None:
        return None
    return datetime.fromtimestamp(unix, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
