"""What the manual pages say besides the tables. Pure.

A text is written like the comments of the reference: a blank line begins a paragraph, a line that begins with two
blanks is an item, its term ends at two more, and what goes on with it is further in.
"""

CONFIG_START: tuple[tuple[str, str], ...] = (
    (
        "Description",
        """
The file is written in TOML. `routerd check` reads it and tells every fault at once: the key, its value, the rule,
and how to mend it. A key that is not known is a fault.

A running routerd takes over a changed file at SIGHUP (`systemctl reload routerd`), with every key, and without
losing a lease or a socket that stays. A file with faults is refused as a whole, and the running configuration goes
on.

Only `interface` (or `gateways`) of a vpn and `interface` of a LAN are necessary.

A duration is a string of whole numbers with units: "200ms", "30s", "5m", "12h", "52m30s". An array holds no value
twice. Sections in two pairs of brackets may come more than once; what is set below them belongs to the last one.

Editors that know JSON schema can complete and check the file: `routerd check --schema` prints the schema.
""",
    ),
)

CONFIG_END: tuple[tuple[str, str], ...] = (
    (
        "On OpenWrt",
        """
With `--config uci:NAME` the file is /etc/config/NAME, with the same keys as options. `uci:/DIRECTORY/NAME` is such a
file elsewhere, and its /etc/config/network is /DIRECTORY/network then.

Each table is a section type under its last name: [lan.dhcp] is `config dhcp`. Only [[lan.dhcp.option]] is `config
dhcp_option`, and [[lan.rip.key]] is `config rip_key`. A section that is inside of another one here says which by
`option vpn`, `lan`, `subnet` or `reservation` with the name of that section; where there is only one vpn or LAN it
need not. `config routerd` has `option enabled`; without a 1 there routerd does not run.

Booleans are 1 and 0, or UCI's other words for them. An array is a `list`, or an `option` with spaces between the
items; an empty one is `option NAME none`. A vpn or peer without `option name` is called as its section.

An `interface` is one of /etc/config/network (`lan`, `wg0`), or a device. Its device is what netifd says, else what
that file says; one that nobody knows yet is looked for every two seconds. Without `config vpn` the vpn is the one
WireGuard interface there, and without `config lan` the LAN is `lan`. Peers are called by their descriptions there;
`config peer` with such a name, or with the public key, says more about one.
""",
    ),
    (
        "Files",
        """
  /etc/routerd/routerd.toml  the configuration, unless `--config` names another file
  /etc/config/routerd  the same keys in UCI, on OpenWrt, with `--config uci:routerd`; interfaces are those of
      /etc/config/network
  /usr/share/doc/routerd/examples  whole files for kinds of sites, and reference.toml, which has every key
  /usr/share/routerd/routerd.schema.json  the JSON schema; many editors use it if the first line of the file names it
      after `#:schema`
""",
    ),
)

COMMAND_START: tuple[tuple[str, str], ...] = (
    (
        "Description",
        """
WireGuard joins single machines to a site whose hosts know nothing of WireGuard. routerd runs on the site's router,
or on its WireGuard host, and makes both sides reach each other with no address changed and no host touched: it
serves DHCP and tells every host the way to the VPN (option 121), keeps the kernel's routes and forwarding right,
measures which peers are reachable, and says so over HTTP. Where a host has not proven that it has the route,
connections of that host alone are translated.

`routerd run` is the daemon. The other commands look at the configuration, ask the running daemon, or clean up after
it.
""",
    ),
)

COMMANDS = {
    "run": """
The daemon stays in the foreground and logs to standard error. One daemon serves all LANs and vpns of a network
namespace; a second one ends at once, with exit status 1, and changes nothing.

Before it serves a LAN for the first time it asks for other DHCP servers there (0.45 s). While one answers, it does
not serve, and says which one.

With `--confirm` the configuration is on trial, for those who change a router over the connection that they may cut. At
the deadline the daemon stops with exit status 1, and routes, settings, rules and proxy neighbours are as they were
before the start, those too that an earlier daemon had left. If the daemon is killed before it is confirmed, or hangs,
a helper process does that; if that was killed as well, the next start does. A configuration that was taken back is not
put into force again by a start that nobody asked for, such as that of a supervisor: the one from before the trial runs,
or without one the start is refused (exit status 2). A start from a terminal, or with `--confirm`, is asked for.

Leases that clients got meanwhile cannot be taken back; they end by themselves. RIP routers are told that the routes are
gone, unless the daemon was killed: then they forget them after 180 s.
""",
    "reload": """
It is what SIGHUP does, but says how it went: exit status 2 where the file has faults.

With `--confirm` the changed configuration is on trial: unless `routerd confirm` comes in time, the one from before is
put into force again. The file stays as it is, and `routerd status` says that it is not what runs. While a trial goes
on, a reload without `--confirm` belongs to it, and says when it ends; one with it sets the deadline anew. If the daemon
is killed meanwhile, the kernel is as it was at the reload, and the next start runs the configuration from before.

Another `leases.store` cannot be on trial: leases that are given meanwhile would be in it only, and missing in the one
from before. Such a reload is refused; change it without `--confirm`, while nothing is on trial.
""",
    "confirm": """
Exit status 1 where nothing is on trial, or where it is too late. It asks the daemon over its Unix socket, or over TCP
with the token.
""",
    "check": """
Nothing is changed, and no daemon is asked.

With `--ask-segment` the LANs are asked instead: by a DHCPDISCOVER, and where this machine has an address by a
DHCPINFORM. Every server that answers is listed, with its MAC and what it would give a client; no address is taken. It
needs CAP_NET_RAW. Exit status 0 whoever answers, 1 where an interface cannot be asked.
""",
    "plan": """
It shows what differs from how this machine is now: routes, settings, rules, and what DHCP would hand out.
""",
    "leases": """
`import` and `export` also work while the daemon is stopped. To take over from another server, see who serves with
`routerd check --ask-segment`. Stop that server. Import its leases. Start routerd. In Debian the lease files are:

  /var/lib/misc/dnsmasq.leases  dnsmasq
  /var/lib/kea/kea-leases4.csv  Kea
  /var/lib/dhcp/dhcpd.leases  ISC dhcpd

For the way back, stop routerd. Export to the other server's own lease file, and give that to the user that it runs as.
Start that server.
""",
    "backup": """
The leases are a consistent copy, also while clients come and go. What the file holds: `manifest.json` (version, time,
and the SHA-256 of each part), `leases.db`, `aliases.json` (which peer has which address of a pool) and `rip-sequence`.
""",
    "restore": """
The backup is checked first, with all checksums; one that is cut, damaged, foreign or of a newer routerd changes
nothing. What is replaced is set aside under the name with `.before-restore-` and the time. A RIP sequence that is
larger than that of the backup stays: neighbours refuse numbers that step back. Clients that were given leases after
the backup was made keep them, as far as their addresses are free when they renew.
""",
    "clean": """
It removes routes of protocol 121 and the nftables table `inet routerd`, and sets kernel settings back to what they
were. It is for what a daemon that was killed has left; while one runs, it refuses.
""",
    "lab": """
It needs root, and changes nothing of this machine: everything is in network namespaces of its own, which `down`
removes.
""",
}
"""What there is to say of commands besides their help."""

COMMAND_END: tuple[tuple[str, str], ...] = (
    (
        "Signals",
        """
  SIGHUP  read the configuration again. With faults it is refused as a whole, and the running one goes on
  SIGTERM, SIGINT  stop: what routerd changed is taken back, and leases are stored
  SIGKILL  end at once, as a crash does: routes, rules, settings and leases stay as they are, and the next start
      adopts them
""",
    ),
    (
        "Exit status",
        """
  0  fine
  1  anything that is not listed here; also a peer that was asked for and is not reachable
  2  bad arguments, or a configuration with faults
  130  interrupted from the keyboard
""",
    ),
    (
        "Environment",
        """
  NOTIFY_SOCKET, WATCHDOG_USEC  set by systemd: it is told when routerd is ready, reloads and stops, and how it is;
      its watchdog gets a sign of life as long as DHCP messages are read
  JOURNAL_STREAM  set by systemd: lines for the journal begin with their priority instead of a time
""",
    ),
    (
        "Files",
        """
  /etc/routerd/routerd.toml  the configuration, see routerd.toml(5)
  /var/lib/routerd/leases.db  the leases (`leases.store`). It must survive a restart of the machine
  /run/routerd  the kernel's settings as they were before routerd changed them, what is on trial, a lock, and where the
      daemon listens, for commands whose configuration names another place than the one in force. It must survive a
      crash of the daemon, or `routerd clean` cannot set them back
  /run/routerd/routerd.sock  HTTP for the commands (`http.listen`); whoever can open it can release leases
  /usr/lib/systemd/system/routerd.service  the unit
  /usr/lib/systemd/networkd.conf.d/50-routerd.conf  keeps systemd-networkd from removing routerd's routes
""",
    ),
    (
        "Privileges",
        """
routerd needs three capabilities: CAP_NET_ADMIN for routes, forwarding, rules and WireGuard, CAP_NET_RAW for clients
that have no address yet and for probes, CAP_NET_BIND_SERVICE for port 67. The unit gives just these to the user
routerd. Started as root, it gives up all others, and with `--user` it gives up being root as well.

The unit lets it write below /var/lib/routerd, /run/routerd and /proc/sys/net only. For files elsewhere
(`leases.store`, `http.listen`) extend it: `systemctl edit routerd`, and in the section [Service] ReadWritePaths=.
Files that it reads, such as keys and tokens, must be readable for the group routerd.

Sockets of userspace WireGuard are root's. Have systemd make the socket for the group routerd (SocketMode=0660,
SocketGroup=routerd), as the problem `wireguard-unreadable` says.
""",
    ),
    (
        "Examples",
        """
  routerd check && systemctl reload routerd  take over a changed configuration, if it has no faults
  routerd plan  what would change on this machine
  routerd status --watch  peers, routes and problems, drawn anew every two seconds
  routerd status --peer endpoint-a  in scripts: exit status 0 if the peer is reachable, else 1
  routerd leases --lan eth0 --state bound --json  the leases of one LAN, for programs
  routerd leases show 192.168.200.22  does this host ask for routes, and has it the current ones?
  routerd export wg-quick endpoint-a  the configuration that the peer's side needs, keys left blank
  curl --unix-socket /run/routerd/routerd.sock http://localhost/readyz?verbose  routerd's own duties, one by one
""",
    ),
)

SEE_ALSO = ("wg(8)", "wg-quick(8)", "ip-route(8)", "nft(8)", "systemd.service(5)")
"""Pages of others."""
