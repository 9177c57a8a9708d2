"""Every problem that routerd can have: its text, how bad it is, what to do, and what explains it. Pure."""

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"
INFO = "info"


@dataclass(frozen=True, slots=True)
class Declared:
    """A kind of problem. `text` and `mend` are filled from `Problem.subject` and `Problem.values`.

    `depends_on` names the codes that explain this one where they stand for the same subject or for something that
    it belongs to. `patience` is how many seconds it must last before it is shown. `counts` is for a problem that
    stands for many of one code: the value that holds it; then severity and patience are those of that code.
    """

    code: str
    severity: str
    text: str
    mend: str
    depends_on: tuple[str, ...] = ()
    patience: float = 0.0
    counts: str = ""


_FORWARD_IPV6 = (
    "Run: sysctl -w net.ipv6.conf.all.forwarding=1. Before that, set net.ipv6.conf.INTERFACE.accept_ra=2 for every "
    "interface that gets its own address from router advertisements: it would lose it. From Linux 6.17 on routerd "
    "does without, for its own interfaces alone."
)
_DECLARED = (
    Declared(
        "config-invalid",
        ERROR,
        "{subject}: {path} was not taken over, it has {count}; the first: {first}",
        "Correct it (routerd check lists all faults) and reload again; the configuration from before goes on.",
    ),
    Declared(
        "not-confirmed",
        WARNING,
        "{subject}: {path} is on trial, and is taken back in {seconds} s",
        "Run: routerd confirm. Without that all is as it was before the trial.",
    ),
    Declared(
        "configuration-rolled-back",
        WARNING,
        "{subject}: {path} is not what runs: it was on trial and was not confirmed",
        "Correct it, or put it into force again: routerd reload --confirm 60s, and then routerd confirm.",
    ),
    Declared(
        "interface-missing",
        ERROR,
        "{subject}: the interface does not exist",
        "Create it, or correct `interface` in the configuration; routerd goes on by itself when it appears.",
        patience=1.0,
    ),
    Declared(
        "interface-down",
        ERROR,
        "{subject}: the interface is down",
        "Bring it up: ip link set {interface} up",
        patience=2.0,
    ),
    Declared(
        "interface-no-address",
        ERROR,
        "{subject}: the interface has no IPv4 address",
        "Give it one, or set `address` of this LAN.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "address-not-local",
        WARNING,
        "{subject}: {address} is not an address of the interface now",
        "This machine stays silent on this LAN until it holds the address.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "no-prefixes",
        ERROR,
        "{subject}: no prefix is known to be behind it",
        "Set `prefixes`, or give the interface an address or its peers AllowedIPs.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "prefix-overlaps-lan",
        ERROR,
        "{subject}: {prefix} overlaps the LAN {network} and is not handed out",
        "Renumber one of the two, or leave the LAN out of the AllowedIPs of the peer.",
    ),
    Declared(
        "gateway-not-on-link",
        ERROR,
        "{subject}: none of its gateways is on a LAN that takes part",
        "Give `gateways` an address of a listed LAN, or list the LAN that the gateway is on.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "no-next-hop",
        ERROR,
        "{subject}: hosts in {network} have no next hop for the VPN, so they are not told of it",
        "Set `router` of this lan.dhcp.subnet.",
    ),
    Declared(
        "router-not-on-link",
        ERROR,
        "{subject}: the router {router} is not on the LAN's network {network}",
        'Set `router` of lan.dhcp to an address of this LAN, or to "none".',
    ),
    Declared(
        "pool-not-on-link",
        ERROR,
        "{subject}: the pool {pool} is not inside the LAN's network {network}",
        "Correct `pools`, or the address of the interface.",
    ),
    Declared(
        "reservation-not-on-link",
        ERROR,
        "{subject}: the reserved address {address} is not inside the LAN's network {network}",
        "Correct the reservation, or the address of the interface; until then its client gets an address of the pools.",
    ),
    Declared(
        "reservation-never-leased",
        WARNING,
        "{subject}: the reserved address {address} is never leased: it is a router's, this machine's own, or the first "
        "or last one of {network}",
        "Reserve another address; until then its client gets an address of the pools.",
    ),
    Declared(
        "reservation-router-not-on-link",
        WARNING,
        "{subject}: the router {router} of the reservation of {address} is not on the network {network}",
        'Set `router` of the reservation to an address of this network, or to "none"; until then its client has none.',
    ),
    Declared(
        "subnet-overlaps-lan",
        ERROR,
        "{subject}: {subnet} is not served behind a relay agent: it overlaps the LAN {lan} ({network})",
        "Correct `subnet` of this lan.dhcp.subnet, or the address of the interface.",
    ),
    Declared(
        "map-size",
        ERROR,
        "{subject}: it cannot be shown as {shown}, because behind it is {real}; its routes are not handed out",
        "Set `prefixes` of the vpn to one prefix of the size of `map_to`, or correct `map_to`.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "map-overlaps",
        ERROR,
        "{subject}: it cannot be shown as {shown}, which overlaps {what} {network}; its routes are not handed out",
        "Set `map_to` to a prefix that nothing else uses.",
    ),
    Declared(
        "forward-no-address",
        WARNING,
        "{subject}: nothing is forwarded, because no single address of {peer} is known",
        "Set `address` of the peer, or write its address in `to`.",
        depends_on=("interface-missing", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "forward-not-behind",
        WARNING,
        "{subject}: nothing is forwarded, because {address} is behind no vpn of the LAN",
        "Correct `to`, or add the address to the AllowedIPs of the peer, or to `prefixes` of the vpn.",
        depends_on=("interface-missing", "interface-down", "no-prefixes", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "forward-leads-nowhere",
        WARNING,
        "{subject}: it leads nowhere, because {why}",
        "Correct `to`, or add the address to the AllowedIPs of the peer that has it.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "forward-nowhere",
        WARNING,
        "{subject}: nothing is forwarded, because this machine has no IPv6 address on a LAN to listen at",
        "Give the interface of the LAN an IPv6 address that is not link-local.",
        depends_on=("interface-missing", "interface-down"),
        patience=5.0,
    ),
    Declared(
        "forward-own-port",
        ERROR,
        "{subject}: nothing is forwarded, because routerd serves HTTP there ({http})",
        "Choose another port in `listen`, or another one for HTTP (http.listen).",
    ),
    Declared(
        "forward-takes-port",
        WARNING,
        "{subject}: {who} on this machine listens at port {port} too, where hosts of the site reach the peer now",
        "{hint}Choose another port in `listen`, or move that service.",
    ),
    Declared(
        "alias-in-use",
        ERROR,
        "{subject}: it is not taken, because it is {what}",
        "Choose a free address of the LAN. One that is leased is taken when its client has given it back.",
    ),
    Declared(
        "alias-not-on-link",
        ERROR,
        "{subject}: it is not taken, because it is not in the LAN's network {network}",
        "Choose a free address of the LAN, or correct the address of the interface.",
    ),
    Declared(
        "alias-no-address",
        WARNING,
        "{subject}: it is not taken, because no single IPv4 address of {peer} is known",
        "Set `address` of the peer.",
        depends_on=("interface-missing", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "alias-not-behind",
        WARNING,
        "{subject}: it is not taken, because {peer} ({address}) is behind no vpn of the LAN",
        "Correct the peer's address, add it to its AllowedIPs, or to `prefixes` of the vpn.",
        depends_on=("interface-missing", "interface-down", "no-prefixes", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "alias-allowed",
        ERROR,
        "{subject}: it is not taken, because the peer {peer} has it in its AllowedIPs ({network}); whenever another "
        "program removes the rules, its packets would go there",
        "Narrow the AllowedIPs of that peer, or use [[lan.forward]] for the ports that are needed.",
    ),
    Declared(
        "alias-conflict",
        ERROR,
        "{subject}: it does not stand for {peer}, because {who} has it",
        "Choose a free address, or give that machine another one; it is asked for again every minute.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "alias-unclaimed",
        ERROR,
        "{subject}: alias addresses cannot be claimed or answered for: {reason}",
        "routerd tries again by itself; if it lasts: is the interface an Ethernet, and has routerd the capabilities "
        "CAP_NET_RAW and CAP_NET_ADMIN?",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "alias-store",
        WARNING,
        "{subject}: {path} {reason}; after a restart some peers may get another address of the pool",
        "Mend its disk or its rights, or remove it, then restart routerd; aliases work all the same.",
        patience=2.0,
    ),
    Declared(
        "alias-store-damaged",
        WARNING,
        "{subject}: {path} {reason}; it was set aside as {aside}, and some peers may have another address of the pool "
        "than before",
        "Look what has damaged it, and remove {aside}.",
    ),
    Declared(
        "alias-pool-taken",
        ERROR,
        "{subject}: {peers} peers have no alias, because other machines use addresses of the pool: {addresses}",
        "Widen `alias_pool`, or give those machines other addresses.",
    ),
    Declared(
        "alias-pool-shared",
        INFO,
        "{subject}: other machines use addresses of the pool of aliases: {addresses}; the peers have others",
        "Take these addresses out of `alias_pool`, or give those machines other ones.",
    ),
    Declared(
        "alias-pool-leased",
        INFO,
        "{subject}: no alias is taken out of {pool} where a client has a lease: {addresses}",
        "Nothing has to be done: they are free for peers when these leases end. Or choose another `alias_pool`.",
    ),
    Declared(
        "alias-pool-allowed",
        ERROR,
        "{subject}: peers of {vpn} get no alias out of {pool}, because the peer {peer} has it in its AllowedIPs "
        "({network}); whenever another program removes the rules, their packets would go there",
        "Narrow the AllowedIPs of that peer, or use [[lan.forward]] for the ports that are needed.",
    ),
    Declared(
        "alias-pool-not-on-link",
        ERROR,
        "{subject}: the pool of aliases {pool} is not inside the LAN's network {network}",
        "Correct `alias_pool`, or the address of the interface.",
    ),
    Declared(
        "alias-pool-small",
        WARNING,
        "{subject}: the pool of aliases {pool} has {free} free addresses for {peers} peers",
        "Widen `alias_pool`; until then some peers have no alias.",
        patience=2.0,
    ),
    Declared(
        "rip-socket",
        ERROR,
        "{subject}: RIP{version} is not spoken: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=3.0,
    ),
    Declared(
        "rip-other-daemon",
        ERROR,
        "{subject}: RIP{version} is left to another program: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "rip-other-beside",
        WARNING,
        "{subject}: {who} on this machine has begun to speak RIP{version} here as well; routerd goes on",
        "Stop one of the two: routers cannot tell them apart. routerd export frr, or bird, prints what it would need.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "rip-key",
        ERROR,
        "{subject}: the key file {path} cannot be used: {reason}; {now}",
        "{hint} Then reload.",
    ),
    Declared(
        "rip-key-expired",
        WARNING,
        "{subject}: no RIP key may be used for sending now; key {key}, whose time is over or to come, is used",
        "Add a key whose time is now to all routers of the LAN, and reload.",
    ),
    Declared(
        "rip-authentication",
        WARNING,
        "{subject}: RIP{version} packets of {neighbours} are not believed: {reason}",
        "Give that router the same keys: id, algorithm, secret and times; see that the clocks of both are right.",
        depends_on=("rip-key", "rip-other-beside"),
    ),
    Declared(
        "rip-bad-packets",
        WARNING,
        "{subject}: {neighbours} sent RIP{version} packets or routes that break the rules: {reason}",
        "Look at that router: which version of RIP it sends, and what it announces. They are counted in /v1/status.",
    ),
    Declared(
        "rip-sequence",
        WARNING,
        "{subject}: the sequence number cannot be stored in {path}: {reason}; packets are sent all the same",
        "Free space, or mend the file system. After a crash while the clock is wrong, routers would not believe this "
        "machine for some minutes.",
    ),
    Declared(
        "rip-sequence-lost",
        WARNING,
        "{subject}: the sequence number in {path} could not be read: {reason}; numbers began with the clock's time",
        "The file is written anew. Routers that remember larger numbers do not believe this machine until they forget "
        "it (six update intervals); look at the file system, and see that the clock is right.",
    ),
    Declared(
        "rip-sequence-end",
        WARNING,
        "{subject}: the sequence number has reached its end, {number}, so every packet has this one: routers go on to "
        "believe, but would also believe a packet that somebody recorded and sends again",
        "See that the clock is right. Then stop routerd, delete {path}, give all routers of the LAN a new key, wait "
        "until they have forgotten this machine (six update intervals), and start it.",
    ),
    Declared(
        "rip-learned",
        ERROR,
        "{subject}: {what} cannot be kept: {reason}",
        "Look for another program's route to the same prefix: ip route show; routerd tries again by itself.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
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
        "kea-unreachable",
        ERROR,
        "{subject}: Kea cannot be asked, so what it hands out is not kept current: {reason}",
        "See that Kea runs, that its `control-socket` is this one (else set `socket` of lan.dhcp.kea), and that "
        "routerd may write to it: give Kea UMask=0007 (systemctl edit kea-dhcp4-server), and routerd Kea's group "
        "(SupplementaryGroups=_kea by systemctl edit routerd), and restart both. routerd tries again by itself.",
        patience=2.0,
    ),
    Declared(
        "kea-late",
        ERROR,
        "{subject}: Kea does not answer in time, so what it hands out may be old: {reason}",
        "Look at Kea's log, and whether its machine is overloaded. routerd tries again by itself.",
    ),
    Declared(
        "kea-refuses",
        ERROR,
        "{subject}: Kea does not take the routes: {reason}",
        "Mend what it names in Kea's configuration. Nothing else of it was changed; routerd tries again by itself.",
    ),
    Declared(
        "kea-conflict",
        WARNING,
        "{subject}: routes are left out where Kea has options of its own that they would replace: {places}",
        "Remove those options from Kea's configuration, or add the routes to them there.",
    ),
    Declared(
        "kea-own-options",
        WARNING,
        "{subject}: some of Kea's clients are not sent the routes: {places}",
        "Remove those options from Kea's configuration, or add the routes to them there.",
    ),
    Declared(
        "kea-no-subnet",
        ERROR,
        "{subject}: Kea has no subnet {networks}, so its clients are not sent the routes; it serves {serves}",
        "Add it as a subnet4 to Kea's configuration, or correct the interface's address, or lan.dhcp.subnet.",
        depends_on=("kea-unreachable", "kea-late"),
    ),
    Declared(
        "kea-too-long",
        WARNING,
        "{subject}: routes are left out, because option 121 has room for 255 bytes: {routes}",
        "Let fewer, wider prefixes stand for them: `prefixes` of the vpn. Kea would send a longer option, but clients "
        "that take no longer messages than they must (576 bytes) would get no address at all.",
    ),
    Declared(
        "kea-not-written",
        INFO,
        "{subject}: {path} is left as it is: {reason}; the routes are in force, but each time it is loaded Kea lacks "
        "them for some seconds, until routerd has put them back",
        "If the file shall stay as it is, set `write = false` in lan.dhcp.kea: that ends this. Else take comments and "
        "includes out of it, restart Kea, and let Kea write to it; `config_file` names it where it cannot be seen.",
        depends_on=("kea-unreachable", "kea-late"),
    ),
    Declared(
        "beside-file",
        ERROR,
        "{subject}: dnsmasq is not told the routes, because {path} cannot be kept: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "beside-foreign-file",
        ERROR,
        "{subject}: dnsmasq is not told the routes, because {path} is left alone: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "beside-contested",
        WARNING,
        "{subject}: another program changes or removes {path} again and again; routerd puts it back, each time later",
        "Look for what writes there: another routerd, or a program that manages dnsmasq's files.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "beside-conflict",
        WARNING,
        "{subject}: {server} hands its administrator's own routes to {whom}, and not the VPN's; they stand in option "
        "{place}",
        "Remove that option, and routerd hands out the VPN's routes; or add to it: {routes}, for both 121 and 249.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "beside-not-told",
        ERROR,
        "{subject}: clients are not told the routes: {reason}",
        "{hint}",
        depends_on=(*("interface-missing", "interface-down", "interface-no-address"), "beside-file"),
        patience=2.0,
    ),
    Declared(
        "beside-still-told",
        ERROR,
        "{subject}: clients are still told routes that have been withdrawn: {reason}",
        "{hint}",
        depends_on=(*("interface-missing", "interface-down", "interface-no-address"), "beside-file"),
        patience=2.0,
    ),
    Declared(
        "beside-no-right",
        WARNING,
        "{subject}: clients are told what is right now, but nobody would tell dnsmasq of a change: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "beside-range",
        ERROR,
        "{subject}: clients are not told the routes, because dnsmasq serves other networks whose clients it does not "
        "tell from this LAN's: dhcp-range {ranges}",
        "Add a tag to that dhcp-range (set:TAG,), or to this LAN's, and name that one as `tag` of lan.dhcp.dnsmasq; "
        "then restart dnsmasq.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "beside-not-running",
        ERROR,
        "{subject}: no DHCP server of this machine answers here",
        "Start dnsmasq, and see that it serves this LAN (dhcp-range); name its `pid_file` in lan.dhcp.dnsmasq. Or let "
        'routerd serve: mode = "serve".',
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "beside-silent",
        WARNING,
        "{subject}: dnsmasq (process {process}) does not answer this machine here, so it is not known what clients are "
        "told",
        "See that it serves this LAN (dhcp-range, interface), and does not ignore this machine (dhcp-ignore).",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=5.0,
    ),
    Declared(
        "beside-too-long",
        WARNING,
        "{subject}: dnsmasq has no room in option 121 (120 bytes) for all routes; left out: {routes}",
        "Join prefixes of the VPN where that is possible; or let routerd serve DHCP, which has no such limit.",
    ),
    Declared(
        "beside-router",
        WARNING,
        "{subject}: {server} tells clients the router {theirs}, and so does option 121, though routerd's configuration "
        "says {ours}",
        'Set `router` of lan.dhcp to "{theirs}", or correct option 3 of {server}.',
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
    Declared(
        "forwarding-off",
        ERROR,
        "{subject}: forwarding is off and cannot be switched on: {reason}",
        "Run: sysctl -w net.ipv4.conf.{interface}.forwarding=1",
        depends_on=("interface-missing",),
    ),
    Declared(
        "ipv6-forwarding-off",
        WARNING,
        "{subject}: {what}, because this machine does not forward IPv6",
        _FORWARD_IPV6,
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "ipv6-not-forwarded",
        INFO,
        "{subject}: its peers and the site do not reach each other by IPv6, because this machine does not forward it",
        _FORWARD_IPV6,
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "sysctl",
        WARNING,
        "{subject}: {name} cannot be set to {value}: {reason}",
        "Set it by hand: sysctl -w {name}={value}",
        depends_on=("interface-missing",),
    ),
    Declared(
        "kernel-route",
        ERROR,
        "{subject}: {route} cannot be kept: {reason}",
        "Look for another program that manages routes: ip -4 route show {prefix}",
        depends_on=("interface-missing", "interface-down"),
    ),
    Declared(
        "route-contested",
        WARNING,
        "{subject}: {who} has removed it ({times} lately); routerd puts it back, each time later",
        "{hint}",
        depends_on=("interface-missing", "interface-down"),
    ),
    Declared(
        "setting-contested",
        WARNING,
        "{subject}: another program has changed it ({times} lately); routerd sets it to {value} again, each time later",
        "Look for who sets it: grep -rE 'ip_forward|forwarding|rp_filter|redirects' /etc/sysctl.conf /etc/sysctl.d",
        depends_on=("interface-missing",),
    ),
    Declared(
        "wireguard-unreadable",
        ERROR,
        "{subject}: the WireGuard state cannot be read: {reason}",
        "{hint}",
        depends_on=("interface-missing",),
        patience=2.0,
    ),
    Declared(
        "peer-unmatched",
        WARNING,
        "{subject}: no such peer on {vpn}",
        "Correct `public_key` or `address`, or add the peer to the WireGuard interface.",
        depends_on=("interface-missing", "wireguard-unreadable", "interface-down"),
        patience=5.0,
    ),
    Declared(
        "peer-down",
        WARNING,
        "{subject}: {what}",
        "{hint}",
        depends_on=(
            *("interface-missing", "interface-down", "wireguard-unreadable", "probe-socket", "peer-unmatched"),
            *("peer-no-endpoint", "peer-no-allowed-ips", "peer-address-claimed", "peer-address-not-allowed"),
        ),
    ),
    Declared(
        "peer-flapping",
        WARNING,
        "{subject}: its state changed more than 4 times in 5 minutes",
        "Look at the way to it: loss, roaming between networks, a full line. Or raise `down_after`, or lengthen its "
        "`interval`. Until it comes to rest its events are summed up once a minute.",
        depends_on=("interface-missing", "interface-down", "wireguard-unreadable", "probe-socket"),
    ),
    Declared(
        "peers-more",
        WARNING,
        "{subject}: {count} more peers than are named here",
        "All peers are in /v1/peers, with their states.",
        depends_on=("interface-missing", "interface-down", "wireguard-unreadable", "probe-socket"),
        counts="code",
    ),
    Declared(
        "peer-no-allowed-ips",
        WARNING,
        "{subject}: has no AllowedIPs, so nothing can be sent to it",
        "Add them, also in the file that sets the interface up: wg set {interface} peer {key} allowed-ips ADDRESS/32",
        patience=2.0,
    ),
    Declared(
        "peer-no-address",
        WARNING,
        '{subject}: its probe "{probe}" needs one address, and its AllowedIPs name none or several',
        "Set `address` of this peer in the configuration; until then its handshakes decide.",
        patience=2.0,
    ),
    Declared(
        "peer-address-not-allowed",
        WARNING,
        "{subject}: {address} is not in its AllowedIPs, so nothing reaches it there",
        "Correct the address, or add it: wg set {interface} peer {key} allowed-ips {allowed}",
        patience=2.0,
    ),
    Declared(
        "peer-address-claimed",
        WARNING,
        "{subject}: {address} goes to another peer, {other}, by that one's AllowedIPs",
        "Take it from that one; give it to this one: wg set {interface} peer {key} allowed-ips {allowed}",
        patience=2.0,
    ),
    Declared(
        "peer-takes-lan",
        WARNING,
        "{subject}: its AllowedIPs hold {allowed}, which takes in the LAN {lan} ({network})",
        "Take it out of the AllowedIPs of this peer on this machine: here they say what is behind the peer.",
        patience=2.0,
    ),
    Declared(
        "peer-inside-lan",
        WARNING,
        "{subject}: its AllowedIPs hold {allowed}, which is part of the LAN {lan} ({network})",
        "Take it out of the AllowedIPs of this peer on this machine, and give the peer an address that is not the "
        "LAN's: this machine sends what is meant for such a host of the LAN into the tunnel.",
        patience=2.0,
    ),
    Declared(
        "peer-no-endpoint",
        INFO,
        "{subject}: no handshake yet, and no endpoint of it is known: the peer must begin",
        "Set up the peer's own side, with keepalive if it is behind NAT: routerd export wg-quick {name}",
        depends_on=("interface-missing", "interface-down"),
        patience=30.0,
    ),
    Declared(
        "probe-socket",
        ERROR,
        "{subject}: probes cannot be sent: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down"),
        patience=1.0,
    ),
    Declared(
        "probe-no-address",
        WARNING,
        "{subject}: peers with IPv{version} addresses are not probed, because {interface} has no IPv{version} address",
        'Give it one: ip address add ADDRESS/PREFIX dev {interface}; or set `probe` of these peers to "handshake".',
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "http-socket",
        ERROR,
        "{subject}: cannot be served: {reason}",
        "{hint}",
        patience=0.0,
    ),
    Declared(
        "http-token",
        WARNING,
        "{subject}: the token file {path} cannot be used: {reason}",
        "{hint} Until then nothing can be changed over TCP, only over the Unix socket.",
    ),
    Declared(
        "http-tls",
        ERROR,
        "{subject}: the certificate {path} cannot be used: {reason}; {now}",
        "{hint} It is looked at again within a minute, and at a reload.",
    ),
    Declared(
        "hosts-unmeasured",
        WARNING,
        "{subject}: it cannot be measured which hosts have a way back to the VPN: {reason}",
        "Flows from the VPN to hosts without a proof are masqueraded; routerd tries again by itself.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "hosts-unwatched",
        WARNING,
        "{subject}: what the kernel knows of them cannot be read: {reason}",
        "Hosts are measured by probes alone, and flows that stay unanswered are not seen; routerd tries again.",
        patience=2.0,
    ),
    Declared(
        "hosts-too-many",
        WARNING,
        "{subject}: there are more than {most}, and only as many are measured",
        "Set the strategy of the others by [[lan.host]]; without a proof they are masqueraded.",
    ),
    Declared(
        "hosts-without-way-back",
        WARNING,
        "{subject}: {count} routed by the configuration without a way back to the VPN that could be seen: {hosts}",
        "Give them, or their default gateway, the route to the VPN, and let their firewall answer its addresses; or "
        'set their strategy to "auto".',
        patience=5.0,
    ),
    Declared(
        "kept-unmeasured",
        WARNING,
        "{subject}: it cannot be measured whether peers answer addresses of the site: {reason}",
        'Forwards with source_nat = "auto" and aliases show them this machine\'s address; routerd tries again.',
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "kept-unwatched",
        WARNING,
        "{subject}: flows to forwards and aliases cannot be seen: {reason}",
        "That a peer leaves hosts' own addresses without an answer is noticed by probes alone; routerd tries again.",
        patience=2.0,
    ),
    Declared(
        "nat-rules",
        ERROR,
        "{subject}: the rules cannot be installed: {reason}; what was there before stays",
        "{hint} routerd tries again by itself.",
    ),
    Declared(
        "nat-contested",
        WARNING,
        "{subject}: {who} has removed or changed the rules ({times} in a minute); routerd puts them back at once",
        "Have that program leave the table inet routerd alone, for example load its rules without `flush ruleset`.",
    ),
    Declared(
        "nat-flows",
        WARNING,
        "{subject}: flows whose translation has gone cannot be ended: {reason}",
        "They end by themselves when nothing is sent any more. Load nf_conntrack_netlink, or grant CAP_NET_ADMIN.",
    ),
    Declared(
        "nat-flow-log",
        WARNING,
        "{subject}: flows cannot be logged: {reason}",
        "Run: sysctl -w net.netfilter.nf_conntrack_events=1, or set `log_flows` to false.",
    ),
    Declared(
        "foreign-drop",
        WARNING,
        "{subject}: VPN traffic is dropped by another program's rule: {rule}",
        "{mend}",
        patience=2.0,
    ),
    Declared(
        "foreign-partly",
        INFO,
        "{subject}: another program's rules drop all VPN traffic but what they let pass; the first such rule: {rule}",
        "If more is meant to pass: {mend}",
        patience=2.0,
    ),
    Declared(
        "foreign-nat",
        WARNING,
        "{subject}: VPN traffic has its source changed by another program's rule: {rule}",
        "{mend}",
        patience=2.0,
    ),
    Declared(
        "firewall-unseen",
        INFO,
        "{subject}: other programs' rules cannot be looked at: {reason}",
        "{hint} Until then routerd cannot say whether one of them drops VPN traffic.",
    ),
    Declared(
        "firewall-legacy",
        INFO,
        "{subject}: rules of iptables-legacy are loaded (tables: {tables}), and routerd cannot see them",
        "See that they let VPN traffic pass: iptables-legacy -S FORWARD; or move them to iptables-nft.",
    ),
    Declared(
        "netlink",
        ERROR,
        "{subject}: the network state cannot be read: {reason}",
        "routerd tries again by itself; facts may be old until then.",
        patience=2.0,
    ),
)

REGISTRY: dict[str, Declared] = {declared.code: declared for declared in _DECLARED}
