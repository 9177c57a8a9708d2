"""The lease files of other DHCP servers: reading and writing them."""
