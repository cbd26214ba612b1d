import { expect, it } from 'vitest';
import { marks, place } from './timeline';

it('gives the last days more room', () => {
	expect(place(0, 365)).toBe(0);
	expect(place(365, 365)).toBe(1);
	expect(place(30, 365)).toBeGreaterThan(0.5);
	expect(place(5, 0)).toBe(0);
	expect(place(-1, 10)).toBe(0);
});

it('marks only what is in sight', () => {
	expect(marks(6).map((mark) => mark.words)).toEqual(['today']);
	expect(marks(400).map((mark) => mark.words)).toEqual(['today', '1 week', '1 month', '6 months', '1 year']);
});
