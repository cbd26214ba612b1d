import { describe, expect, it } from 'vitest';
import { configOf, formOf, isComplete, MASK, problemOf } from './channel-form';
import { addressOf, KINDS } from './kinds';

const mail = { host: 'mx', port: 0, security: 'tls', username: 'u', password: MASK, from: 'a@b.example', from_name: '', to: ['x@y.example', 'z@y.example'], ca_certificate: '', accept_any_certificate: false };
const field = (kind: 'email' | 'ntfy' | 'telegram' | 'webhook', name: string) => {
	const found = KINDS[kind].fields.find((one) => one.name === name);
	if (!found) throw new Error(name);
	return found;
};

describe('the form of a channel', () => {
	it('says again what it was filled with, secrets as they were shown', () => {
		const form = formOf('email', mail);
		expect(form.texts.password).toBeUndefined();
		expect(form.texts.to).toBe('x@y.example\nz@y.example');
		expect(configOf('email', form)).toEqual(mail);
	});
	it('replaces a secret by what is typed', () => {
		const form = formOf('telegram', { bot_token: MASK, chat_id: '5' });
		delete form.kept.bot_token;
		form.texts.bot_token = ' 1:new ';
		expect(configOf('telegram', form).bot_token).toBe('1:new');
	});
	it('keeps the values of headers that stay, and drops those without a name', () => {
		const form = formOf('webhook', { url: `https://a.example/${MASK}`, headers: { Authorization: MASK } });
		form.pairs.push({ name: 'X-Team', value: 'tapes', kept: null }, { name: ' ', value: 'x', kept: null });
		expect(configOf('webhook', form).headers).toEqual({ Authorization: MASK, 'X-Team': 'tapes' });
	});
	it('leaves alone what it has no field for', () => {
		expect(configOf('gotify', formOf('gotify', { token: MASK, added_later: 5 }), { token: MASK, added_later: 5 })).toMatchObject({ token: MASK, added_later: 5 });
	});
	it('begins with what is usual', () => {
		const form = formOf('ntfy', {});
		expect(form.texts.server).toBe('https://ntfy.sh');
		expect(isComplete('ntfy', form)).toBe(false);
		form.texts.topic = 'tapes';
		expect(isComplete('ntfy', form)).toBe(true);
	});
	it('says what is wrong while it is typed, and nothing of what is only missing', () => {
		expect(problemOf(field('email', 'to'), 'a@b.example, nobody')).toContain('nobody');
		expect(problemOf(field('email', 'to'), 'Ops <a@b.example>')).toBeUndefined();
		expect(problemOf(field('ntfy', 'topic'), 'a/b')).toBeDefined();
		expect(problemOf(field('telegram', 'chat_id'), '@channel')).toBeUndefined();
		expect(problemOf(field('webhook', 'url'), 'chat.example')).toBeDefined();
		expect(problemOf(field('webhook', 'url'), '')).toBeUndefined();
	});
	it('needs a secret once', () => {
		expect(isComplete('gotify', formOf('gotify', { server: 'https://p.example', token: MASK }))).toBe(true);
		expect(isComplete('gotify', formOf('gotify', { server: 'https://p.example' }))).toBe(false);
	});
	it('says where a channel goes without what is secret', () => {
		expect(addressOf({ kind: 'webhook', config: { url: `https://chat.example/${MASK}` } as never })).toBe('chat.example');
		expect(addressOf({ kind: 'email', config: mail as never })).toBe('x@y.example, z@y.example');
		expect(addressOf({ kind: 'ntfy', config: { server: 'https://ntfy.sh', topic: 't' } as never })).toBe('t on ntfy.sh');
	});
});
