'use strict';
'require view';
'require form';
'require rpc';
'require uci';
'require ui';
'require routerd.scheme as scheme';

/* The form of /etc/config/routerd. Sections and options are those of scheme.js, which is made from routerd's own table;
 * what an option may say in full, the daemon judges, and the page Status shows what it found. */

const YES = [ '1', 'on', 'true', 'yes', 'enabled' ];
const NO = [ '0', 'off', 'false', 'no', 'disabled' ];

/* One of a kind, as long as it is not there yet. */
const SingleSection = form.TypedSection.extend({
	__name__: 'RouterdSingleSection',

	renderSectionAdd(extra_class) {
		return this.cfgsections().length ? E([]) : this.super('renderSectionAdd', [ extra_class ]);
	}
});

/* What an option says if it is a list although it takes one value, or the contrary: nothing is lost by opening the form. */
const one = value => Array.isArray(value) ? value.join(' ') : value;

function bool(value) {
	const word = one(value);

	return YES.includes(word) ? '1' : (NO.includes(word) ? '0' : word);
}

/* Not from /etc/config/network: who may read that, reads the keys in it. */
const callDump = rpc.declare({ object: 'network.interface', method: 'dump', expect: { interface: [] } });

let dumped = [];

function interfaces() {
	return dumped.map(each => each.interface).filter(name => name != 'loopback');
}

/* How sections of this type may be called by others. */
function names(type) {
	return uci.sections('routerd', type).map(section => section['.anonymous'] ? section.interface : section['.name']);
}

function describe(key) {
	const parts = [ key.text + '.' ];

	if (key.absent)
		parts.push(_('If left out: %s.').format(key.absent));

	return parts.join(' ');
}

function check(key) {
	const expression = new RegExp(key.pattern, 'u');

	return (section_id, value) => !value || value === key.nothing || expression.test(value)
		|| _('Expecting: %s').format(key.rule);
}

function addList(section, key) {
	const option = section.option(form.DynamicList, key.name, key.title, describe(key));

	(key.choices ?? []).forEach(choice => option.value(choice));

	if (key.datatype)
		option.datatype = key.nothing ? 'or(%s, "%s")'.format(key.datatype, key.nothing) : key.datatype;

	/* A list without items is not a list in UCI. */
	option.write = (section_id, value) => {
		const items = L.toArray(value);

		return uci.set('routerd', section_id, key.name, (items.length == 1 && items[0] === key.nothing) ? items[0] : items);
	};

	return option;
}

function addBool(section, key) {
	const option = section.option(form.ListValue, key.name, key.title, describe(key));

	option.value('', key.placeholder == null ? _('not set')
		: _('not set (%s)').format(key.placeholder));
	option.value('1', _('yes'));
	option.value('0', _('no'));
	option.cfgvalue = section_id => bool(uci.get('routerd', section_id, key.name));

	return option;
}

function addChoice(section, key) {
	const option = section.option(form.ListValue, key.name, key.title, describe(key));

	if (!key.required)
		option.value('', key.placeholder == null ? _('not set') : _('not set (%s)').format(key.placeholder));

	key.choices.forEach(choice => option.value(choice));

	return option;
}

function addValue(section, key) {
	const option = section.option(form.Value, key.name, key.title, describe(key));

	if (key.kind == 'interface')
		interfaces().forEach(name => option.value(name));

	option.datatype = key.datatype;
	option.cfgvalue = section_id => one(uci.get('routerd', section_id, key.name));

	return option;
}

function addFlag(section, key) {
	const option = section.option(form.Flag, key.name, key.title, describe(key));

	option.rmempty = false;
	option.cfgvalue = section_id => bool(uci.get('routerd', section_id, key.name));

	return option;
}

const ADD = { list: addList, bool: addBool, choice: addChoice, flag: addFlag };

/* In a table: an option that is not set is not one that says none. */
function addText(option, key) {
	option.textvalue = function(section_id) {
		const value = one(this.cfgvalue(section_id));

		return (value != null && value !== '') ? '%h'.format(value)
			: E('em', {}, [ key?.placeholder ? _('not set (%s)').format(key.placeholder) : _('not set') ]);
	};
}

/* Which `config lan` (or vpn, …) the section belongs to. */
function addParent(section, type, several) {
	const option = section.option(form.Value, type, _('Belongs to %s').format(type), several
		? _('The name of a section of this type, or its interface. Set one of these only.')
		: _('The name of a section of this type, or its interface. It may be left out if there is only one.'));

	names(type).filter(name => name).forEach(name => option.value(name));
	option.optional = true;
	addText(option, null);
}

function addKey(section, key, shown) {
	const option = (ADD[key.kind] ?? addValue)(section, key);

	if (key.pattern)
		option.validate = check(key);

	if (key.kind != 'bool' && key.kind != 'choice' && key.placeholder != null && key.placeholder !== key.nothing)
		option.placeholder = key.placeholder;

	if (key.kind != 'flag') {
		option.optional = !key.required;
		option.rmempty = !key.required;
	}

	if (shown)
		addText(option, key);
	else
		option.modalonly = true;
}

/* So many options are in the table of a type, all of them are in the dialog of a row. */
const COLUMNS = 4;

function addSection(map, part) {
	const section = map.section(part.single ? SingleSection : form.GridSection, part.type, part.title, part.text);

	section.addremove = part.type != 'routerd';
	section.anonymous = !part.named;

	if (!part.single) {
		section.sortable = true;
		section.nodescriptions = true;
		section.modaltitle = part.title;
	}

	part.parents.forEach(type => addParent(section, type, part.parents.length > 1));

	const first = [ ...part.keys.filter(key => key.required), ...part.keys.filter(key => !key.required) ].slice(0, COLUMNS - part.parents.length);

	part.keys.forEach(key => addKey(section, key, part.single || first.includes(key)));
}

return view.extend({
	load() {
		return Promise.all([ L.resolveDefault(callDump(), []), uci.load('routerd') ]);
	},

	render(loaded) {
		dumped = loaded[0];

		const map = new form.Map('routerd', _('routerd'),
			_('What is saved and applied is checked by routerd first; with faults it goes on as before, and the page Status shows them.'));

		map.tabbed = true;
		scheme.SECTIONS.forEach(part => addSection(map, part));

		return map.render();
	}
});
