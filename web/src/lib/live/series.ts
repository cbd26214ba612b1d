import type { Throughput, ThroughputNews } from '$lib/api/types';

/** The series with one more point; none when all its points have become others and it has to be asked for anew. */
export function appended(series: Throughput, news: ThroughputNews): Throughput | null {
	const { point } = news;
	if (!series.began_at || series.stretch_seconds !== news.stretch_seconds) return null;
	const begin = point.end - point.seconds;
	// What was asked for in the middle of a stretch ends with a part of it.
	let whole = series.ends.length;
	while (whole > 0 && (series.ends[whole - 1] ?? 0) > begin + 0.15) whole -= 1;
	const column = (values: number[], value: number) => [...values.slice(0, whole), value];
	return {
		...series,
		ends: column(series.ends, point.end),
		seconds: column(series.seconds, point.seconds),
		content_bytes: column(series.content_bytes, point.content_bytes),
		tape_bytes: column(series.tape_bytes, point.tape_bytes),
		buffer_percent: column(series.buffer_percent, point.buffer_percent),
		starved_seconds: column(series.starved_seconds, point.starved_seconds),
		waited_seconds: column(series.waited_seconds, point.waited_seconds)
	};
}

/** Bytes per second of each stretch: to tape where it writes, else of content. */
export function speeds(series: Throughput | undefined): number[] {
	if (!series) return [];
	const moved = series.tape_bytes.some((bytes) => bytes > 0) ? series.tape_bytes : series.content_bytes;
	return moved.map((bytes, at) => bytes / Math.max(0.1, series.seconds[at] ?? 0));
}
