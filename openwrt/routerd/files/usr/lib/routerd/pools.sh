# shellcheck shell=dash disable=SC3043,SC2154
# dnsmasq's pools in /etc/config/dhcp. Sourced by openwrt.sh.

# What routerd changes in a pool it writes down in the same section: routerd_ignore has the value of `ignore` as it was
# ("unset" for none), and list routerd_option the entries of list dhcp_option that are routerd's. So it is known after a
# crash, a power cut and an upgrade as well, and what an administrator has set is never taken for routerd's.
# routerd_option_was is a dhcp_option that was no list: an entry that is added to one would become part of its value.
# /etc/hotplug.d/iface/35-routerd-gone knows all three too.

pools() {
	edit show own_dhcp | sed -n 's/^own_dhcp\.\(.*\)=dhcp$/\1/p'
}

is_true() {
	case $1 in
	1 | on | true | yes | enabled) return 0 ;;
	esac
	return 1
}

# Pools of interfaces that routerd serves are ignored by dnsmasq, and options are as routerd wants them.
pools_update() {
	local pool device serving telling changed=
	# Without a daemon that serves, dnsmasq does.
	serving=
	[ -e "$FALLEN" ] || serving=" $(with_mode serve) "
	telling=" $(with_mode dnsmasq) "
	pools_take || return 1
	for pool in $(pools); do
		# One that cannot be known just now is as it was.
		device=$(device_of "$(edit get "own_dhcp.$pool.interface")")
		[ -n "$device" ] || continue
		case $serving in
		*" $device "*) pool_ignore "$pool" ;;
		*) pool_heed "$pool" ;;
		esac
		case $telling in
		# Until the daemon has said what it wants, it is as it was.
		*" $device "*) ! has_options || pool_options "$pool" "$device" ;;
		*) pool_options "$pool" '' ;;
		esac
	done
	pools_commit
}

pools_restore() {
	local pool changed=
	pools_take || return 0
	for pool in $(pools); do
		pool_heed "$pool"
		pool_options "$pool" ''
	done
	pools_commit
}

# The devices of LANs with a mode.
with_mode() {
	local lan
	for lan in $(fact lan); do
		[ "$(field "$lan" 2)" != "$1" ] || field "$lan" 1
	done | tr '\n' ' '
}

pool_ignore() {
	local now kept
	now=$(edit get "own_dhcp.$1.ignore")
	# It is so already: by routerd, or by the administrator, whose it stays.
	! is_true "$now" || return 0
	edit set "own_dhcp.$1.routerd_ignore=${now:-unset}"
	edit set "own_dhcp.$1.ignore=1"
	changed=1
}

pool_heed() {
	local kept
	kept=$(edit get "own_dhcp.$1.routerd_ignore") || return 0
	# Where it is not as routerd left it, somebody has decided otherwise.
	if is_true "$(edit get "own_dhcp.$1.ignore")"; then
		if [ "$kept" = unset ]; then
			edit delete "own_dhcp.$1.ignore"
		else
			edit set "own_dhcp.$1.ignore=$kept"
		fi
	fi
	edit delete "own_dhcp.$1.routerd_ignore"
	changed=1
}

# While this shell holds the file, uci waits with its own commits. It is opened for reading, which is possible on a
# read-only file system as well.
pools_take() {
	[ -f /etc/config/dhcp ] || return 1
	# shellcheck disable=SC3023
	exec 998</etc/config/dhcp
	flock 998
	if ! take dhcp || ! edit show own_dhcp >/dev/null; then
		pools_leave
		say err "/etc/config/dhcp cannot be read by uci (see: uci show dhcp); its pools stay as they are, and it is tried again at the next reload and when an interface goes up"
		return 1
	fi
}

pools_leave() {
	rm -rf "$EDIT"
	# shellcheck disable=SC3023
	exec 998>&-
}

pools_commit() {
	local new=/etc/config/.dhcp.routerd
	if [ -z "$changed" ]; then
		pools_leave
		return 0
	fi
	# uci would ignore that the disk is full; nothing is put in place that is not whole.
	if ! { edit commit own_dhcp && cp -p /etc/config/dhcp "$new" && cat "$EDIT/own_dhcp" >"$new" && sync &&
		cmp -s "$EDIT/own_dhcp" "$new" && mv -f "$new" /etc/config/dhcp; } 2>/dev/null; then
		rm -f "$new"
		pools_leave
		say err "/etc/config/dhcp cannot be written (is the overlay full or read-only?); dnsmasq goes on as before, and it is tried again at the next reload and when an interface goes up"
		return 1
	fi
	pools_leave
	# dnsmasq's script remembers whether it has met another server, which may have been routerd.
	rm -f /var/run/dnsmasq.*.dhcp
	[ ! -x /etc/init.d/dnsmasq ] || /etc/init.d/dnsmasq reload
}
