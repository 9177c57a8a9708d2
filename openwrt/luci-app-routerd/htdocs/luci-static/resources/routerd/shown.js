'use strict';
'require baseclass';

/* How the page Status shows words, times and lists of /v1.
 *
 * Texts come from the network (names of hosts, for example). They are always passed to E() in an array: an array's items
 * become text, a bare string would become HTML. */

/* The words of /v1, each with how good that is. What is not here, is shown as it is. */
const WORDS = {
	'up': [ 'success', _('up') ],
	'stale': [ 'warning', _('stale') ],
	'down': [ 'important', _('down') ],
	'idle': [ '', _('idle') ],
	'never': [ '', _('never seen') ],
	'unknown': [ '', _('unknown') ],
	'site-gateway': [ 'success', _('routed') ],
	'masquerade': [ 'warning', _('masqueraded') ],
	'none': [ '', _('none') ],
	'direct': [ 'success', _('direct') ],
	'via-router': [ 'success', _('via a router') ],
	'lan-only': [ 'warning', _('LAN only') ],
	'offered': [ 'success', _('offered') ],
	'withdrawn': [ 'warning', _('withdrawn') ],
	'not-needed': [ '', _('not needed') ],
	'bound': [ 'success', _('bound') ],
	'released': [ '', _('released') ],
	'expired': [ '', _('expired') ],
	'declined': [ 'warning', _('declined') ],
	'error': [ 'important', _('error') ],
	'warning': [ 'warning', _('warning') ],
	'info': [ '', _('info') ]
};

const has = value => value != null && value !== '';

const text = value => has(value) ? '%s'.format(value) : '–';

const words = values => text((values ?? []).join(', '));

const yes = value => value == null ? badge('unknown') : (value ? _('yes') : _('no'));

function badge(word, title) {
	const [ kind, shown ] = WORDS[word] ?? [ '', word ];

	return E('span', { 'class': 'label %s'.format(kind), 'title': title ?? text(word) }, [ text(shown) ]);
}

/* How long ago a time of the daemon was, by the daemon's clock; the time itself is shown by the pointer. */
function ago(time, now, later) {
	if (!has(time))
		return _('unknown');

	const seconds = Math.round((Date.parse(now) - Date.parse(time)) / 1000) * (later ? -1 : 1);

	if (isNaN(seconds))
		return text(time);

	const shown = later ? (seconds > 0 ? _('in %t') : _('%t ago')) : _('%t ago');

	return E('span', { 'title': text(time) }, [ shown.format(Math.max(0, later && seconds < 0 ? -seconds : seconds)) ]);
}

function cells(items, tag) {
	return items.map(([ title, content ]) => E(tag, {
		'class': tag,
		'data-title': title
	}, Array.isArray(content) ? content : [ content ]));
}

/* A table of rows; each is a list of [ title, content ]. */
function table(rows, nothing) {
	if (!rows.length)
		return E('p', {}, [ E('em', {}, [ nothing ]) ]);

	return E('table', { 'class': 'table' }, [
		E('tr', { 'class': 'tr table-titles' }, rows[0].map(([ title ]) => E('th', { 'class': 'th' }, [ title ]))),
		...rows.map((row, i) => E('tr', { 'class': 'tr cbi-rowstyle-%d'.format(1 + i % 2) }, cells(row, 'td')))
	]);
}

return baseclass.extend({ ago, badge, table, text, words, yes });
