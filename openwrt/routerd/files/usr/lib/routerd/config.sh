# shellcheck shell=dash disable=SC3043,SC2154
# The configuration: copies that the daemon reads, and what the script has to know of it. Sourced by openwrt.sh.

# Puts what UCI says now where the daemon reads it, if it has no faults. The daemon's user may not read /etc/config.
adopt_config() {
	local new=$GOOD.new
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
	# What the user could not read or write would end the daemon, now or at its next start.
	if ! "$PROG" check --json --user "$USER_OF" --config "uci:$new/routerd" >"$new/check.json" 2>/dev/null; then
		refuse ''
		return 1
	fi
	write_facts "$new/check.json" >"$new/facts"
	rm -f "$new/check.json" "$FAULTS"
	put_config "$new"
}

# Makes the files of a directory those that the daemon reads.
put_config() {
	chgrp -R routerd "$1" 2>/dev/null
	chmod 0640 "$1"/*
	# Files are replaced, not the directory: the daemon may be reading.
	[ -d "$GOOD" ] || mkdir -m 0750 "$GOOD"
	chgrp routerd "$GOOD" 2>/dev/null
	mv -f "$1"/* "$GOOD/"
	rmdir "$1"
}

# While an edit is refused, interfaces come and go all the same.
refresh_facts() {
	local json=$KEPT/check.json
	if "$PROG" check --json --config "uci:$GOOD/routerd" >"$json" 2>/dev/null; then
		write_facts "$json" >"$KEPT/facts"
		# In place: the modes and owners stay.
		cat "$KEPT/facts" >"$FACTS"
	fi
	rm -f "$json" "$KEPT/facts"
}

# Only what the daemon reads: nobody but root may know the rest. A value may have line breaks: its entry ends where all
# quotes are closed, and is told by its begin, as a line within a value may look like another entry.
network_without_secrets() {
	committed export own_network | awk -v quote="'" '
		{
			entry = entry $0
			rest = $0
			gsub(quote "[\\\\]" quote quote, "", rest)
			if (gsub(quote, "", rest) % 2) is_open = !is_open
			if (is_open) { entry = entry "\n"; next }
			if (entry ~ /^config / ||
				entry ~ "^\toption (proto|device|ifname|type|disabled|public_key|description) " quote)
				print entry
			entry = ""
		}'
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

# What is wrong stays in a file and in procd's data until it is right.
refuse() {
	local line
	if [ -n "$1" ]; then
		echo "$1" >"$FAULTS"
	else
		# Once more, in words, and with the lines of the administrator's file.
		"$PROG" check --user "$USER_OF" --config uci:routerd >/dev/null 2>"$FAULTS"
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

# Lines of facts out of `routerd check --json`: "lan:DEVICE:MODE" of DHCP (- for none), and "rule|" with the values of a
# rule of fw4 in the order of RULE, where src and dest are devices yet.
write_facts() {
	local keys key interface dhcp
	json_load_file "$1" || return 1
	if json_is_a lans array; then
		json_select lans
		json_get_keys keys
		for key in $keys; do
			json_select "$key"
			json_get_vars interface dhcp
			echo "lan:$interface:${dhcp:--}"
			json_select ..
		done
		json_select ..
	fi
	if json_is_a firewall array; then
		json_select firewall
		json_get_keys keys
		for key in $keys; do
			json_select "$key"
			write_rule
			json_select ..
		done
		json_select ..
	fi
	json_cleanup
}

RULE='name src dest device direction family proto src_ip dest_ip dest_port'

write_rule() {
	local name src dest device direction family proto src_ip dest_ip dest_port
	# shellcheck disable=SC2086 # several names
	json_get_vars $RULE
	echo "rule|$name|$src|$dest|$device|$direction|$family|$proto|$src_ip|$dest_ip|$dest_port"
}

# The facts of one kind, without the kind's name.
fact() {
	sed -n "s/^$1://p" "$FACTS" 2>/dev/null
}

# A part of a fact: field FACT NUMBER
field() {
	echo "$1" | cut -d : -f "$2"
}
