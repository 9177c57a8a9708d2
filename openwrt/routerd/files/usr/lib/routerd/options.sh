# shellcheck shell=dash disable=SC2034,SC2154,SC3043
# The entries of list dhcp_option that are routerd's, in pools that dnsmasq serves. Sourced by openwrt.sh.

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
