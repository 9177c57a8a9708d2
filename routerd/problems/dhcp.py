"""DHCP and its leases. Pure."""

from routerd.problems.declared import ERROR, WARNING, Declared

DECLARED = (
    Declared(
        "dhcp-socket",
        ERROR,
        "{subject}: DHCP cannot be served: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=1.0,
    ),
    Declared(
        "dhcp-rival",
        ERROR,
        "{subject}: DHCP is not served, because another DHCP server answers: {rivals}",
        'Stop that server or its pool for this LAN, and routerd takes over within 15 s. Or set `mode = "off"` here, or '
        "`authoritative = true` to serve whatever else is there.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "dhcp-rival-beside",
        WARNING,
        "{subject}: another DHCP server answers too, and its clients may lack the routes: {rivals}",
        "Stop that server or its pool for this LAN: which of the two a client gets is chance.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "lease-store",
        ERROR,
        "{subject}: {path} cannot be written: {reason}",
        "Free space, mend the file system, or set another leases.store and reload. Until then leases that are known "
        "are renewed from memory, and new ones are not promised.",
    ),
    Declared(
        "lease-store-absent",
        ERROR,
        "{subject}: {path} is not there and cannot be made: {reason}",
        "Free space, mend or remount the file system, or set another leases.store and reload. DHCP is not served until "
        "then: nothing is known of the leases that clients have, and no new one can be kept.",
    ),
    Declared(
        "lease-store-damaged",
        WARNING,
        "{subject}: {damage}; it is set aside as {aside}, and a new file has {kept}",
        "Look after the disk. Remove the file that was set aside when it is not needed any more; that ends this.",
    ),
    Declared(
        "pool-exhausted",
        WARNING,
        "{subject}: no free address is left in its pools",
        "Widen `pools`, or shorten `lease_time`.",
        depends_on=("dhcp-socket",),
    ),
    Declared(
        "address-in-use",
        WARNING,
        "{subject}: in use without a lease, so not offered: {addresses}",
        "Give the machine a reservation, or take the address out of `pools`; it is offered again when it is unused.",
        depends_on=("dhcp-socket",),
    ),
)
