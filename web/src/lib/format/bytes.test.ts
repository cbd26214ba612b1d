import { describe, expect, it } from 'vitest';
import { bytes, counted, percent, whole } from './bytes';

describe('bytes', () => {
	it.each([
		[0, '0 B'],
		[999, '999 B'],
		[1000, '1.00 kB'],
		[999_499, '999 kB'],
		[999_500, '1.00 MB'],
		[18_000_000_000_000, '18.0 TB'],
		[-2_500_000, '−2.50 MB'],
		[Number.NaN, '–']
	])('%d is %s', (count, words) => expect(bytes(count)).toBe(words));

	it('never shows four digits before a unit', () => {
		for (let count = 1; count < 1e18; count = Math.ceil(count * 1.37)) {
			expect(bytes(count)).toMatch(/^\d{1,3}(\.\d{1,2})? [kMGTPE]?B$/);
		}
	});
});

describe('whole numbers', () => {
	it('have thin spaces between thousands', () => expect(whole(1234567)).toBe('1\u202f234\u202f567'));
	it('agree with their noun', () => {
		expect(counted(1, 'tape')).toBe('1 tape');
		expect(counted(0, 'library', 'libraries')).toBe('0 libraries');
	});
});

describe('percent', () => {
	it.each([
		[1, 4, 25],
		[5, 4, 100],
		[1, 0, 0],
		[Number.NaN, 4, 0]
	])('%d of %d', (part, all, expected) => expect(percent(part, all)).toBe(expected));
});
