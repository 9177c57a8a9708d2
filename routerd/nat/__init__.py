"""Network address translation: the one nftables table, what others' rules do to VPN traffic, and flows to end."""
