import { api, fetched } from '$lib/api/client';
import type { Progress, Throughput, ThroughputNews } from '$lib/api/types';
import { appended } from './series';

/** Two looks at the counters that are closer say nothing about speed. */
const SHORTEST_MS = 300;
/** So many series are kept; the oldest goes first. */
const MOST = 20;

interface Look {
	at: number;
	written: number;
	done: number;
	speed: number;
}

/**
 * How fast runs are and were: the server's series of each run that somebody looks at, kept fresh by its stream, and the
 * speed of this moment.
 */
export class ThroughputHistory {
	#series = $state.raw(new Map<number, Throughput>());
	#looks = $state.raw(new Map<number, Look>());
	#wanted = new Set<number>();

	/** What is known of a run; nothing before `want` was answered. */
	of(execution: number): Throughput | undefined {
		return this.#series.get(execution);
	}

	/** Bytes per second between the last two looks at its counters; none before there were two. */
	now(execution: number): number | undefined {
		return this.#looks.get(execution)?.speed;
	}

	/** From now on this run's series is here. */
	want(execution: number): void {
		if (this.#wanted.has(execution)) return;
		this.#wanted.add(execution);
		void this.refresh(execution);
	}

	async refresh(execution: number): Promise<void> {
		try {
			const params = { path: { id: execution } };
			this.#keep(execution, await fetched(api.GET('/api/v1/executions/{id}/throughput', { params })));
		} catch {
			// A picture that is missing is asked for again with the next look at the page.
			this.#wanted.delete(execution);
		}
	}

	/** The stream tells a new point. */
	hear(news: ThroughputNews): void {
		const known = this.#series.get(news.execution_id);
		if (!known) return;
		const next = appended(known, news);
		if (next) this.#keep(news.execution_id, next);
		else void this.refresh(news.execution_id);
	}

	look(progress: Progress): void {
		const at = new Date(progress.updated_at).getTime();
		const [written, done] = [progress.bytes_written, progress.bytes_processed];
		const last = this.#looks.get(progress.execution_id);
		if (last && at - last.at < SHORTEST_MS) return;
		const moved = last ? Math.max(written - last.written, written > 0 ? 0 : done - last.done) : 0;
		const speed = last ? Math.max(0, moved / ((at - last.at) / 1000)) : progress.write_speed;
		this.#looks = new Map([...this.#looks, [progress.execution_id, { at, written, done, speed }] as const].slice(-MOST));
	}

	/** All that is shown may have gone on while there was no line. */
	catchUp(): void {
		for (const execution of this.#wanted) void this.refresh(execution);
	}

	clear(): void {
		this.#series = new Map();
		this.#looks = new Map();
		this.#wanted.clear();
	}

	#keep(execution: number, series: Throughput): void {
		const all = new Map(this.#series);
		all.delete(execution);
		all.set(execution, series);
		for (const old of [...all.keys()].slice(0, -MOST)) {
			all.delete(old);
			this.#wanted.delete(old);
		}
		this.#series = all;
	}
}
