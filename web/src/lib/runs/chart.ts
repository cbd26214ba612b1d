import type { Throughput } from '$lib/api/types';
import { speeds } from '$lib/live/series';

/** What a chart draws: columns for uPlot (nulls are gaps), and stretches to be marked. */
interface ChartData {
	/** Seconds since 1970. */
	times: number[];
	speed: (number | null)[];
	buffer: (number | null)[];
	starved: Mark[];
	waited: Mark[];
}

/** A stretch, and how much of it (0 to 1) it was so. */
export interface Mark {
	from: number;
	to: number;
	share: number;
}

export interface Summary {
	mean: number;
	highest: number;
	starved: number;
	waited: number;
	seconds: number;
}

/** Less than this is noise: every stream begins with an empty buffer. */
const LEAST_SHARE = 0.03;
/** A pause that is longer than this, in stretches, is a gap: the server was off. */
const GAP = 2.5;

/** The series of a run as a chart draws it. */
export function chartData(series: Throughput): ChartData {
	const began = series.began_at ? new Date(series.began_at).getTime() / 1000 : 0;
	const all = speeds(series);
	const data: ChartData = { times: [], speed: [], buffer: [], starved: [], waited: [] };
	let last = 0;
	for (const [at, end] of series.ends.entries()) {
		const seconds = series.seconds[at] ?? 0;
		const begin = end - seconds;
		if (at === 0 || begin - last > GAP * Math.max(1, series.stretch_seconds)) {
			// The line begins at the beginning of the stretch, not at its end; a null before it lets the pen up.
			if (at > 0) push(data, began + last + 0.01, null, null);
			push(data, began + begin, all[at] ?? 0, series.buffer_percent[at] ?? 0);
		}
		push(data, began + end, all[at] ?? 0, series.buffer_percent[at] ?? 0);
		mark(data.starved, began + begin, began + end, (series.starved_seconds[at] ?? 0) / Math.max(0.1, seconds));
		mark(data.waited, began + begin, began + end, (series.waited_seconds[at] ?? 0) / Math.max(0.1, seconds));
		last = end;
	}
	return data;
}

function push(data: ChartData, time: number, speed: number | null, buffer: number | null): void {
	// Times must rise.
	if (data.times.length > 0 && time <= (data.times.at(-1) ?? 0)) return;
	data.times.push(time);
	data.speed.push(speed);
	data.buffer.push(buffer);
}

function mark(marks: Mark[], from: number, to: number, share: number): void {
	if (share >= LEAST_SHARE) marks.push({ from, to, share: Math.min(1, share) });
}

/** The whole run in a few figures, for those who read rather than look. */
export function summary(series: Throughput): Summary {
	const all = speeds(series);
	const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
	const moved = sum(all.map((speed, at) => speed * (series.seconds[at] ?? 0)));
	const waited = sum(series.waited_seconds);
	const seconds = sum(series.seconds);
	const working = Math.max(0, seconds - waited);
	return {
		mean: working > 0 ? moved / working : 0,
		highest: Math.max(0, ...all),
		starved: sum(series.starved_seconds),
		waited,
		seconds
	};
}
