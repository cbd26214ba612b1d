import { describe, expect, it } from 'vitest';
import { duration, exactDuration, parseTime, relative } from './time';

const now = new Date('2026-11-21T12:00:00Z');
const at = (text: string) => relative(new Date(text), now);

describe('relative', () => {
	it('tells the past and the future apart', () => {
		expect(at('2026-11-21T11:59:50Z')).toBe('just now');
		expect(at('2026-11-21T12:00:10Z')).toBe('just now');
		expect(at('2026-11-21T12:00:30Z')).toBe('in a moment');
		expect(at('2026-11-21T11:57:00Z')).toBe('3 min ago');
		expect(at('2026-11-21T14:00:00Z')).toBe('in 2 h');
		expect(at('2026-11-20T12:00:00Z')).toBe('1 day ago');
	});
	it('becomes a date after two weeks', () => {
		expect(at('2026-10-03T12:00:00Z')).toContain('3');
		expect(at('2025-10-03T12:00:00Z')).toContain('2025');
	});
});

describe('duration', () => {
	it.each([
		[0, '0 s'],
		[59.6, '1 min'],
		[61, '1 min 01 s'],
		[45 * 60, '45 min'],
		[3 * 3600 + 5 * 60, '3 h 05 min'],
		[52 * 3600, '2 d 4 h'],
		[-1, '–']
	])('%d s is %s', (seconds, words) => expect(duration(seconds)).toBe(words));
	it('is exact where asked', () => expect(exactDuration(3723)).toBe('1:02:03'));
});

describe('times of the API', () => {
	it('are none when they are not there', () => {
		expect(parseTime(null)).toBeNull();
		expect(parseTime('0001-01-01T00:00:00Z')).toBeNull();
		expect(parseTime('nonsense')).toBeNull();
		expect(parseTime('2026-11-21T12:00:00Z')?.getTime()).toBe(now.getTime());
	});
});
