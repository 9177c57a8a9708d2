# shellcheck shell=dash disable=SC3043
# What /etc/init.d/routerd does in UCI and with files. Sourced after /lib/functions.sh; RUN, KEPT, GOOD, FACTS, FAULTS
# and PROG are set.

. /lib/functions/network.sh

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

# ------------------------------------------------------------ the configuration

# Puts what UCI says now where the daemon reads it, if it has no faults. The daemon's user may not read /etc/config.
adopt_config() {
	local closed new=$GOOD.new
	mkdir -p "$KEPT"
	rm -rf "$new" "$EDIT"
	mkdir -m 0750 "$new" || return 1
	if ! take routerd || ! edit show own_routerd >/dev/null; then
		refuse "/etc/config/routerd cannot be read by uci; see: uci show routerd"
		return 1
	fi
	keep_on_flash
	cat "$EDIT/own_routerd" >"$new/routerd"
	rm -rf "$EDIT"
	network_without_secrets >"$new/network"
	if ! "$PROG" check --json --config "uci:$new/routerd" >"$new/check.json" 2>/dev/null; then
		refuse ''
		return 1
	fi
	closed=$(closed_files "$new")
	if [ -n "$closed" ]; then
		refuse "$closed"
		return 1
	fi
	write_facts "$new/check.json" >"$new/facts"
	rm -f "$new/check.json" "$FAULTS"
	chgrp -R routerd "$new" 2>/dev/null
	chmod 0640 "$new"/*
	# Files are replaced, not the directory: the daemon may be reading.
	[ -d "$GOOD" ] || mkdir -m 0750 "$GOOD"
	chgrp routerd "$GOOD" 2>/dev/null
	mv -f "$new"/* "$GOOD/"
	rmdir "$new"
}

# Only what the daemon reads, and only values of one line: nobody but root may know the others.
network_without_secrets() {
	committed export own_network | sed -n \
		-e "/^config [A-Za-z0-9_-]*\( '[A-Za-z0-9_]*'\)\{0,1\}$/p" \
		-e "/^\toption \(proto\|device\|ifname\|type\|disabled\|public_key\|description\) '\([^']\|'\\\\''\)*'$/p"
}

# /var is in memory here: without a place of their own leases, aliases and RIP's sequence would not survive a reboot.
keep_on_flash() {
	local section
	section=$(edit show own_routerd | sed -n 's/^own_routerd\.\(.*\)=leases$/\1/p' | head -n 1)
	if [ -z "$section" ]; then
		printf '\nconfig leases\n' >>"$EDIT/own_routerd"
		section="@leases[0]"
	fi
	edit get "own_routerd.$section.store" >/dev/null ||
		edit set "own_routerd.$section.store=sqlite:/etc/routerd/state/leases.db"
	edit get "own_routerd.$section.sync" >/dev/null || edit set "own_routerd.$section.sync=bindings"
	edit commit own_routerd
}

# What the daemon's user says of files with secrets, as root may read any. Of the rest root knows more.
closed_files() {
	grep -q "^[[:space:]]*option '*secret_file" "$1/routerd" || return 0
	chgrp -R routerd "$1" 2>/dev/null
	chmod 0640 "$1"/*
	start-stop-daemon -S -q -p "$KEPT/no-pid" -c routerd:routerd -x "$PROG" -- check --config "uci:$1/routerd" 2>&1 |
		sed -n '/secret_file/s/ (line [0-9]*)//p'
}

# What is wrong stays in a file and in procd's data until it is right.
refuse() {
	local line
	if [ -n "$1" ]; then
		echo "$1" >"$FAULTS"
	else
		# Once more, in words, and with the lines of the administrator's file.
		"$PROG" check --config uci:routerd >/dev/null 2>"$FAULTS"
		[ -s "$FAULTS" ] || echo "routerd check failed and gave no reason" >"$FAULTS"
	fi
	while read -r line; do
		say err "$line"
	done <"$FAULTS"
	if [ -f "$GOOD/routerd" ]; then
		say err "the configuration has faults; routerd goes on with the one that it has"
	else
		say err "the configuration has faults; routerd does not start before they are mended"
	fi
	rm -rf "$GOOD.new" "$EDIT"
}

# Lines of facts out of `routerd check --json`: "lan DEVICE MODE RIP", "vpn DEVICE" (- for one on another machine) and
# "prefix NETWORK", with colons in the place of spaces.
write_facts() {
	local keys key interface dhcp rip mode
	json_load_file "$1" || return 1
	if json_is_a lans array; then
		json_select lans
		json_get_keys keys
		for key in $keys; do
			json_select "$key"
			json_get_vars interface dhcp rip
			mode=-
			[ "$rip" != 1 ] || mode=rip
			echo "lan:$interface:${dhcp:--}:$mode"
			json_select ..
		done
		json_select ..
	fi
	if json_is_a vpns array; then
		json_select vpns
		json_get_keys keys
		for key in $keys; do
			json_select "$key"
			json_get_vars interface
			echo "vpn:${interface:--}"
			[ -n "$interface" ] || json_for_each_item write_prefix prefixes
			json_select ..
		done
		json_select ..
	fi
	json_cleanup
}

write_prefix() {
	echo "prefix:$1"
}

# The facts of one kind, without the kind's name.
fact() {
	sed -n "s/^$1://p" "$FACTS" 2>/dev/null
}

# A part of a fact: field FACT NUMBER
field() {
	echo "$1" | cut -d : -f "$2"
}

# ------------------------------------------------------------ interfaces

# The device of a logical interface, also where it is not up; nothing where it cannot be known yet.
device_of() {
	local device
	network_get_device device "$1" && [ -n "$device" ] && echo "$device" && return 0
	case $(committed get "own_network.$1.proto") in
	wireguard) echo "$1" ;;
	*)
		device=$(committed get "own_network.$1.device" || committed get "own_network.$1.ifname") || return 1
		[ "$(committed get "own_network.$1.type")" != bridge ] || device=br-$1
		echo "$device"
		;;
	esac
}

# The logical interfaces that routerd depends on: those it names, and those it takes if it names none.
logical_names() {
	{
		committed show own_routerd | sed -n "s/^own_routerd\.[^=]*\.interface='\([A-Za-z0-9_.-]*\)'$/\1/p"
		committed show own_routerd | grep -q '^own_routerd\..*=lan$' || echo lan
		committed show own_network | sed -n "s/^own_network\.\([A-Za-z0-9_]*\)\.proto='wireguard'$/\1/p"
	} | sort -u
}

# A line "DEVICE NAME" for each device that is in a zone of fw4.
zones() {
	local section name zone device
	for section in $(committed show own_firewall | sed -n 's/^own_firewall\.\(.*\)=zone$/\1/p'); do
		zone=$(committed get "own_firewall.$section.name") || continue
		for device in $(committed get "own_firewall.$section.device"); do
			echo "$device $zone"
		done
		for name in $(committed get "own_firewall.$section.network"); do
			device=$(device_of "$name") && echo "$device $zone"
		done
	done
}

# The name of the zone that a device is in: zone_of DEVICE ZONES
zone_of() {
	echo "$2" | awk -v device="$1" '$1 == device { print $2; exit }'
}

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

# ------------------------------------------------------------ dnsmasq's pools

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
	serving=" $(with_mode serve) "
	telling=" $(with_mode dnsmasq) "
	pools_take || return 0
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

has_options() {
	[ -f "$OPTIONS" ] && [ ! -L "$OPTIONS" ]
}

# The options that the daemon wants on a device; its file has lines "DEVICE CODE,VALUE". It is root who reads what
# another user wrote, so nothing but routes comes through.
wanted_options() {
	[ -n "$1" ] && has_options || return 0
	dd if="$OPTIONS" bs=65536 count=1 2>/dev/null |
		awk -v device="$1" 'NF == 2 && $1 == device && $2 ~ /^(121|249)(,[0-9.]+(\/[0-9]+)?)+$/ { print $2 }'
}

pool_options() {
	local wanted='' ours now forced entry code
	ours=$(edit get "own_dhcp.$1.routerd_option")
	now=$(edit get "own_dhcp.$1.dhcp_option")
	forced=$(edit get "own_dhcp.$1.dhcp_option_force")
	for entry in $(wanted_options "$2"); do
		code=${entry%%,*}
		if is_foreign "$code" "$now $forced" "$ours"; then
			say warning "dhcp.$1 has a dhcp_option $code of its own; it stays, and routerd adds none"
		else
			wanted="$wanted $entry"
		fi
	done
	wanted=${wanted# }
	[ "$wanted" != "$ours" ] || has_all "$now" "$ours" || ours="$ours "
	[ "$wanted" != "$ours" ] || return 0
	for entry in $ours; do
		edit del_list "own_dhcp.$1.dhcp_option=$entry"
		edit del_list "own_dhcp.$1.routerd_option=$entry"
	done
	if [ -n "$wanted" ]; then
		option_to_list "$1"
	else
		list_to_option "$1"
	fi
	for entry in $wanted; do
		edit add_list "own_dhcp.$1.dhcp_option=$entry"
		edit add_list "own_dhcp.$1.routerd_option=$entry"
	done
	changed=1
}

# Is dhcp_option of a pool the form `option` of former times, which has its entries in one value?
is_option() {
	edit export own_dhcp | awk -v pool="$1" -v quote="'" '
		$1 == "config" { label = "@" $2 "[" count[$2]++ "]"; if (NF > 2) { label = $3; gsub(quote, "", label) } }
		label == pool && $1 == "option" && $2 == "dhcp_option" { found = 1 }
		END { exit !found }'
}

option_to_list() {
	local entry was
	is_option "$1" || return 0
	was=$(edit get "own_dhcp.$1.dhcp_option")
	edit set "own_dhcp.$1.routerd_option_was=$was"
	edit delete "own_dhcp.$1.dhcp_option"
	set -f
	for entry in $was; do
		edit add_list "own_dhcp.$1.dhcp_option=$entry"
	done
	set +f
}

# Where somebody has changed it meanwhile it stays a list; that means the same.
list_to_option() {
	local was
	was=$(edit get "own_dhcp.$1.routerd_option_was") || return 0
	if [ "$(edit get "own_dhcp.$1.dhcp_option")" = "$(one_line "$was")" ]; then
		edit delete "own_dhcp.$1.dhcp_option"
		edit set "own_dhcp.$1.dhcp_option=$was"
	fi
	edit delete "own_dhcp.$1.routerd_option_was"
}

# Words with one space between them.
one_line() (
	set -f
	# shellcheck disable=SC2086
	echo $1
)

# Is there an entry for this code that is not routerd's? is_foreign CODE ENTRIES OURS
is_foreign() (
	set -f
	for entry in $2; do
		case " $3 " in
		*" $entry "*) continue ;;
		esac
		while [ "$entry" != "${entry#tag:*,}" ]; do
			entry=${entry#tag:*,}
		done
		case $entry in
		"$1" | "$1,"* | "option:$1" | "option:$1,"*) return 0 ;;
		option:classless-static-route | option:classless-static-route,*) [ "$1" != 121 ] || return 0 ;;
		esac
	done
	return 1
)

has_all() {
	local entry
	for entry in $2; do
		case " $1 " in
		*" $entry "*) ;;
		*) return 1 ;;
		esac
	done
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
		say err "/etc/config/dhcp cannot be written (is the overlay full or read-only?); dnsmasq goes on as before, and it is tried again at the next reload"
		return 1
	fi
	pools_leave
	# dnsmasq's script remembers whether it has met another server, which may have been routerd.
	rm -f /var/run/dnsmasq.*.dhcp
	[ ! -x /etc/init.d/dnsmasq ] || /etc/init.d/dnsmasq reload
}
