/** A point of a chart: when, how much, of which series, and what hovering over it says. */
export interface Dot {
	at: Date;
	value: number;
	series: string;
	title: string;
	href?: string | undefined;
}

export interface Placed extends Dot {
	x: number;
	y: number;
	shape: number;
}

/** A round number at or above the highest. */
export function ceiling(highest: number): number {
	if (!(highest > 0)) return 1;
	const power = 10 ** Math.floor(Math.log10(highest));
	return ([1, 2, 5, 10].find((step) => highest <= step * power * (1 + 1e-9)) ?? 10) * power;
}

/** Where the dots stand: in the order of time, evenly, for what counts is the sitting and not the day. `left`: room for words. */
export function place(dots: readonly Dot[], width: number, height: number, pad: number, left = pad): { dots: Placed[]; top: number; series: string[] } {
	const sorted = dots.toSorted((a, b) => a.at.getTime() - b.at.getTime());
	const series = [...new Set(sorted.map((dot) => dot.series))];
	const top = ceiling(Math.max(0, ...sorted.map((dot) => dot.value)));
	const step = sorted.length > 1 ? (width - left - pad) / (sorted.length - 1) : 0;
	const placed = sorted.map((dot, at) => ({
		...dot,
		x: sorted.length > 1 ? left + at * step : width / 2,
		y: height - pad - (dot.value / top) * (height - 2 * pad),
		shape: series.indexOf(dot.series) % SHAPES
	}));
	return { dots: placed, top, series };
}

/** Series are told apart by shape, so that no colour has to be seen. */
export const SHAPES = 4;
