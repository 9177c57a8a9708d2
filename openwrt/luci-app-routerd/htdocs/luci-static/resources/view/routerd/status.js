'use strict';
'require view';
'require rpc';
'require poll';
'require ui';
'require dom';
'require routerd.shown as shown';

/* What the daemon says at /v1, through the rpcd plugin of the package routerd, and nothing else: what it does not know,
 * is not known here either. Texts of the network are only ever items of arrays; see shown.js. */

const { ago, badge, table, text, words, yes } = shown;

const LISTS = [ 'peers', 'hosts', 'routes', 'leases', 'problems' ];

const SECONDS = 5;

const declare = (method, params) => rpc.declare({ object: 'routerd', method, params, reject: true });

const callStatus = declare('status');
const callFaults = declare('faults');
const callLists = LISTS.map(name => declare(name));
const callReload = declare('reload');
const callProbe = declare('probe', [ 'name' ]);
const callRelease = declare('release', [ 'address' ]);

const COUNTED = {
	'peers': _('Peers'),
	'routes': _('Routes'),
	'leases': _('Leases'),
	'problems': _('Problems')
};

const failed = error => ({ error: '%s'.format(error?.message ?? error) });

const ask = call => call().then(answer => L.isObject(answer) ? answer : failed(_('routerd answered nothing')), failed);

return view.extend({
	load() {
		return this.fetch();
	},

	fetch() {
		return Promise.all([ callStatus, callFaults, ...callLists ].map(ask)).then(answers => {
			const [ status, faults, ...lists ] = answers;

			return { status, faults, ...Object.fromEntries(LISTS.map((name, i) => [ name, lists[i] ])) };
		});
	},

	render(data) {
		const page = E('div', { 'id': 'routerd-status' });

		this.show(page, data);
		poll.add(() => this.fetch().then(fresh => this.show(page, fresh)), SECONDS);

		return page;
	},

	show(page, data) {
		const now = data.status.now;

		dom.content(page, [
			E('h2', {}, [ _('routerd') ]),
			this.alerts(data),
			...(data.status.error ? [] : [
				this.summary(data.status),
				this.section(_('Problems'), data.problems, 'problems', row => this.problem(row, now), _('There are no problems.')),
				this.section(_('Peers'), data.peers, 'peers', row => this.peer(row, now), _('There are no peers.')),
				this.section(_('Hosts'), data.hosts, 'hosts', row => this.host(row, now), _('No hosts are known yet.')),
				this.section(_('Routes'), data.routes, 'routes', row => this.route(row), _('There are no routes.')),
				this.section(_('Leases'), data.leases, 'leases', row => this.lease(row, now), _('There are no leases.'))
			])
		]);
	},

	alert(title, lines) {
		return E('div', { 'class': 'alert-message warning' }, [
			E('h4', {}, [ title ]),
			...lines.map(line => E('p', {}, [ text(line) ]))
		]);
	},

	alerts(data) {
		const found = [];

		if (data.status.error)
			found.push(this.alert(_('routerd cannot be asked'), [ data.status.error ]));

		if (data.faults.faults?.length)
			found.push(this.alert(data.status.error ? _('The configuration has faults')
				: _('The configuration has faults; routerd goes on with the one that it has'), data.faults.faults));

		if (data.status.config?.errors?.length)
			found.push(this.alert(_('The configuration has faults; routerd goes on with the one that it has'),
				data.status.config.errors.map(fault => '%s: %s; %s'.format(fault.path, fault.rule, fault.mend))));

		if (data.status.confirm)
			found.push(this.alert(_('The configuration is on trial'),
				[ _('It is taken back unless it is confirmed before %s.').format(text(data.status.confirm.deadline)) ]));

		return E('div', {}, found);
	},

	/* Who may not change anything, sees no buttons. */
	button(style, title, handler, ...args) {
		if (L.hasViewPermission() !== true)
			return '';

		return E('button', {
			'class': 'btn cbi-button cbi-button-%s'.format(style),
			'click': ui.createHandlerFn(this, handler, ...args)
		}, [ title ]);
	},

	summary(status) {
		const counts = Object.entries(COUNTED).map(([ name, title ]) => {
			const states = Object.entries(status.counts?.[name] ?? {});

			return [ title, states.length ? states.flatMap(([ state, count ]) =>
				[ '%d '.format(count), badge(state), ' ' ]) : [ '0' ] ];
		});

		return E('div', { 'class': 'cbi-section' }, [
			E('table', { 'class': 'table' }, [
				[ _('Version'), text(status.version) ],
				[ _('Runs since'), ago(status.started, status.now) ],
				[ _('Configuration read'), status.config ? ago(status.config.loaded, status.now) : _('unknown') ],
				...counts
			].map(([ title, content ]) => E('tr', { 'class': 'tr' }, [
				E('td', { 'class': 'td left', 'width': '33%' }, [ title ]),
				E('td', { 'class': 'td left' }, Array.isArray(content) ? content : [ content ])
			]))),
			this.button('action', _('Reload the configuration'), 'handleReload')
		]);
	},

	section(title, answer, name, row, nothing) {
		const rows = Array.isArray(answer[name]) ? answer[name] : null;
		let content;

		if (!rows)
			content = this.alert(_('Not known'), [ answer.error ?? _('routerd answered nothing') ]);
		else
			content = table(rows.map(row), nothing);

		return E('div', { 'class': 'cbi-section' }, [
			E('h3', {}, [ title ]),
			content,
			(rows && answer.next) ? E('p', {}, [
				E('em', {}, [ _('These are the first %d. There are more; see: routerd status').format(rows.length) ])
			]) : ''
		]);
	},

	problem(row, now) {
		return [
			[ _('Severity'), badge(row.severity) ],
			[ _('Problem'), [ E('strong', {}, [ text(row.text) ]), E('br'), text(row.mend) ] ],
			[ _('Since'), ago(row.since, now) ],
			[ _('Because of'), text(row.caused_by) ]
		];
	},

	peer(row, now) {
		const probe = row.probe ?? {};

		return [
			[ _('Name'), text(row.name) ],
			[ _('VPN'), text(row.vpn) ],
			[ _('State'), [
				badge(row.state, probe.failure),
				...(row.flapping ? [ ' ', E('span', { 'class': 'label warning' }, [ _('flapping') ]) ] : [])
			] ],
			[ _('Reachable'), yes(row.reachable) ],
			[ _('Since'), ago(row.since, now) ],
			[ _('Addresses'), words(row.addresses) ],
			[ _('Endpoint'), text(row.endpoint) ],
			[ _('Last handshake'), row.last_handshake ? ago(row.last_handshake, now) : '–' ],
			[ _('Probe'), text(probe.kind) + (probe.rtt_ms != null ? ', %s ms'.format(probe.rtt_ms) : '') ],
			[ _('Received'), row.rx_bytes != null ? '%1024.1mB'.format(row.rx_bytes) : _('unknown') ],
			[ _('Sent'), row.tx_bytes != null ? '%1024.1mB'.format(row.tx_bytes) : _('unknown') ],
			[ '', this.button('neutral', _('Probe'), 'handleProbe', row.name) ]
		];
	},

	host(row, now) {
		const evidence = row.evidence;

		return [
			[ _('Address'), text(row.address) ],
			[ _('Name'), text(row.hostname) ],
			[ _('MAC address'), text(row.mac) ],
			[ _('LAN'), text(row.lan) ],
			[ _('Strategy'), [ badge(row.strategy), row.pinned ? ' ' + _('(pinned)') : '' ] ],
			[ _('Return path'), badge(row.return_path) ],
			[ _('Known by'), evidence ? [ text(evidence.kind), ', ', ago(evidence.at, now) ] : '–' ],
			[ _('Asks for routes'), yes(row.accepts_routes) ],
			[ _('Has the current routes'), row.lease ? yes(row.lease.routes_current) : _('no lease') ]
		];
	},

	route(row) {
		return [
			[ _('Prefix'), text(row.prefix) ],
			[ _('Gateway'), text(row.gateway) ],
			[ _('Metric'), text(row.metric) ],
			[ _('LAN'), text(row.lan) ],
			[ _('Handed out by'), words(row.channels) ],
			[ _('State'), badge(row.state) ],
			[ _('Reason'), text(row.reason) ]
		];
	},

	lease(row, now) {
		return [
			[ _('Address'), text(row.address) ],
			[ _('Name'), text(row.hostname) ],
			[ _('MAC address'), text(row.mac) ],
			[ _('LAN'), text(row.lan) ],
			[ _('State'), badge(row.state) ],
			[ _('Ends'), row.expires ? ago(row.expires, now, true) : _('unknown') ],
			[ _('Has the current routes'), row.state == 'bound' ? yes(row.routes_current) : '–' ],
			[ '', this.button('remove', _('Release'), 'handleRelease', row.address) ]
		];
	},

	/* What was done, or why not. */
	tell(answer, done) {
		if (answer.error)
			ui.addNotification(null, E('p', {}, [
				text([ answer.error, ...(answer.faults ?? []) ].join('; ')) ]), 'warning');
		else
			ui.addTimeLimitedNotification?.(null, E('p', {}, [ done ]), 5000, 'info');

		const page = document.getElementById('routerd-status');

		return this.fetch().then(fresh => page && this.show(page, fresh));
	},

	handleReload() {
		return ask(callReload).then(answer => this.tell(answer, _('The configuration was read anew.')));
	},

	handleProbe(name) {
		return ask(() => callProbe(name)).then(answer => this.tell(answer, _('%s was probed.').format(name)));
	},

	handleRelease(address) {
		return ask(() => callRelease(address)).then(answer => this.tell(answer, _('%s is free.').format(address)));
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
