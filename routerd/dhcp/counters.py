"""What the DHCP server counts since its start, by the names of Kea's statistics where Kea has one. Pure."""

from collections import Counter

COUNTERS = {
    "pkt4-received": "datagrams read, readable or not",
    "pkt4-discover-received": "DISCOVERs for a network that is served",
    "pkt4-request-received": "REQUESTs for a network that is served",
    "pkt4-decline-received": "DECLINEs for a network that is served",
    "pkt4-release-received": "RELEASEs for a network that is served",
    "pkt4-inform-received": "INFORMs for a network that is served",
    "pkt4-unknown-received": "messages of a type that no client sends, BOOTP, or without anything that tells a client",
    "pkt4-sent": "replies that were sent",
    "pkt4-offer-sent": "OFFERs that were made",
    "pkt4-ack-sent": "ACKs that were made; one leaves when its lease is stored",
    "pkt4-nak-sent": "NAKs that were made",
    "pkt4-receive-drop": "messages that were dropped, for whatever of the reasons below",
    "pkt4-parse-failed": "dropped: no DHCP message, or a broken one",
    "pkt4-not-for-us": "dropped: for another server, from this one, or of a network that is not served",
    "pkt4-rfc-violation": "dropped: against RFC 2131, such as a REQUEST that names no address",
    "pkt4-not-the-clients": "dropped: a RELEASE or DECLINE of an address that its sender does not hold",
    "pkt4-duplicate": "dropped: the same DISCOVER still waited for its turn",
    "pkt4-queue-full": "dropped: too many messages waited, or for too long",
    "pkt4-limit-exceeded": "dropped: one client sent too many",
    "pkt4-processing-failed": "dropped: a fault in routerd, which is in its log",
    "v4-allocation-fail": "DISCOVERs without an OFFER, as every address was taken",
    "cumulative-assigned-addresses": "addresses that were leased to a client that did not hold them",
    "reclaimed-leases": "leases that ended because nobody renewed them",
    "reclaimed-declined-addresses": "declined addresses that may be leased again, as their quarantine is over",
    # Without a name in Kea:
    "pkt4-relay-info-left-out": "messages with more relay agent information (option 82) than a reply can echo",
    "pkt4-send-failed": "replies that the kernel did not take",
    "conflict-probe-sent": "ARP probes of free addresses",
    "conflict-found": "free addresses that a machine without a lease turned out to use",
    "conflict-found-late": "addresses that another machine turned out to use when they were just leased",
    "lease-store-failed": "commits of leases that failed",
}
"""Every counter, and what is counted."""


def zeros() -> Counter[str]:
    """All counters at 0, so that each is shown before it counts for the first time."""
    return Counter(dict.fromkeys(COUNTERS, 0))
