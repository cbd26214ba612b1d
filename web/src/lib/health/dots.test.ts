import { describe, expect, it } from 'vitest';
import { ceiling, place } from './dots';

describe('a chart of dots', () => {
	it('ends at a round number', () => {
		expect([0, 0.3, 1, 1.2, 17, 520].map(ceiling)).toEqual([1, 0.5, 1, 2, 20, 1000]);
	});
	it('puts them in the order of time, series apart by shape', () => {
		const dot = (day: number, value: number, series: string) => ({ at: new Date(2026, 1, day), value, series, title: '' });
		const { dots, top, series } = place([dot(3, 10, 'b'), dot(1, 0, 'a'), dot(2, 5, 'a')], 100, 50, 10);
		expect(dots.map((one) => [one.x, one.y, one.shape])).toEqual([[10, 40, 0], [50, 25, 0], [90, 10, 1]]);
		expect([top, series]).toEqual([10, ['a', 'b']]);
		expect(place([dot(1, 1, 'a')], 100, 50, 10).dots[0]?.x).toBe(50);
		expect(place([], 100, 50, 10).dots).toEqual([]);
	});
});
