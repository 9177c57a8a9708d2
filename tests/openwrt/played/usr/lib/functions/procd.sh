# Stands in for OpenWrt's procd.sh: writes down what procd would be told.
tell() { echo "$*" >>/tmp/procd.log; }
for each in procd_open_instance procd_close_instance procd_set_param procd_open_data procd_close_data \
	procd_add_reload_trigger procd_add_reload_interface_trigger procd_add_raw_trigger procd_add_validation \
	json_add_array json_close_array json_add_object json_close_object json_add_string; do
	eval "$each() { tell $each \"\$*\"; }"
done
