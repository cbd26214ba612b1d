import { describe, expect, it } from 'vitest';
import type { Throughput } from '$lib/api/types';
import { appended, speeds } from './series';

const series: Throughput = {
	began_at: '2026-11-21T01:30:00Z',
	stretch_seconds: 1,
	ends: [1, 2, 2.5],
	seconds: [1, 1, 0.5],
	content_bytes: [100, 200, 50],
	tape_bytes: [0, 150, 40],
	buffer_percent: [10, 20, 30],
	starved_seconds: [0, 0.5, 0],
	waited_seconds: [1, 0, 0]
};
const point = { end: 3, seconds: 1, content_bytes: 120, tape_bytes: 100, buffer_percent: 40, starved_seconds: 0, waited_seconds: 0 };

describe('a series', () => {
	it('goes on with a point, in the place of the part of it that was known', () => {
		const next = appended(series, { execution_id: 7, stretch_seconds: 1, point });
		expect(next?.ends).toEqual([1, 2, 3]);
		expect(next?.tape_bytes).toEqual([0, 150, 100]);
	});
	it('goes on behind a gap', () => {
		expect(appended(series, { execution_id: 7, stretch_seconds: 1, point: { ...point, end: 100 } })?.ends).toEqual([1, 2, 2.5, 100]);
	});
	it('has to be asked for anew when its stretches became longer', () => {
		expect(appended(series, { execution_id: 7, stretch_seconds: 2, point })).toBeNull();
	});
	it('shows what went to tape, or the content where nothing is written', () => {
		expect(speeds(series)).toEqual([0, 150, 80]);
		expect(speeds({ ...series, tape_bytes: [0, 0, 0] })).toEqual([100, 200, 100]);
		expect(speeds(undefined)).toEqual([]);
	});
});
