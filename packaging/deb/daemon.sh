# Units that an administrator can enable; the daemon comes first.
units="routerd.service routerd-dnsmasq.path"

# A daemon of routerd in this network namespace, whose number is then in $pid.
daemon_runs() {
    lock=/run/routerd/lock-$(stat -Lc %i /proc/self/ns/net 2>/dev/null) || return 1
    [ -e "$lock" ] && ! flock --nonblock "$lock" true && read -r pid _ <"$lock"
}

# It is this package's, and of this root directory: not one of a container, nor one installed with pip.
daemon_is_ours() {
    # shellcheck disable=SC3013
    daemon_runs && [ "/proc/$pid/root" -ef / ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx /usr/bin/routerd
}
