import { expect, it } from 'vitest';
import { fits } from './event-filters';

const event = { id: '7', type: 'warning' as const, category: 'tape', title: 'Tape Full', message: 'A00001L9 is full', timestamp: '2026-11-20T22:00:00Z' };

it('shows what comes only if it fits', () => {
	expect(fits(event, {})).toBe(true);
	expect(fits(event, { type: 'warning', category: 'tape', q: 'a00001', start: '2026-11-20', end: '2026-11-20' })).toBe(true);
	expect(fits(event, { type: 'error' })).toBe(false);
	expect(fits(event, { category: 'drive' })).toBe(false);
	expect(fits(event, { q: 'drive' })).toBe(false);
	expect(fits(event, { end: '2026-11-19' })).toBe(false);
	expect(fits(event, { start: '2026-11-21' })).toBe(false);
});
