// LuCI's modules as far as routerd's pages use them, for node. Elements are plain objects; as in LuCI a bare string for a
// child is HTML, an item of an array is text. Usage: node luci_played.js < {"do", …}; prints JSON.
'use strict';

const fs = require('fs');

const escape = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

String.prototype.format = function(...values) {
	return this.replace(/%(h|s|d|t|1024\.1m)/g, (_, kind) => {
		const value = values.shift();
		if (kind === 'd')
			return String(Math.floor(+value || 0));
		if (kind === 't')
			return `${Math.floor(value / 3600)}h ${Math.floor(value / 60) % 60}m ${value % 60}s`;
		return kind === 'h' ? escape(String(value)) : String(value);
	});
};

class Element {
	constructor(tag, attributes, html) {
		Object.assign(this, { tag, attributes, html });
	}
}

function inner(children) {
	if (Array.isArray(children))
		return children.map(each => each instanceof Element ? html(each) : each == null ? '' : escape(String(each))).join('');
	return children instanceof Element ? html(children) : children == null ? '' : String(children);
}

function html(element) {
	if (!element.tag)
		return element.html;
	const attributes = Object.entries(element.attributes).filter(([ , value ]) => value != null && typeof value !== 'function');
	return `<${element.tag}${attributes.map(([ name, value ]) => ` ${name}="${escape(String(value))}"`).join('')}>` +
		`${element.html}</${element.tag}>`;
}

function E(tag, attributes, children) {
	if (Array.isArray(tag))
		return new Element('', {}, inner(tag));
	if (attributes == null || typeof attributes !== 'object' || Array.isArray(attributes) || attributes instanceof Element)
		[ attributes, children ] = [ {}, attributes ];
	return new Element(tag, attributes, inner(children));
}

// Names of all that is read of an answer, by their paths; rows of a list are one.
function watched(value, path, read) {
	if (value === null || typeof value !== 'object')
		return value;
	return new Proxy(value, {
		get(target, name) {
			const found = Reflect.get(target, name);
			if (typeof name !== 'string' || typeof found === 'function' || name === 'length' || name === 'then')
				return found;
			const here = /^[0-9]+$/.test(name) ? path : `${path}.${name}`;
			if (here !== path)
				read.add(here);
			return watched(found, here, read);
		}
	});
}

function load(path, modules) {
	const source = fs.readFileSync(path, 'utf8');
	const names = [], values = [];
	for (const found of source.matchAll(/^'require ([\w.]+)(?: as (\w+))?';$/mg)) {
		names.push(found[2] ?? found[1]);
		if (!(found[1] in modules))
			throw new Error(`${path}: no module ${found[1]} here`);
		values.push(modules[found[1]]);
	}
	return new Function(...names, source)(...values);
}

const extend = properties => properties;
const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const calls = [], read = new Set(), polls = [], notes = [];

globalThis._ = text => text;
globalThis.E = E;
globalThis.document = { getElementById: () => page };
globalThis.L = {
	isObject: value => value !== null && typeof value === 'object',
	hasViewPermission: () => asked.writable ?? true,
	toArray: value => value == null ? [] : Array.isArray(value) ? value : String(value).trim().split(/\s+/),
};
let page = null;

const modules = {
	baseclass: { extend }, view: { extend },
	poll: { add: (call, seconds) => polls.push([ call, seconds ]) },
	dom: { content: (element, children) => { element.html = inner(children); } },
	ui: {
		createHandlerFn: (self, name, ...args) => () => self[name](...args),
		addNotification: (title, body) => notes.push(html(body)),
		addTimeLimitedNotification: (title, body) => notes.push(html(body)),
	},
	rpc: {
		declare: options => (...args) => {
			const params = Object.fromEntries((options.params ?? []).map((name, i) => [ name, args[i] ]));
			calls.push([ options.object, options.method, params ]);
			if (!(options.method in asked.answers))
				return Promise.reject(new Error(`RPC call to ${options.object}/${options.method} failed`));
			return Promise.resolve(watched(asked.answers[options.method], options.method, read));
		}
	},
};

async function status() {
	const view = load(asked.path, { ...modules, 'routerd.shown': load(asked.shown, modules) });
	page = view.render(await view.load());
	const first = html(page), shown = calls.splice(0);
	for (const [ name, ...args ] of asked.handlers ?? [])
		await view[name](...args);
	const handled = calls.splice(0);
	await polls[0][0]();
	return { html: first, again: html(page), calls: shown, handled, read: [ ...read ].sort(), seconds: polls[0][1], notes,
		saves: [ view.handleSave, view.handleSaveApply, view.handleReset ] };
}

// Every option of every section that the form makes, with what it was given.
function settings() {
	const made = [];
	const uci = { sections: (config, type) => (asked.uci[config] ?? []).filter(each => each['.type'] === type),
		get: () => null, set: (...args) => args };
	const form = { TypedSection: { extend: () => 'single' } };
	for (const name of [ 'DynamicList', 'ListValue', 'Value', 'Flag', 'GridSection' ])
		form[name] = name;
	form.Map = function(config) {
		this.section = (kind, type) => {
			const section = { kind, type, options: [] };
			made.push(section);
			section.option = (widget, name, title, description) => {
				const option = { widget, name, title, description, values: [], value: value => option.values.push(value) };
				section.options.push(option);
				return option;
			};
			return section;
		};
		this.render = () => made;
	};
	const scheme = load(asked.scheme, modules);
	const view = load(asked.path, { ...modules, form, uci, 'routerd.scheme': scheme });
	view.render([ asked.interfaces ?? [] ]);
	for (const section of made)
		for (const option of section.options)
			option.checked = Object.fromEntries((asked.values?.[`${section.type}.${option.name}`] ?? []).map(value =>
				[ value, option.validate ? option.validate('x', value) : null ]));
	return { sections: made, scheme: scheme.SECTIONS };
}

// ucode's syntax is that of JavaScript but for its modules.
function syntax() {
	const source = fs.readFileSync(asked.path, 'utf8').replace(/^import (\{[^}]*\}) from ('[a-z]+');$/mg,
		(_, names, module) => `const ${names.replace(/ as /g, ': ')} = load(${module});`);
	new Function('load', source);
	return {};
}

Promise.resolve({ status, settings, syntax }[asked.do]()).then(answer => console.log(JSON.stringify(answer)),
	error => { console.error(error); process.exit(1); });
