"""Lease files as the three servers write them, each with the same three leases."""

NOW = 1795341600.0
ENDS = int(NOW) + 1800

DNSMASQ = (
    f"{ENDS} 02:00:00:00:00:21 192.168.200.101 endpoint-b ff:00:00:00:21:00:01:00:01\n"
    f"{ENDS + 1} 02:00:00:00:00:22 192.168.200.102 * *\n"
    "0 02:00:00:00:00:23 192.168.200.103 printer 01:02:00:00:00:00:23\n"
)

_HEADER = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"
KEA = (
    f"{_HEADER}\n"
    f"192.168.200.101,02:00:00:00:00:21,ff:00:00:00:21:00:01:00:01,3600,{ENDS - 900},1,0,0,endpoint-b,0,\n"
    f"192.168.200.102,02:00:00:00:00:22,,3600,{ENDS + 1},1,0,0,,0,\n"
    f"192.168.200.103,02:00:00:00:00:23,01:02:00:00:00:00:23,4294967295,{ENDS + 4294967295},1,0,0,printer,0,\n"
    f"192.168.200.101,02:00:00:00:00:21,ff:00:00:00:21:00:01:00:01,3600,{ENDS},1,0,0,endpoint-b,0,\n"
)
KEA_NEW = KEA.replace(",user_context\n", ",user_context,pool_id\n").replace(",0,\n", ",0,,0\n")

ISC = """\
# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.3-P1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

server-duid "\\000\\001\\000\\0011\\026\\217\\340\\002\\000\\000\\000\\000\\001";

lease 192.168.200.101 {
  starts 0 2026/11/22 10:00:00;
  ends 0 2026/11/22 10:20:00;
  cltt 0 2026/11/22 10:00:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 02:00:00:00:00:21;
  uid "\\377\\000\\000\\000!\\000\\001\\000\\001";
  client-hostname "endpoint-b";
}
lease 192.168.200.101 {
  starts 0 2026/11/22 10:10:00;
  ends 0 2026/11/22 10:30:00;
  cltt 0 2026/11/22 10:10:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 02:00:00:00:00:21;
  uid "\\377\\000\\000\\000!\\000\\001\\000\\001";
  set vendor-class-identifier = "a;}\\"b";
  client-hostname "endpoint-b";
}
lease 192.168.200.102 {
  starts epoch 1795339801; # Sun Nov 22 09:30:01 2026
  ends epoch 1795343401; # Sun Nov 22 10:30:01 2026
  binding state active;
  hardware ethernet 02:00:00:00:00:22;
  on expiry {
    log (info, "gone");
  }
}
lease 192.168.200.103 {
  starts 0 2026/11/22 10:10:00;
  ends never;
  binding state active;
  hardware ethernet 02:00:00:00:00:23;
  uid 01:02:00:00:00:00:23;
  client-hostname "printer";
}
"""
