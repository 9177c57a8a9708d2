"""DHCP servers that stay, and do not tell what they should. Pure."""

from routerd.problems.declared import ERROR, INFO, WARNING, Declared

DECLARED = (
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
        "beside-unseen",
        WARNING,
        "{subject}: not all is seen with which dnsmasq runs, so if it has routes or a router of its administrator's "
        "for only some clients, these are told routerd's instead: not seen is {what}",
        "Let routerd see it: `pid_file` of lan.dhcp.dnsmasq names dnsmasq's process, /proc is mounted without hidepid, "
        "all users may read dnsmasq's configuration, and no conf-script makes it. If dnsmasq has no such options, all "
        "is well.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=5.0,
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
)
