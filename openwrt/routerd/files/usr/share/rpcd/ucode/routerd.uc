'use strict';

// `ubus call routerd METHOD`: what the daemon answers at /v1, asked at its Unix socket. rpcd serves one call at a time, so
// none may wait for long: a daemon that does not answer in time is told as { error }, as is all else that goes wrong.

import { readfile } from 'fs';
import { AF_UNIX, POLLIN, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, create, poll, error as socket_error } from 'socket';
import { connect } from 'ubus';
import { cursor } from 'uci';

// What the daemon runs with, and what is wrong with what it does not; the init script writes both.
const CONFIG = '/var/run/routerd-init/config';
const FAULTS = '/var/run/routerd-init/faults';
const SOCKET = '/run/routerd/routerd.sock';

const SECONDS = 3;
const PROBE_SECONDS = 5;
const RELOAD_SECONDS = 10;

// A message of ubus has at most 1 MiB.
const MOST_BYTES = 768 * 1024;
const ROWS = 500;

function now() {
	const time = clock(true);

	return time[0] + time[1] / 1e9;
}

function first_socket(listen) {
	for (let place in (type(listen) == 'array') ? listen : split(listen ?? '', /[ \t]+/))
		if (substr(place, 0, 5) == 'unix:')
			return substr(place, 5);

	return null;
}

// The first Unix socket that the daemon serves; null where it serves none.
function socket_path() {
	let path = SOCKET;
	const config = cursor(CONFIG);

	config.foreach('routerd', 'http', (section) => {
		if (section.listen != null)
			path = first_socket(section.listen);
	});

	return path;
}

// Why a call on a socket failed, without the name of the call.
function reason() {
	return replace(socket_error() ?? 'no reason given', /^[a-z]+\(\)( failed)?: /, '');
}

// All bytes until the other side closes, or { error }.
function exchange(path, request, seconds) {
	const deadline = now() + seconds;
	const sock = create(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (!sock)
		return { error: `no socket: ${reason()}` };

	if (!sock.connect(path)) {
		const why = reason();

		sock.close();

		return { error: `routerd does not run, or not at ${path}: ${why}` };
	}

	// A request is far smaller than what a socket takes at once.
	if (sock.send(request) != length(request)) {
		sock.close();

		return { error: `routerd does not take requests at ${path}` };
	}

	const parts = [];
	let size = 0, failed = null;

	while (!failed) {
		const left = deadline - now();
		const ready = (left > 0) ? poll(int(left * 1000) + 1, [ sock, POLLIN ]) : null;

		if (!ready || !ready[0][1]) {
			failed = `routerd has not answered within ${seconds} s`;
			break;
		}

		const part = sock.recv(65536);

		if (part == null)
			failed = `routerd broke off: ${reason()}`;
		else if (!length(part))
			break;
		else if ((size += length(part)) > MOST_BYTES)
			failed = `the answer of routerd is too large for ubus; use: routerd status`;
		else
			push(parts, part);
	}

	sock.close();

	return failed ? { error: failed } : { bytes: join('', parts) };
}

// The body of chunked coding (RFC 9112, section 7.1); null where it has no end.
function dechunk(body) {
	const parts = [];

	for (;;) {
		const end = index(body, '\r\n');
		const found = (end > 0) ? match(substr(body, 0, end), /^([0-9A-Fa-f]{1,7})[ \t]*(;|$)/) : null;

		if (!found)
			return null;

		const size = hex(found[1]);

		if (size == 0)
			return join('', parts);

		if (length(body) < end + size + 4)
			return null;

		push(parts, substr(body, end + 2, size));
		body = substr(body, end + size + 4);
	}
}

// { status, headers, body } of an answer (RFC 9112); null where it is cut off, or none.
function parse(bytes) {
	const end = index(bytes, '\r\n\r\n');
	const lines = split(substr(bytes, 0, end < 0 ? 0 : end), '\r\n');
	const start = match(lines[0], /^HTTP\/1\.[01] ([0-9]{3})( |$)/);

	if (!start)
		return null;

	const headers = {};

	for (let i = 1; i < length(lines); i++) {
		const colon = index(lines[i], ':');

		if (colon > 0)
			headers[lc(substr(lines[i], 0, colon))] = trim(substr(lines[i], colon + 1));
	}

	let body = substr(bytes, end + 4);
	const size = headers['content-length'];

	if (lc(headers['transfer-encoding'] ?? '') == 'chunked')
		body = dechunk(body);
	else if (size != null && (!match(size, /^[0-9]{1,9}$/) || length(body) != int(size)))
		body = null;

	return (body == null) ? null : { status: int(start[1]), headers, body };
}

function encode(text) {
	return replace(text, /[^A-Za-z0-9._~-]/g, (byte) => sprintf('%%%02X', ord(byte)));
}

function decode(text) {
	return replace(text, /%[0-9A-Fa-f]{2}/g, (code) => chr(hex(substr(code, 1))));
}

// The key behind which a list goes on; null where this was all of it.
function next_key(headers) {
	const found = match(headers.link ?? '', /[?&]after=([^&>]*)>; *rel="next"/);

	return found ? decode(found[1]) : null;
}

// What the daemon answers, as an object; with `error` unless it answered 200.
function ask(method, target, seconds) {
	const path = socket_path();

	if (path == null)
		return { error: "http.listen has no Unix socket; add: list listen 'unix:/run/routerd/routerd.sock'" };

	const request = `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n` +
		`Connection: close\r\nContent-Length: 0\r\n\r\n`;
	const got = exchange(path, request, seconds ?? SECONDS);

	if (got.error)
		return got;

	const answer = parse(got.bytes);

	if (!answer)
		return { error: `what answers at ${path} broke off, or is not routerd` };

	let body = null;

	try {
		body = json(answer.body);
	}
	catch (e) {
		body = null;
	}

	if (type(body) != 'object')
		return { error: `what answers at ${path} answered ${answer.status} without JSON` };

	if (answer.status != 200)
		body.error ??= body.errors ? 'the configuration has faults; routerd goes on with the one that it has'
			: `routerd answered ${answer.status}`;

	const next = next_key(answer.headers);

	if (next != null)
		body.next = next;

	return body;
}

// A list of /v1, or with more than so many rows the first of them, and with `next` what `after` goes on behind.
function list(name) {
	return {
		args: { limit: 0, after: '' },
		call: function(request) {
			const limit = request.args.limit ?? ROWS;
			const after = length(request.args.after) ? `&after=${encode(request.args.after)}` : '';

			return ask('GET', `/v1/${name}?limit=${limit}${after}`);
		}
	};
}

function read_faults() {
	const lines = split(trim(readfile(FAULTS) ?? ''), '\n');

	return filter(lines, (line) => length(line));
}

// The daemon after the init script: what that refused, the daemon was not told.
function reload_daemon() {
	const faults = read_faults();

	if (length(faults))
		return { reloaded: false, faults, error: 'the configuration has faults; routerd goes on with the one that it has' };

	return ask('POST', '/v1/reload', RELOAD_SECONDS);
}

const methods = {
	status: {
		call: function() {
			return ask('GET', '/v1/status');
		}
	},

	peers: list('peers'),
	hosts: list('hosts'),
	routes: list('routes'),
	leases: list('leases'),
	problems: list('problems'),

	// What is wrong with /etc/config/routerd, if the daemon does not run with it for that.
	faults: {
		call: function() {
			return { faults: read_faults() };
		}
	},

	reload: {
		call: function(request) {
			// Through the init script, which hands the daemon what /etc/config/routerd says now. rpcd does not wait for it.
			const bus = connect();
			const deferred = bus ? bus.defer('rc', 'init', { name: 'routerd', action: 'reload' }, () => {
				request.reply(reload_daemon());
			}) : null;

			return deferred ?? reload_daemon();
		}
	},

	probe: {
		args: { name: '' },
		call: function(request) {
			if (!length(request.args.name))
				return { error: 'name is missing: the name of a peer, or its public key' };

			return ask('POST', `/v1/peers/${encode(request.args.name)}/probe`, PROBE_SECONDS);
		}
	},

	release: {
		args: { address: '' },
		call: function(request) {
			if (!length(request.args.address))
				return { error: 'address is missing: the leased address' };

			return ask('DELETE', `/v1/leases/${encode(request.args.address)}`);
		}
	}
};

return { routerd: methods };
