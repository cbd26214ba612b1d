/** The path of a small chart: `places` steps wide, the newest value at the right edge. */
export function line(values: number[], places: number, top: number, width: number, height: number): string {
	return points(values, places, top, width, height)
		.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${x} ${y}`)
		.join('');
}

/** The same, closed at the bottom. */
export function area(values: number[], places: number, top: number, width: number, height: number): string {
	const all = points(values, places, top, width, height);
	const first = all[0];
	const last = all.at(-1);
	if (!first || !last) return '';
	return `${line(values, places, top, width, height)}L${last[0]} ${height}L${first[0]} ${height}Z`;
}

function points(values: number[], places: number, top: number, width: number, height: number): [number, number][] {
	const step = width / Math.max(1, places - 1);
	const start = width - step * (values.length - 1);
	// One pixel of room above and below, so that the line is not cut.
	return values.map((value, at) => [round(start + at * step), round(height - 1 - (value / top) * (height - 2))]);
}

function round(number: number): number {
	return Math.round(number * 100) / 100;
}
