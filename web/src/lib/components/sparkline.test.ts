import { expect, it } from 'vitest';
import { area, line } from './sparkline';

it('begins where the oldest value is and ends at the right edge', () => {
	expect(line([0, 5, 10], 3, 10, 100, 22)).toBe('M0 21L50 11L100 1');
	expect(line([10], 3, 10, 100, 22)).toBe('M100 1');
});

it('is closed at the bottom', () => {
	expect(area([0, 10], 3, 10, 100, 22)).toBe('M50 21L100 1L100 22L50 22Z');
	expect(area([], 3, 10, 100, 22)).toBe('');
});
