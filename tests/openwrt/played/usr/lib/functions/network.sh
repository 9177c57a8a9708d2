# Stands in for OpenWrt's network.sh: interfaces that are up have a file with their device.
network_get_device() {
	[ -s "/tmp/devices/$2" ] && eval "$1=$(cat "/tmp/devices/$2")"
}

# And for jshn.sh, which the real network.sh reads.
json_load_file() { JSON_FILE=$1 JSON_PATH=; }
json_select() {
	case $1 in
	..) JSON_PATH=${JSON_PATH%/*} ;;
	*) JSON_PATH=$JSON_PATH/$1 ;;
	esac
}
json_is_a() { [ "$(played-json "$JSON_FILE" "$JSON_PATH/$1" type)" = "$2" ]; }
json_get_keys() { eval "$1=\$(played-json \"$JSON_FILE\" \"$JSON_PATH\" keys)"; }
json_get_vars() {
	eval "$(played-json "$JSON_FILE" "$JSON_PATH" vars "$@")"
}
json_for_each_item() {
	local each
	for each in $(played-json "$JSON_FILE" "$JSON_PATH/$2" items); do
		"$1" "$each"
	done
}
json_cleanup() { :; }
