import { describe, expect, it } from 'vitest';
import { isOwn, partsOf, wordsFor, type Template } from './template';

const one = (kind: 'email' | 'ntfy', topic: string, custom: boolean, body: string): Template => ({ kind, topic, custom, subject: '', body, html: '' });
const all = [one('email', 'default', false, 'built in'), one('email', 'tape_required', true, 'mine'), one('ntfy', 'default', true, 'changed')];

describe('words', () => {
	it('of a topic are its own, or those of all', () => {
		expect(wordsFor(all, 'email', 'tape_required')?.body).toBe('mine');
		expect(wordsFor(all, 'email', 'backup_failed')?.body).toBe('built in');
		expect(wordsFor(all, 'gotify', 'backup_failed')).toBeUndefined();
	});
	it('can be put back if people wrote them for this very topic', () => {
		expect(isOwn(all, 'email', 'tape_required')).toBe(true);
		expect(isOwn(all, 'email', 'default')).toBe(false);
		expect(isOwn(all, 'ntfy', 'default')).toBe(true);
		expect(isOwn(all, 'ntfy', 'tape_required')).toBe(false);
	});
	it('have the parts of their kind', () => {
		expect(partsOf('email')).toEqual(['subject', 'body', 'html']);
		expect(partsOf('telegram')).toEqual(['body']);
	});
});
