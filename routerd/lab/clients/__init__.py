"""Real DHCP clients on machines of the lab, one file a client."""
