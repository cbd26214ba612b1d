import { describe, expect, it } from 'vitest';
import type { Throughput } from '$lib/api/types';
import { chartData, summary } from './chart';
import { runQuery, since } from './question';
import { lasted } from './words';

const series: Throughput = {
	began_at: '2026-11-21T01:30:00Z',
	stretch_seconds: 1,
	ends: [1, 2, 101],
	seconds: [1, 1, 1],
	content_bytes: [100, 200, 0],
	tape_bytes: [100, 200, 0],
	buffer_percent: [10, 20, 0],
	starved_seconds: [0.01, 0.5, 0],
	waited_seconds: [0, 0, 1]
};
const began = Date.parse('2026-11-21T01:30:00Z') / 1000;

describe('a chart of throughput', () => {
	const data = chartData(series);
	it('covers the whole run, with a gap where the server was off', () => {
		expect(data.times.map((time) => Math.round(time - began))).toEqual([0, 1, 2, 2, 100, 101]);
		expect(data.speed).toEqual([100, 100, 200, null, 0, 0]);
		expect(data.times.every((time, at) => at === 0 || time > (data.times[at - 1] ?? 0))).toBe(true);
	});
	it('marks where the drive starved, but not the noise', () => {
		expect(data.starved).toEqual([{ from: began + 1, to: began + 2, share: 0.5 }]);
		expect(data.waited).toEqual([{ from: began + 100, to: began + 101, share: 1 }]);
	});
	it('is told in figures that leave waiting out of the mean', () => {
		expect(summary(series)).toEqual({ mean: 150, highest: 200, starved: 0.51, waited: 1, seconds: 3 });
		expect(summary({ ...series, ends: [], seconds: [], tape_bytes: [], content_bytes: [], starved_seconds: [], waited_seconds: [] }).mean).toBe(0);
	});
});

describe('a question for runs', () => {
	const now = new Date('2026-11-21T12:00:00Z');
	const none = { status: '', kind: '', job: '', drive: '', time: '' };
	it('asks for nothing that is not wanted, and for no nonsense', () => {
		expect(runQuery(none, now)).toEqual({});
		expect(runQuery({ ...none, job: 'x', drive: '3', time: 'never' }, now)).toEqual({ drive_id: 3 });
	});
	it('knows spans of time', () => expect(since('day', now)).toBe('2026-11-20T12:00:00.000Z'));
	it('knows how long a run has taken', () => {
		expect(lasted({ start_time: null, end_time: null }, now)).toBeNull();
		expect(lasted({ start_time: '2026-11-21T11:59:00Z', end_time: null }, now)).toBe(60);
	});
});
