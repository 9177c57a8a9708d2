# Stands in for OpenWrt's functions.sh: sections of UCI as `uci export` prints them.
config_load() {
	SECTIONS=$(uci -q show "$1" | sed -n "s/^$1\.\([^.=]*\)=\(.*\)$/\2 \1/p")
	PACKAGE=$1
}
config_foreach() {
	local callback=$1 wanted=$2 type section
	while read -r type section; do
		[ "$type" != "$wanted" ] || "$callback" "$section"
	done <<EOF
$SECTIONS
EOF
}
config_get_bool() {
	case $(uci -q get "$PACKAGE.$2.$3") in
	1 | on | true | yes | enabled) eval "$1=1" ;;
	0 | off | false | no | disabled) eval "$1=0" ;;
	*) eval "$1=$4" ;;
	esac
}
