"""What an administrator asks first when something does not work: the commands to run, and what they tell. Pure.

The texts are written as those of words.py.
"""

START = """
`routerd status` ends with the problems, first causes first, each with what to do about it. The questions below are
for what is no problem to routerd, and for where to begin. The rest of this page has every problem that there is.

Where addresses are told, they are those of the example network: Endpoint A (10.0.0.1) behind the VPN, Host β
(192.168.200.2 and 10.0.0.2) with WireGuard and routerd, gw (192.168.200.1), the default gateway, and Endpoint B
(192.168.200.22), a host of the site.
"""

QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "It does not run, or does not begin",
        """
  `routerd status`  "routerd does not answer at …; is it running?" means just that; with another `http.listen` give
      `--config FILE`, because the address is read there
  `systemctl status routerd`, `journalctl -u routerd`  why it ended. Exit status 2: the configuration has faults
  `routerd check`  all faults at once, each with its key, its value and the way to mend it
  `routerd plan`  what would be done on this machine, and what is there already; nothing is changed
  `curl --unix-socket /run/routerd/routerd.sock 'http://localhost/readyz?verbose'`  routerd's own duties, one by one;
      `[-]` is one that is not met, with the reason
""",
    ),
    (
        "A host does not reach the VPN",
        """
Look from the near end to the far end, and stop at the first one that is wrong:

  `routerd status`  is the peer `up`, is the route `offered` on this LAN, and is there a problem? Under Leases: how
      many hosts have the current routes
  `routerd leases show 192.168.200.22`  `routes` is `current`: the host was told. `older`: it is told when it renews,
      at half of its lease time, or sooner by hand. `not asked`: see "DHCP clients have no route". No lease: its
      address is fixed, or another DHCP server gave it
  `ip route get 10.0.0.1` on the host  it must say `via 192.168.200.2`. By way of the default gateway it works only if
      that has the route
  AllowedIPs on Endpoint A  they must hold 192.168.200.0/24, or its WireGuard drops what comes from there. `routerd
      export wg-quick endpoint-a` prints what is needed
  firewalls  routerd finds rules of this machine that drop VPN traffic, and shows them; it does not see those of other
      machines

Where no route can be had, `lan.forward` and `lan.alias` let hosts begin all the same.
""",
    ),
    (
        "The VPN does not reach a host",
        """
  `routerd status --peer endpoint-a`  is it `up`? On Endpoint A the AllowedIPs of Host β must hold 192.168.200.0/24
  `curl --unix-socket /run/routerd/routerd.sock http://localhost/v1/hosts`  how packets to each host are sent.
      `strategy` is `masquerade`: they come from 192.168.200.2, and the host needs no route; it must answer its
      neighbour, so look at the host's own firewall. `site-gateway`: they come from 10.0.0.1, and the host's firewall
      must let that in
  `ping` works, TCP does not  a firewall on the default gateway sees half of each connection: the host answers through
      it. Give the host the route, or set its strategy to `masquerade` in `lan.host`
""",
    ),
    (
        "A peer is down",
        """
  `routerd status --peer endpoint-a`  `last handshake`, `last answer`, and why the probe failed. A handshake of the
      last two minutes with a failing probe: the tunnel works, but the peer does not answer what is asked
  `routerd status --probe endpoint-a`  asks now. Exit status 0 if it is reachable
  `ping -I wg0 10.0.0.1`  probes leave by the VPN's interface, from its own address; the peer's firewall and its
      AllowedIPs (10.0.0.2/32) must let them in
  `wg show wg0`  no handshake at all: endpoint, UDP port, keys. A peer behind NAT must begin itself, and needs
      keepalive

A peer that must not be disturbed, or answers no ping: set its `probe` to "handshake", "tcp:PORT" or "none".
""",
    ),
    (
        "DHCP clients have no route",
        """
  `routerd leases`  `not asked` in the column ROUTES: the client does not ask for option 121. dhclient, dhcpcd,
      NetworkManager, systemd-networkd, Windows and macOS do. Android does not, at all. udhcpc wants `-O 121` and a
      script that applies it
  `older`  the routes have changed since. The client has them when it renews; dhclient takes new ones only when it
      binds anew, and drops old ones only at a release
  `current`, but not in `ip route`  the client's script does not apply them, or another program removes them
  no lease is shown  another DHCP server answers: the problems `dhcp-rival` and `dhcp-rival-beside` name it
  `routerd plan`  what clients are told. A route is not handed out where this machine is the default gateway anyway
      (`routes = "always"` changes that), and not while the gateway is down (`withdraw`)

For hosts without option 121 the default gateway needs the route 10.0.0.0/24 via 192.168.200.2, by hand or by RIP.
""",
    ),
    (
        "Hosts get no address",
        """
  `routerd status`  another DHCP server on this LAN or on port 67 of this machine is a problem there, with its address
      or its process; so are pools without a free address and a lease file that cannot be written
  `routerd leases --lan eth0`  whom this LAN's addresses belong to
  `curl --unix-socket /run/routerd/routerd.sock http://localhost/v1/status`  the counters of DHCP: no `pkt4-received`,
      and nothing arrives: look at cables, VLANs, relay agents, and firewalls that drop UDP port 67
""",
    ),
    (
        "Hosts see the gateway's address instead of the peer's",
        """
That is masquerading, and ends by itself for each host that shows that it has the way back.

  `routerd status`  Hosts: how many have shown one
  `curl --unix-socket /run/routerd/routerd.sock http://localhost/v1/hosts`  of each host `return_path` (`direct`,
      `via-router`, `lan-only`, `unknown`) and by what it was seen (`evidence`). `unknown`: it has no route, or
      answers nothing. `lan-only`: it has shown one, but left connections from the VPN unanswered
  `routerd leases show 192.168.200.22`  has the host the current routes?

A host that was just leased an address is measured within a second, all others within `return_path.interval`, 30 s. A
host that sees 192.168.200.201 or the like sees the peer's alias address, which is always so where the peer has one.
What is set by hand
in `lan.strategy` or `lan.host` is not measured away; of the latter `pinned` is true. `log_flows` in `[nat]`
writes who it was.
""",
    ),
    (
        "Peers see the gateway's address instead of the host's",
        """
Only connections to port forwards and alias addresses are hidden, and only from peers that do not answer addresses of
the site: their AllowedIPs for Host β do not hold all LANs of the vpn. With `gateways` forwards are always hidden.

  `routerd plan`  Port forwards: what the peer sees
  `routerd export wg-quick endpoint-a`  the AllowedIPs that it needs
""",
    ),
    (
        "A router does not have the route",
        """
  `routerd status`  RIP: is it spoken, and with which key? RIP neighbours: is the router heard, and what is wrong with
      what it sends? A router that sends nothing may hear all the same
  on the router  RIP version 2, the same key, and at least one of `224.0.0.9`, broadcast or unicast let in (UDP port
      520)

FRR knows no HMAC, and its first request after a start is not signed; it has the route with the next update.
""",
    ),
)

END = """
Severity `error`: something that was asked for is not done. `warning`: it is done, but something is missing. `info`:
good to know. In brackets behind a problem of `routerd status` is since when it is there. `routerd status --json` and
`/v1/problems` have the code of each problem, its severity, and which other problem is its cause (`caused_by`).

Words in the texts below that depend on the case (names, addresses, reasons) are examples.
"""
