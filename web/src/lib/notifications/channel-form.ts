import { KINDS, type FieldSpec, type Kind } from './kinds';

/** What the server shows in the place of a secret; sent back, it leaves the secret as it is. */
export const MASK = '********';

/** Text as it is typed: lists have a line for each, checks are "yes" or empty. */
export type Texts = Record<string, string>;
/** A header; `kept`: its value is there and not shown. */
export interface Pair {
	name: string;
	value: string;
	kept: string | null;
}

export interface ChannelForm {
	texts: Texts;
	/** By field: what the server showed of a secret that stays as it is. */
	kept: Record<string, string>;
	pairs: Pair[];
}

type Config = Record<string, unknown>;

/** The form for a configuration as the server shows it; for a new channel, `{}`. */
export function formOf(kind: Kind, config: Config): ChannelForm {
	const form: ChannelForm = { texts: {}, kept: {}, pairs: [] };
	for (const field of KINDS[kind].fields) {
		const value = config[field.name];
		if (field.type === 'pairs') form.pairs = pairsOf(value);
		else if (field.type === 'secret' && isText(value)) form.kept[field.name] = value;
		else form.texts[field.name] = textOf(field, value);
	}
	return form;
}

function textOf(field: FieldSpec, value: unknown): string {
	if (Array.isArray(value)) return value.join('\n');
	if (field.type === 'check') return value === true ? 'yes' : '';
	if (field.type === 'number') return typeof value === 'number' && value !== 0 ? String(value) : '';
	return isText(value) ? value : (field.initial ?? '');
}

function pairsOf(value: unknown): Pair[] {
	if (typeof value !== 'object' || value === null) return [];
	return Object.entries(value).map(([name, masked]) => ({ name, value: '', kept: String(masked) }));
}

function isText(value: unknown): value is string {
	return typeof value === 'string' && value !== '';
}

/**
 * The whole configuration that the form says, over what was known; what is secret and stays as it is goes back as it was
 * shown.
 */
export function configOf(kind: Kind, form: ChannelForm, known: Config = {}): Config {
	const config: Config = { ...known };
	for (const field of KINDS[kind].fields) {
		const text = (form.texts[field.name] ?? '').trim();
		if (field.type === 'pairs') config[field.name] = Object.fromEntries(form.pairs.filter((pair) => pair.name.trim()).map((pair) => [pair.name.trim(), pair.kept ?? pair.value]));
		else if (field.type === 'check') config[field.name] = text === 'yes';
		else if (field.type === 'number') config[field.name] = text === '' ? 0 : Number(text);
		else if (field.type === 'list') config[field.name] = lines(text);
		else if (field.type === 'secret') config[field.name] = form.kept[field.name] ?? text;
		else config[field.name] = text;
	}
	return config;
}

/** Addresses and the like, by lines, commas or semicolons. */
export function lines(text: string): string[] {
	return text.split(/[\n,;]+/).map((line) => line.trim()).filter(Boolean);
}

/** What is wrong with a field, before the server is asked; nothing for what is only missing. */
export function problemOf(field: FieldSpec, text: string): string | undefined {
	const value = text.trim();
	if (value === '') return undefined;
	if (field.type === 'number') return Number.isInteger(Number(value)) && Number(value) >= 0 ? undefined : 'A whole number.';
	if (field.type === 'list') {
		const wrong = lines(value).find((line) => !/^[^@\s]+@[^@\s]+$/.test(line.replace(/^.*<(.*)>$/, '$1')));
		return wrong ? `“${wrong}” is no mail address.` : undefined;
	}
	if (['server', 'url', 'api_url', 'proxy'].includes(field.name)) return /^https?:\/\/\S+$/.test(value) ? undefined : 'An address that begins with https://.';
	if (field.name === 'topic') return /^[A-Za-z0-9_-]{1,64}$/.test(value) ? undefined : 'Up to 64 letters, digits, - and _.';
	if (field.name === 'chat_id') return /^(-?\d+|@\w+)$/.test(value) ? undefined : 'A number, or @name of a public channel.';
	if (field.name === 'bot_token') return /^\d+:[\w-]+$/.test(value) ? undefined : 'It looks like 123456:ABC-DEF.';
	return undefined;
}

/** Whether everything that is needed is there, and nothing is wrong. */
export function isComplete(kind: Kind, form: ChannelForm): boolean {
	return KINDS[kind].fields.every((field) => {
		if (field.type === 'pairs') return true;
		const text = form.texts[field.name] ?? '';
		const there = text.trim() !== '' || form.kept[field.name] !== undefined;
		return (there || !field.required) && problemOf(field, text) === undefined;
	});
}
