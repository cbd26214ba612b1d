import { expect, it } from 'vitest';
import { channelState } from './channel-state';

const channel = { enabled: true, problem: null, failures: 0, rules: [{ id: 1, name: 'all' }], last_sent_at: '2026-11-21T12:00:00Z' };
const word = (more: object) => channelState({ ...channel, ...more } as never).word;

it('tells the worst about a channel first', () => {
	const all = { enabled: false, problem: 'the key is gone', failures: 3, rules: [] };
	expect(word(all)).toBe('Switched off');
	expect(word({ ...all, enabled: true })).toBe('Cannot be used');
	expect(word({ ...all, enabled: true, problem: null })).toBe('3 attempts failed');
	expect(word({ failures: 1 })).toBe('Last attempt failed');
	expect(word({ rules: [] })).toBe('No rule sends to it');
	expect(word({})).toBe('Works');
	expect(word({ last_sent_at: null })).toBe('Ready');
});
