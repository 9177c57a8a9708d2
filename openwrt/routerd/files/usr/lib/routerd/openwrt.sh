# shellcheck shell=dash disable=SC1090,SC2034,SC3043
# What /etc/init.d/routerd does in UCI and with files. Sourced after /lib/functions.sh; PROG and the places of files, RUN
# to BEFORE, are set.

. /lib/functions/network.sh
for each in config firewall options pools state; do
	. "/usr/lib/routerd/$each.sh"
done

# shellcheck disable=SC2153 # set by the script that reads this
EDIT=$KEPT/edit
OPTIONS=$RUN/dnsmasq-options

# Files are edited as copies in memory under names of their own. So what an administrator has changed and not committed
# yet (/tmp/.uci) stays out of it, and uci never writes to flash: where that is full it would leave a file cut short.
edit() {
	uci -q -c "$EDIT" -t "$EDIT/delta" "$@"
}

take() {
	(
		umask 077
		mkdir -p "$EDIT/delta" && cat "/etc/config/$1" >"$EDIT/own_$1"
	)
}

# What is in /etc/config, without what is not committed yet: uci adds /tmp/.uci to whatever is named so, whatever -t says.
committed() {
	local each
	mkdir -p "$KEPT/read"
	for each in routerd network firewall; do
		[ -L "$KEPT/read/own_$each" ] || ln -s "/etc/config/$each" "$KEPT/read/own_$each" 2>/dev/null
	done
	uci -q -c "$KEPT/read" -t "$KEPT/read/delta" "$@"
}

# One after the other: procd runs triggers while a person may run the script.
routerd_lock() {
	mkdir -p "$KEPT"
	# shellcheck disable=SC3023 # ash has more than ten
	exec 999>"$KEPT/lock"
	flock 999
}

say() {
	logger -t routerd -p "daemon.$1" "$2"
	echo "routerd: $2" >&2
}
