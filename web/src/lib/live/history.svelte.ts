import type { Progress } from '$lib/api/types';

export interface Sample {
	/** Milliseconds since 1970. */
	at: number;
	/** Bytes per second to tape since the sample before. */
	speed: number;
	/** Fill of the buffer in percent. */
	buffer: number;
	/** Bytes on tape. */
	written: number;
}

const MOST = 240;
/** Two samples that are closer say nothing about speed. */
const SHORTEST_MS = 300;

/** Speed and buffer of running work over the last minutes, as far as this page has seen them. */
export class History {
	#samples = $state.raw(new Map<number, Sample[]>());

	of(execution: number): Sample[] {
		return this.#samples.get(execution) ?? [];
	}

	add(progress: Progress): void {
		const before = this.of(progress.execution_id);
		const next = sample(before.at(-1), progress);
		if (!next) return;
		const samples = new Map(this.#samples);
		samples.set(progress.execution_id, [...before, next].slice(-MOST));
		this.#samples = samples;
	}

	clear(): void {
		this.#samples = new Map();
	}
}

/** The sample that follows `last`; none if it is too early for one. The first shows the server's mean of a minute. */
export function sample(last: Sample | undefined, progress: Progress): Sample | null {
	const at = new Date(progress.updated_at).getTime();
	const written = progress.bytes_written;
	const buffer = progress.buffer_percent;
	if (!last) return { at, speed: progress.write_speed, buffer, written };
	if (at - last.at < SHORTEST_MS) return null;
	const speed = Math.max(0, (written - last.written) / ((at - last.at) / 1000));
	return { at, speed, buffer, written };
}
