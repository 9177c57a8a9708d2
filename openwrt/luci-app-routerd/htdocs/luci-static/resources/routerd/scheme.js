'use strict';
'require baseclass';

/* Made by `make docs` from routerd's table of keys; do not edit. */

return baseclass.extend({
	SECTIONS: [
		{
			type: 'routerd',
			title: _('routerd'),
			text: _('Whether routerd runs at all.'),
			single: true,
			parents: [],
			keys: [
				{ name: 'enabled', title: _('Enabled'), text: _('Run routerd'), kind: 'flag' }
			]
		},
		{
			type: 'vpn',
			title: _('VPNs'),
			text: _('A WireGuard network whose points and the site shall reach each other.'),
			named: true,
			parents: [],
			keys: [
				{ name: 'name', title: _('Name'), text: _('The vpn\'s name'), absent: _('the interface\'s name, else vpn, vpn2, …'), kind: 'value', pattern: '^(?:[^/]{1,63})$', rule: _('name') },
				{ name: 'interface', title: _('Interface'), text: _('The WireGuard interface, where WireGuard runs on this machine'), kind: 'interface' },
				{ name: 'gateways', title: _('Gateways'), text: _('The machines of a LAN that run WireGuard, where it is not this one'), kind: 'list', datatype: 'ip4addr("nomask")' },
				{ name: 'prefixes', title: _('Prefixes'), text: _('The networks behind the VPN'), absent: _('the interface\'s networks and its peers\' AllowedIPs, less LANs and default routes'), kind: 'list', pattern: '^(?:[0-9]{1,3}(?:\\.[0-9]{1,3}){3}/[0-9]{1,2})$', rule: _('IPv4 network') },
				{ name: 'withdraw', title: _('Withdraw'), text: _('When the routes are no longer handed out'), kind: 'choice', choices: ['never', 'gateway-down', 'all-peers-down'], placeholder: 'gateway-down' },
				{ name: 'mtu', title: _('MTU'), text: _('The largest packet that the tunnel carries, in bytes'), kind: 'value', datatype: 'range(576, 65535)', placeholder: '1420' },
				{ name: 'map_to', title: _('Map to'), text: _('The prefix under which the site sees the VPN, of the same size'), absent: _('it sees it as it is'), kind: 'value', pattern: '^(?:[0-9]{1,3}(?:\\.[0-9]{1,3}){3}/[0-9]{1,2})$', rule: _('IPv4 network') }
			]
		},
		{
			type: 'peer',
			title: _('Peers'),
			text: _('A name for a peer and how it is probed; peers that are not listed are reported by their public key.'),
			parents: ['vpn'],
			keys: [
				{ name: 'name', title: _('Name'), text: _('The peer\'s name in reports and addresses of the API'), kind: 'value', pattern: '^(?:[^/]{1,63})$', rule: _('name'), required: true },
				{ name: 'public_key', title: _('Public key'), text: _('The WireGuard key of the peer'), absent: _('found by address'), kind: 'value', pattern: '^(?:[A-Za-z0-9+/]{43}=)$', rule: _('WireGuard public key') },
				{ name: 'address', title: _('Address'), text: _('The peer\'s address inside the VPN'), absent: _('found by public_key'), kind: 'value', datatype: 'ipaddr("nomask")' },
				{ name: 'probe', title: _('Probe'), text: _('How it is found out whether the peer is reachable'), absent: _('icmp where the peer has a single address, else handshake'), kind: 'value' },
				{ name: 'interval', title: _('Interval'), text: _('Time between two probes of this peer'), absent: _('interval of [probe]'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 100ms to 24h') }
			]
		},
		{
			type: 'lan',
			title: _('LANs'),
			text: _('A LAN that takes part.'),
			named: true,
			parents: [],
			keys: [
				{ name: 'interface', title: _('Interface'), text: _('This machine\'s interface on the LAN'), kind: 'interface', required: true },
				{ name: 'address', title: _('Address'), text: _('This machine\'s address on the LAN, the next hop that is handed out'), absent: _('the interface\'s first'), kind: 'value', datatype: 'ip4addr("nomask")' },
				{ name: 'strategy', title: _('Strategy'), text: _('How the LAN\'s hosts and the VPN talk'), kind: 'choice', choices: ['auto', 'site-gateway', 'masquerade', 'none'], placeholder: 'auto' },
				{ name: 'vpns', title: _('VPNs'), text: _('The names of the vpns that this LAN takes part in'), absent: _('all'), kind: 'list', pattern: '^(?:[^/]{1,63})$', rule: _('name'), nothing: 'none' },
				{ name: 'alias_pool', title: _('Alias pool'), text: _('The free addresses of the LAN out of which every peer gets one that stands for it'), absent: _('peers get none but by lan.alias'), kind: 'value', pattern: '^(?:\\s*[0-9]{1,3}(?:\\.[0-9]{1,3}){3}\\s*-\\s*[0-9]{1,3}(?:\\.[0-9]{1,3}){3}\\s*)$', rule: _('IPv4 range FIRST-LAST') }
			]
		},
		{
			type: 'host',
			title: _('Hosts'),
			text: _('Hosts that have a strategy of their own: the nearest section counts (address, then mac, then the longest prefix).'),
			parents: ['lan'],
			keys: [
				{ name: 'address', title: _('Address'), text: _('The host\'s address; this, mac or prefix'), kind: 'value', datatype: 'ipaddr("nomask")' },
				{ name: 'mac', title: _('MAC'), text: _('The host\'s MAC address'), kind: 'value', pattern: '^(?:[0-9A-Fa-f]{2}(?:(:[0-9A-Fa-f]{2}){5}|(-[0-9A-Fa-f]{2}){5}))$', rule: _('MAC address') },
				{ name: 'prefix', title: _('Prefix'), text: _('The network of the hosts'), kind: 'value' },
				{ name: 'strategy', title: _('Strategy'), text: _('How they and the VPN talk'), kind: 'choice', choices: ['auto', 'site-gateway', 'masquerade', 'none'], required: true }
			]
		},
		{
			type: 'dhcp',
			title: _('DHCP'),
			text: _('The DHCP server of this LAN; without the section routerd does not touch DHCP here.'),
			parents: ['lan'],
			keys: [
				{ name: 'mode', title: _('Mode'), text: _('Who serves DHCP'), kind: 'choice', choices: ['serve', 'dnsmasq', 'kea', 'off'], placeholder: 'serve' },
				{ name: 'pools', title: _('Pools'), text: _('The addresses to lease'), kind: 'list', pattern: '^(?:\\s*[0-9]{1,3}(?:\\.[0-9]{1,3}){3}\\s*-\\s*[0-9]{1,3}(?:\\.[0-9]{1,3}){3}\\s*)$', rule: _('IPv4 range FIRST-LAST'), placeholder: 'none', nothing: 'none' },
				{ name: 'router', title: _('Router'), text: _('The default gateway of the clients (option 3)'), absent: _('this machine\'s own default gateway if it is on this LAN, else this machine\'s address'), kind: 'value', pattern: '^(?:none|[0-9]{1,3}(?:\\.[0-9]{1,3}){3})$', rule: _('IPv4 address or "none"') },
				{ name: 'routes', title: _('Routes'), text: _('When the VPN\'s routes are handed out by option 121'), kind: 'choice', choices: ['auto', 'always', 'never'], placeholder: 'auto' },
				{ name: 'dns', title: _('DNS'), text: _('Name servers (option 6)'), kind: 'list', datatype: 'ip4addr("nomask")', placeholder: 'none', nothing: 'none' },
				{ name: 'search', title: _('Search'), text: _('Domains that short names are looked up in (option 119)'), kind: 'list', pattern: '^(?:[A-Za-z0-9.-]{1,253})$', rule: _('host or domain name'), placeholder: 'none', nothing: 'none' },
				{ name: 'ntp', title: _('NTP'), text: _('Time servers (option 42)'), kind: 'list', datatype: 'ip4addr("nomask")', placeholder: 'none', nothing: 'none' },
				{ name: 'domain', title: _('Domain'), text: _('The domain of the clients (option 15)'), absent: _('none is sent'), kind: 'value', pattern: '^(?:[A-Za-z0-9.-]{1,253})$', rule: _('host or domain name') },
				{ name: 'lease_time', title: _('Lease time'), text: _('How long a lease lasts'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 10s to 2^31 s'), placeholder: '1h' },
				{ name: 'renew_time', title: _('Renew time'), text: _('When a client begins to renew'), absent: _('half of lease_time'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 1s to 2^31 s') },
				{ name: 'rebind_time', title: _('Rebind time'), text: _('When a client asks any server'), absent: _('0.875 of lease_time'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 1s to 2^31 s') },
				{ name: 'rapid_commit', title: _('Rapid commit'), text: _('Answer a DISCOVER that asks for it (option 80) with an ACK at once'), kind: 'bool', placeholder: 'no' },
				{ name: 'authoritative', title: _('Authoritative'), text: _('Refuse addresses that are wrong on this LAN (NAK); set to true, serve even beside another DHCP server'), absent: _('true, but nothing is served for the first time where another DHCP server answers'), kind: 'bool' },
				{ name: 'conflict_probe', title: _('Conflict probe'), text: _('Ask by ARP, ahead of need, whether free addresses are in use'), kind: 'bool', placeholder: 'yes' },
				{ name: 'next_server', title: _('Next server'), text: _('Boot server (siaddr)'), absent: _('none is sent'), kind: 'value', datatype: 'ip4addr("nomask")' },
				{ name: 'server_name', title: _('Server name'), text: _('Name of the boot server (sname)'), absent: _('none is sent'), kind: 'value', datatype: 'maxlength(63)' },
				{ name: 'boot_file', title: _('Boot file'), text: _('Boot file (file)'), absent: _('none is sent'), kind: 'value', datatype: 'maxlength(127)' }
			]
		},
		{
			type: 'reservation',
			title: _('Reservations'),
			text: _('An address that is kept for one client, and what only this client is told.'),
			named: true,
			parents: ['lan', 'subnet'],
			keys: [
				{ name: 'mac', title: _('MAC'), text: _('The client\'s MAC address; this, client_id or circuit_id'), kind: 'value', pattern: '^(?:[0-9A-Fa-f]{2}(?:(:[0-9A-Fa-f]{2}){5}|(-[0-9A-Fa-f]{2}){5}))$', rule: _('MAC address') },
				{ name: 'client_id', title: _('Client ID'), text: _('The client identifier (option 61) in hex'), kind: 'value', pattern: '^(?:(?:[0-9A-Fa-f]{2})+|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+)$', rule: _('hex bytes') },
				{ name: 'circuit_id', title: _('Circuit ID'), text: _('The circuit id that the relay agent adds (option 82) in hex'), kind: 'value', pattern: '^(?:(?:[0-9A-Fa-f]{2})+|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+)$', rule: _('hex bytes') },
				{ name: 'address', title: _('Address'), text: _('The address that the client gets'), kind: 'value', datatype: 'ip4addr("nomask")', required: true },
				{ name: 'hostname', title: _('Hostname'), text: _('The name that the client is told'), absent: _('none is sent'), kind: 'value', pattern: '^(?:[A-Za-z0-9.-]{1,253})$', rule: _('host or domain name') },
				{ name: 'dns', title: _('DNS'), text: _('Name servers of this client'), absent: _('those of the network'), kind: 'list', datatype: 'ip4addr("nomask")', nothing: 'none' },
				{ name: 'router', title: _('Router'), text: _('Default gateway of this client'), absent: _('that of the network'), kind: 'value', pattern: '^(?:none|[0-9]{1,3}(?:\\.[0-9]{1,3}){3})$', rule: _('IPv4 address or "none"') },
				{ name: 'next_server', title: _('Next server'), text: _('Boot server of this client'), absent: _('that of the network'), kind: 'value', datatype: 'ip4addr("nomask")' },
				{ name: 'server_name', title: _('Server name'), text: _('Name of this client\'s boot server'), absent: _('that of the network'), kind: 'value', datatype: 'maxlength(63)' },
				{ name: 'boot_file', title: _('Boot file'), text: _('Boot file of this client'), absent: _('that of the network'), kind: 'value', datatype: 'maxlength(127)' }
			]
		},
		{
			type: 'dhcp_option',
			title: _('DHCP options'),
			text: _('A DHCP option that has no key of its own.'),
			parents: ['lan', 'subnet', 'reservation'],
			keys: [
				{ name: 'code', title: _('Code'), text: _('The option\'s number'), kind: 'value', datatype: 'range(1, 254)', required: true },
				{ name: 'type', title: _('Type'), text: _('How the value is written'), kind: 'choice', choices: ['ip', 'string', 'uint8', 'uint16', 'uint32', 'bool', 'domains', 'hex'], required: true },
				{ name: 'value', title: _('Value'), text: _('The value; ip, uint8, uint16, uint32 and domains also take an array'), kind: 'value', required: true },
				{ name: 'always', title: _('Always'), text: _('Send it also to clients that did not ask for it'), kind: 'bool', placeholder: 'no' }
			]
		},
		{
			type: 'subnet',
			title: _('Relayed subnets'),
			text: _('A network behind a relay agent. What is not set here is as in lan.dhcp, but pools, router and reservations.'),
			named: true,
			parents: ['lan'],
			keys: [
				{ name: 'subnet', title: _('Subnet'), text: _('The network'), kind: 'value', pattern: '^(?:[0-9]{1,3}(?:\\.[0-9]{1,3}){3}/[0-9]{1,2})$', rule: _('IPv4 network'), required: true },
				{ name: 'mode', title: _('Mode'), text: _('Whether DHCP is served'), absent: _('as in lan.dhcp'), kind: 'choice', choices: ['serve', 'off'] },
				{ name: 'pools', title: _('Pools'), text: _('The addresses to lease'), kind: 'list', pattern: '^(?:\\s*[0-9]{1,3}(?:\\.[0-9]{1,3}){3}\\s*-\\s*[0-9]{1,3}(?:\\.[0-9]{1,3}){3}\\s*)$', rule: _('IPv4 range FIRST-LAST'), placeholder: 'none', nothing: 'none' },
				{ name: 'router', title: _('Router'), text: _('The default gateway of the clients (option 3)'), absent: _('this machine\'s own default gateway if it is on this LAN, else this machine\'s address'), kind: 'value', pattern: '^(?:none|[0-9]{1,3}(?:\\.[0-9]{1,3}){3})$', rule: _('IPv4 address or "none"') },
				{ name: 'routes', title: _('Routes'), text: _('When the VPN\'s routes are handed out by option 121'), kind: 'choice', choices: ['auto', 'always', 'never'], placeholder: 'auto' },
				{ name: 'dns', title: _('DNS'), text: _('Name servers (option 6)'), kind: 'list', datatype: 'ip4addr("nomask")', placeholder: 'none', nothing: 'none' },
				{ name: 'search', title: _('Search'), text: _('Domains that short names are looked up in (option 119)'), kind: 'list', pattern: '^(?:[A-Za-z0-9.-]{1,253})$', rule: _('host or domain name'), placeholder: 'none', nothing: 'none' },
				{ name: 'ntp', title: _('NTP'), text: _('Time servers (option 42)'), kind: 'list', datatype: 'ip4addr("nomask")', placeholder: 'none', nothing: 'none' },
				{ name: 'domain', title: _('Domain'), text: _('The domain of the clients (option 15)'), absent: _('none is sent'), kind: 'value', pattern: '^(?:[A-Za-z0-9.-]{1,253})$', rule: _('host or domain name') },
				{ name: 'lease_time', title: _('Lease time'), text: _('How long a lease lasts'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 10s to 2^31 s'), placeholder: '1h' },
				{ name: 'renew_time', title: _('Renew time'), text: _('When a client begins to renew'), absent: _('half of lease_time'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 1s to 2^31 s') },
				{ name: 'rebind_time', title: _('Rebind time'), text: _('When a client asks any server'), absent: _('0.875 of lease_time'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 1s to 2^31 s') },
				{ name: 'rapid_commit', title: _('Rapid commit'), text: _('Answer a DISCOVER that asks for it (option 80) with an ACK at once'), kind: 'bool', placeholder: 'no' },
				{ name: 'authoritative', title: _('Authoritative'), text: _('Refuse addresses that are wrong on this LAN (NAK); set to true, serve even beside another DHCP server'), absent: _('true, but nothing is served for the first time where another DHCP server answers'), kind: 'bool' },
				{ name: 'conflict_probe', title: _('Conflict probe'), text: _('Ask by ARP, ahead of need, whether free addresses are in use'), kind: 'bool', placeholder: 'yes' },
				{ name: 'next_server', title: _('Next server'), text: _('Boot server (siaddr)'), absent: _('none is sent'), kind: 'value', datatype: 'ip4addr("nomask")' },
				{ name: 'server_name', title: _('Server name'), text: _('Name of the boot server (sname)'), absent: _('none is sent'), kind: 'value', datatype: 'maxlength(63)' },
				{ name: 'boot_file', title: _('Boot file'), text: _('Boot file (file)'), absent: _('none is sent'), kind: 'value', datatype: 'maxlength(127)' },
				{ name: 'tag', title: _('Tag'), text: _('With mode = "dnsmasq": the tag that the dhcp-range of this network sets'), absent: _('none'), kind: 'value', pattern: '^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,62})$', rule: _('tag of dnsmasq') }
			]
		},
		{
			type: 'dnsmasq',
			title: _('dnsmasq'),
			text: _('With mode = "dnsmasq": the dnsmasq of this machine that serves the LAN and is told the routes.'),
			parents: ['lan'],
			keys: [
				{ name: 'options_file', title: _('Options file'), text: _('The file that routerd writes and dnsmasq reads (its dhcp-optsfile, or a file inside its dhcp-optsdir)'), kind: 'value', placeholder: '/run/routerd/dnsmasq-options' },
				{ name: 'pid_file', title: _('PID file'), text: _('The file with dnsmasq\'s process number'), kind: 'value', placeholder: '/run/dnsmasq/dnsmasq.pid' },
				{ name: 'tag', title: _('Tag'), text: _('The tag that the LAN\'s clients have in dnsmasq'), absent: _('the interface\'s name, which dnsmasq gives them by itself'), kind: 'value', pattern: '^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,62})$', rule: _('tag of dnsmasq') }
			]
		},
		{
			type: 'kea',
			title: _('Kea'),
			text: _('With mode = "kea": the Kea of this machine that serves the LAN and is told the routes.'),
			parents: ['lan'],
			keys: [
				{ name: 'socket', title: _('Socket'), text: _('Kea\'s control socket'), kind: 'value', placeholder: '/run/kea/kea4-ctrl-socket' },
				{ name: 'write', title: _('Write'), text: _('Have Kea write its file (config-write) after each change, so that its next start has the routes; only where the file says what Kea runs and has no comments or includes, which would be lost'), kind: 'bool', placeholder: 'yes' },
				{ name: 'config_file', title: _('Config file'), text: _('The file Kea was started with'), absent: _('the one its process was started with, where that can be seen'), kind: 'value' },
				{ name: 'interval', title: _('Interval'), text: _('How often Kea is asked whether somebody changed its configuration'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 1s to 1h'), placeholder: '30s' }
			]
		},
		{
			type: 'rip',
			title: _('RIP'),
			text: _('Tells the routers of this LAN the VPN\'s routes; without the section routerd neither sends nor hears RIP here.'),
			parents: ['lan'],
			keys: [
				{ name: 'versions', title: _('Versions'), text: _('RIPv2 for IPv4, RIPng for IPv6'), kind: 'list', choices: ['v2', 'ng'], placeholder: 'v2' },
				{ name: 'announce', title: _('Announce'), text: _('What is announced'), kind: 'choice', choices: ['prefixes', 'peers', 'none'], placeholder: 'prefixes' },
				{ name: 'mode', title: _('Mode'), text: _('Where updates are sent to, besides neighbors'), kind: 'choice', choices: ['multicast', 'broadcast', 'unicast'], placeholder: 'multicast' },
				{ name: 'neighbors', title: _('Neighbors'), text: _('Routers that updates are sent to one by one'), kind: 'list', placeholder: 'none', nothing: 'none' },
				{ name: 'metric', title: _('Metric'), text: _('The metric that is announced'), kind: 'value', datatype: 'range(1, 15)', placeholder: '1' },
				{ name: 'tag', title: _('Tag'), text: _('The route tag that is announced'), kind: 'value', datatype: 'range(0, 65535)', placeholder: '0' },
				{ name: 'update_interval', title: _('Update interval'), text: _('Time between two full updates'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 1s to 10m'), placeholder: '30s' },
				{ name: 'auth_length', title: _('Auth length'), text: _('The length that packets signed with md5 state for their digest'), kind: 'value', placeholder: '16' },
				{ name: 'answer_unauthenticated', title: _('Answer unauthenticated'), text: _('Answer requests that are not signed although keys are set'), kind: 'bool', placeholder: 'no' },
				{ name: 'learn', title: _('Learn'), text: _('Learn routes of the site from its routers'), kind: 'bool', placeholder: 'no' },
				{ name: 'import', title: _('Import'), text: _('The prefixes that may be learned, and the routers they may be learned from'), kind: 'list', placeholder: 'none', nothing: 'none' },
				{ name: 'ng_prefixes', title: _('Ng prefixes'), text: _('The IPv6 networks behind the VPN that RIPng announces'), absent: _('the WireGuard interface\'s networks and its peers\' AllowedIPs, less LANs and default routes'), kind: 'list' },
				{ name: 'ng_gateway', title: _('Ng gateway'), text: _('The link-local address of the gateway to ng_prefixes on this LAN'), absent: _('this machine'), kind: 'value' }
			]
		},
		{
			type: 'rip_key',
			title: _('RIP keys'),
			text: _('A key of RIPv2\'s authentication (RFC 4822); with several, one follows the other by their times.'),
			parents: ['lan'],
			keys: [
				{ name: 'id', title: _('ID'), text: _('The key\'s number, the same on all routers'), kind: 'value', datatype: 'range(0, 255)', required: true },
				{ name: 'algorithm', title: _('Algorithm'), text: _('What packets are signed with'), kind: 'choice', choices: ['plain', 'md5', 'hmac-sha-1', 'hmac-sha-256', 'hmac-sha-384', 'hmac-sha-512'], required: true },
				{ name: 'secret_file', title: _('Secret file'), text: _('The file with the secret, one line'), kind: 'value', required: true },
				{ name: 'send_from', title: _('Send from'), text: _('When packets begin to be signed with it'), absent: _('at once'), kind: 'value' },
				{ name: 'send_to', title: _('Send to'), text: _('When packets are no longer signed with it'), absent: _('never'), kind: 'value' },
				{ name: 'accept_from', title: _('Accept from'), text: _('When packets signed with it begin to be believed'), absent: _('at once'), kind: 'value' },
				{ name: 'accept_to', title: _('Accept to'), text: _('When packets signed with it are no longer believed'), absent: _('never'), kind: 'value' }
			]
		},
		{
			type: 'forward',
			title: _('Port forwards'),
			text: _('A port of this machine\'s LAN addresses behind which the site finds a service of a peer.'),
			parents: ['lan'],
			keys: [
				{ name: 'listen', title: _('Listen'), text: _('The port or ports with their protocol'), kind: 'value', pattern: '^(?:([0-9]{1,5})(?:-([0-9]{1,5}))?/([a-zA-Z]+))$', rule: _('PORT/tcp, PORT/udp or FIRST-LAST/tcp'), required: true },
				{ name: 'to', title: _('To'), text: _('The peer, or an address behind the VPN, and the port there'), kind: 'value', required: true },
				{ name: 'source_nat', title: _('Source NAT'), text: _('Whether the peer sees this machine\'s address in the VPN'), kind: 'choice', choices: ['auto', 'always', 'never'], placeholder: 'auto' }
			]
		},
		{
			type: 'alias',
			title: _('Aliases'),
			text: _('A LAN address that stands for a whole peer, in both directions.'),
			parents: ['lan'],
			keys: [
				{ name: 'address', title: _('Address'), text: _('The free address of the LAN'), kind: 'value', datatype: 'ip4addr("nomask")', required: true },
				{ name: 'peer', title: _('Peer'), text: _('The name of the peer'), kind: 'value', pattern: '^(?:[^/]{1,63})$', rule: _('name'), required: true }
			]
		},
		{
			type: 'probe',
			title: _('Probing of peers'),
			text: _('How peers are probed where a peer says nothing else.'),
			single: true,
			parents: [],
			keys: [
				{ name: 'interval', title: _('Interval'), text: _('Time between two probes of a peer'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 100ms to 24h'), placeholder: '10s' },
				{ name: 'timeout', title: _('Timeout'), text: _('How long an answer is waited for; at most the interval'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 100ms to 24h'), placeholder: '2s' },
				{ name: 'down_after', title: _('Down after'), text: _('Failures in a row that make a peer down'), kind: 'value', datatype: 'range(1, 100)', placeholder: '3' },
				{ name: 'up_after', title: _('Up after'), text: _('Answers in a row that make a peer up again'), kind: 'value', datatype: 'range(1, 100)', placeholder: '2' }
			]
		},
		{
			type: 'return_path',
			title: _('Return path'),
			text: _('How it is measured whether the hosts of the site have a way back to the VPN.'),
			single: true,
			parents: [],
			keys: [
				{ name: 'interval', title: _('Interval'), text: _('Time between two probes of a host; a proof ends after three of it'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 100ms to 24h'), placeholder: '30s' },
				{ name: 'timeout', title: _('Timeout'), text: _('How long an answer is waited for; at most the interval'), kind: 'value', pattern: '^(?:(?=.)(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m(?!s))?(?:([0-9]{1,12})s)?(?:([0-9]{1,12})ms)?)$', rule: _('duration, from 100ms to 24h'), placeholder: '1s' }
			]
		},
		{
			type: 'nat',
			title: _('NAT'),
			text: _('What concerns all address translation.'),
			single: true,
			parents: [],
			keys: [
				{ name: 'keep', title: _('Keep'), text: _('Leave rules, routes and forwarding in place when routerd stops'), kind: 'bool', placeholder: 'no' },
				{ name: 'log_flows', title: _('Log flows'), text: _('Log the peer behind every masqueraded flow'), kind: 'bool', placeholder: 'no' }
			]
		},
		{
			type: 'http',
			title: _('HTTP'),
			text: _('Status, health and metrics over HTTP.'),
			single: true,
			parents: [],
			keys: [
				{ name: 'listen', title: _('Listen'), text: _('Where to serve'), kind: 'list', placeholder: '127.0.0.1:8121 unix:/run/routerd/routerd.sock', nothing: 'none' },
				{ name: 'token_file', title: _('Token file'), text: _('The file with the token that changes over TCP need'), absent: _('changes are possible over the Unix socket only'), kind: 'value' },
				{ name: 'tls_cert', title: _('TLS cert'), text: _('The file with the certificate, and those between it and its root, for TLS on all TCP addresses'), absent: _('TCP is served without TLS'), kind: 'value' },
				{ name: 'tls_key', title: _('TLS key'), text: _('The file with the certificate\'s private key'), absent: _('TCP is served without TLS'), kind: 'value' }
			]
		},
		{
			type: 'leases',
			title: _('Lease file'),
			text: _('Where leases are kept.'),
			single: true,
			parents: [],
			keys: [
				{ name: 'store', title: _('Store'), text: _('The database file'), kind: 'value', placeholder: 'sqlite:/etc/routerd/state/leases.db' },
				{ name: 'sync', title: _('Sync'), text: _('What is on disk before the client hears of it'), kind: 'choice', choices: ['always', 'bindings'], placeholder: 'bindings' }
			]
		},
		{
			type: 'log',
			title: _('Log'),
			text: _('The log on standard error.'),
			single: true,
			parents: [],
			keys: [
				{ name: 'level', title: _('Level'), text: _('The least severity that is logged'), kind: 'choice', choices: ['debug', 'info', 'warning', 'error'], placeholder: 'info' },
				{ name: 'format', title: _('Format'), text: _('For people or for programs'), kind: 'choice', choices: ['text', 'json'], placeholder: 'text' }
			]
		}
	]
});
