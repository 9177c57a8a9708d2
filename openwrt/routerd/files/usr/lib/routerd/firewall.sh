# shellcheck shell=dash disable=SC2034,SC2154,SC3043
# Interfaces, zones of fw4, and the rules that let through what routerd is for. Sourced by openwrt.sh.

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

# The rules that `routerd check` names, for fw4, which reads them from procd's data. With a LAN's device in no zone there
# is none. Where something is on trial, what was before it is let through too.
add_rules() {
	local zones name src dest device direction family proto src_ip dest_ip dest_port
	zones=$(zones)
	while IFS='|' read -r name src dest device direction family proto src_ip dest_ip dest_port; do
		[ "$src" = '*' ] || src=$(zone_of "$src" "$zones")
		[ -n "$src" ] || continue
		if [ -n "$dest" ] && [ "$dest" != '*' ]; then
			dest=$(zone_of "$dest" "$zones")
			[ -n "$dest" ] || continue
		fi
		add_rule
	done <<-END
		$(sed -n 's/^rule|//p' "$FACTS" "$BEFORE/facts" 2>/dev/null | awk '!seen[$0]++')
	END
}

# One rule out of the variables of add_rules.
add_rule() {
	local key value
	json_add_object ''
	json_add_string type rule
	for key in $RULE; do
		eval "value=\$$key"
		[ -z "$value" ] || json_add_string "$key" "$value"
	done
	json_add_string target ACCEPT
	json_close_object
}
