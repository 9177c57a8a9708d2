"""Other DHCP servers of this machine that stay, and are kept current: dnsmasq and Kea."""
