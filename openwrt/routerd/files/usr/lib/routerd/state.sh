# shellcheck shell=dash disable=SC2015,SC2153,SC2154,SC3043
# Whether the daemon runs, and who serves DHCP while it does not. Sourced by openwrt.sh.

# At most 30 seconds, which is what the daemon has for its farewell.
wait_for_end() {
	local tries=0 lock
	for lock in "$RUN"/lock-*; do
		[ -e "$lock" ] || continue
		while [ "$tries" -lt 30 ] && ! flock -n "$lock" true; do
			sleep 1
			tries=$((tries + 1))
		done
	done
}

# ------------------------------------------------------------ a daemon that cannot start

# procd starts it again and again. /usr/lib/routerd/launch counts that, and after the third time dnsmasq serves until the
# daemon does. FALLEN is there meanwhile, FALLS has how often that was so since the last stop.
fall_back() {
	local falls=0
	routerd_lock
	[ -e "$RUNS" ] && [ ! -e "$FALLEN" ] || return 0
	[ ! -f "$FALLS" ] || read -r falls <"$FALLS"
	: >"$FALLEN"
	# Tried again at the next start where it cannot be written.
	pools_update || {
		rm -f "$FALLEN"
		return 1
	}
	echo $((falls + 1)) >"$FALLS"
	say err "routerd ends again and again, see what it says above; dnsmasq serves DHCP until routerd runs"
}

# Takes the pools again once the process PID serves, and has for a while: each time longer, as a change is written to
# flash. It ends with that process, and after 17 minutes at most.
serve_again() {
	local pid=$1 falls=1 left tries=120
	[ ! -f "$FALLS" ] || read -r falls <"$FALLS"
	left=$((5 * falls * falls))
	[ "$left" -le 900 ] || left=900
	while [ "$left" -gt 0 ]; do
		sleep 1
		kill -0 "$pid" 2>/dev/null && [ -e "$FALLEN" ] || return 0
		# A daemon that listens nowhere says so late.
		if says_that_it_serves "$pid" || [ "$tries" -le 0 ]; then
			left=$((left - 1))
		else
			tries=$((tries - 1))
		fi
	done
	routerd_lock
	[ -e "$RUNS" ] && [ -e "$FALLEN" ] || return 0
	rm -f "$FALLEN" "$STARTS"
	say notice "routerd runs again, and serves DHCP in the place of dnsmasq"
	pools_update
}

# The daemon writes down who it is and where it listens when all the rest is up.
says_that_it_serves() {
	local file first
	for file in "$RUN"/listen-*; do
		[ -f "$file" ] && [ ! -L "$file" ] || continue
		read -r first <"$file"
		[ "$first" != "$1" ] || return 0
	done
	return 1
}

# ------------------------------------------------------------ a trial

# `routerd reload --confirm`: the copies are made, and the daemon is asked then. BEFORE has what was there, as long as
# rules of the firewall may be needed for it. What procd and dnsmasq were told nobody would take back at the deadline.
trial_begin() {
	routerd_lock
	if [ ! -e "$RUNS" ]; then
		echo "routerd reload: routerd does not run; start it: service routerd start" >&2
		return 1
	fi
	rm -rf "$BEFORE.now"
	cp -a "$GOOD" "$BEFORE.now"
	adopt_config || {
		rm -rf "$BEFORE.now"
		return 2
	}
	# A trial within a trial goes back to what was before the first.
	[ -d "$BEFORE" ] || cp -a "$BEFORE.now" "$BEFORE"
	if [ "$(fact lan)" != "$(sed -n 's/^lan://p' "$BEFORE.now/facts")" ] || ! is_enabled; then
		trial_cancel
		echo "routerd reload: the edit switches routerd off or changes the mode of DHCP on a LAN, which cannot be tried: dnsmasq's part would not be taken back; without --confirm: service routerd reload" >&2
		return 1
	fi
}

trial_cancel() {
	[ ! -d "$BEFORE.now" ] || put_config "$BEFORE.now"
}
